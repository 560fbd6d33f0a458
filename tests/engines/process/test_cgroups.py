"""Each limit that the report calls a control group's, by programs that try to get past it, in this kernel's groups."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nova_spi.engines.port import Limits
from nova_spi.engines.process import running
from nova_spi.engines.process.cgroups import controls, emptying, joining, names
from nova_spi.engines.process.cgroups.finding import Parent, find
from nova_spi.engines.process.cgroups.group import Group
from nova_spi.engines.process.isolation.levels import LEVELS, why_not
from nova_spi.engines.process.isolation.report import protection
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Silent

MIB = 1024 * 1024
EVERY_LEVEL = pytest.mark.parametrize("level", LEVELS)
SHUT_IN = pytest.mark.parametrize("level", ["sandbox", "landlock"])
GRANDCHILD = """
import os
child = os.fork()
if child == 0:
    os.setsid()
    grandchild = os.fork()
    if grandchild == 0:
        kept = []
        while True: kept.append(bytearray(b'x' * 4_000_000))
    os.waitpid(grandchild, 0)
    os._exit(0)
os.waitpid(child, 0)
"""


def controllers() -> set[str]:
    return {name for parent in find() for name in parent.controllers}


@pytest.fixture
def at(lab, tmp_path):
    """Runs a program at a level, where the machine has the level and the controllers."""

    def run(level, source, *needed, **limits):
        if missing := set(needed) - controllers():
            pytest.skip(f"no control groups with {', '.join(sorted(missing))}")
        if reason := why_not(level, tmp_path / "cache"):
            pytest.skip(reason)
        return running.run(lab.python(source, **limits), Silent(), level=level)

    return run


@pytest.fixture
def rows(tmp_path):
    def rows(level, **limits):
        return {row.what: row for row in protection(Limits(5.0, **limits), level, "none")}

    return rows


@EVERY_LEVEL
def test_a_grandchild_that_takes_too_much_is_out_of_memory_though_the_program_would_go_on(at, level):
    outcome = at(
        level, GRANDCHILD + "open('went-on', 'w')\nimport time; time.sleep(60)", "memory", memory_bytes=100 * MIB
    )
    assert outcome.reason == "out_of_memory"
    assert outcome.wall_seconds < 20
    assert 80 * MIB < outcome.peak_memory_bytes < 120 * MIB


def test_a_program_that_ends_well_after_a_child_was_out_of_memory_is_out_of_memory(at):
    assert at("process", GRANDCHILD, "memory", memory_bytes=100 * MIB).reason == "out_of_memory"


@pytest.mark.parametrize(("level", "place"), [("sandbox", "/tmp"), ("sandbox", "/dev/shm"), ("landlock", "/dev/shm")])
def test_files_in_memory_count(at, level, place):
    source = (
        "import os\n"
        f"file = os.open('{place}/nova-spi-test-{os.getpid()}', os.O_RDWR | os.O_CREAT)\n"
        f"os.unlink('{place}/nova-spi-test-{os.getpid()}') if '{level}' == 'landlock' else None\n"
        "for _ in range(40): os.write(file, b'x' * 1_000_000)\n"
        "again = os.open('/dev/shm/second', os.O_RDWR | os.O_CREAT) if '" + level + "' == 'sandbox' else file\n"
        "for _ in range(40): os.write(again, b'x' * 1_000_000)\n"
    )
    assert at(level, source, "memory", memory_bytes=60 * MIB).reason == "out_of_memory"


def test_files_on_a_disk_do_not_count(at, lab):
    kind = subprocess.run(["stat", "-f", "-c", "%T", lab.folder], capture_output=True, text=True, check=False).stdout
    if kind.strip() in ("tmpfs", "ramfs"):
        pytest.skip("the temporary folder is in memory")
    source = (
        "with open('big', 'wb') as file:\n"
        "    for _ in range(150): file.write(b'x' * 1_000_000)\n"
        "with open('big', 'rb') as file:\n"
        "    while file.read(1_000_000): pass\n"
    )
    outcome = at("process", source, "memory", memory_bytes=100 * MIB)
    assert (outcome.reason, outcome.exit_code) == ("exited", 0)
    assert outcome.peak_memory_bytes < 60 * MIB


@EVERY_LEVEL
def test_a_bomb_of_processes_meets_its_bound(at, level, lab, monkeypatch):
    monkeypatch.setattr(controls, "PROCESSES", 40)
    source = (
        "import os, time\n"
        "count = 0\n"
        "try:\n"
        "    while count < 1000:\n"
        "        if os.fork() == 0: time.sleep(60)\n"
        "        count += 1\n"
        "except BlockingIOError:\n"
        "    print('refused after', count, flush=True)\n"
        "os._exit(3)\n"
    )
    outcome = at(level, source, "pids")
    assert outcome.exit_code == 3
    said, count = lab.text().strip().rsplit(" ", 1)
    assert said == "refused after"
    assert 30 < int(count) < 40


@EVERY_LEVEL
def test_a_bomb_that_goes_on_is_ended_whole(at, level, lab, monkeypatch):
    monkeypatch.setattr(controls, "PROCESSES", 100)
    source = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while True:\n"
        "    try: os.fork() or os.setsid()\n"
        "    except OSError: pass\n"
    )
    assert at(level, source, "pids", timeout_seconds=1.5, grace_seconds=0.2).reason == "timeout"
    assert not lab.left()


@EVERY_LEVEL
def test_two_busy_processes_get_the_half_core_that_they_may_have(at, level):
    source = "import os, time\nos.fork()\nuntil = time.monotonic() + 1.5\nwhile time.monotonic() < until: pass\n"
    outcome = at(level, source, "cpu", "cpuacct" if find()[0].version == 1 else "cpu", cpu_cores=0.5)
    assert outcome.exit_code == 0
    assert outcome.cpu_seconds / outcome.wall_seconds < 0.8


def test_the_time_of_a_process_that_nobody_waited_for_counts(at):
    source = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    while time.process_time() < 0.5: pass\n"
        "    open('burnt', 'w')\n"
        "    time.sleep(60)\n"
        "while not os.path.exists('burnt'): time.sleep(0.01)\n"
    )
    outcome = at("process", source, "cpuacct" if any(one.version == 1 for one in find()) else "cpu")
    assert outcome.leftovers == 1
    assert outcome.cpu_seconds >= 0.5


@SHUT_IN
def test_the_files_of_control_groups_are_out_of_reach(at, level, lab):
    places = [
        str(folder / name) for p in find() for folder in (p.folder, Path("/sys/fs/cgroup")) for name in ("", "tasks")
    ]
    places += [str(parent.folder / "cgroup.procs") for parent in find()]
    source = (
        "import os\n"
        f"for place in {places!r}:\n"
        "    make = place + '/inner'\n"
        "    for do in (lambda: os.open(place, 1), lambda: os.mkdir(make), lambda: os.listdir(place)):\n"
        "        try: do()\n"
        "        except OSError: continue\n"
        "        print('reached', place)\n"
        "print('done')\n"
    )
    at(level, source, "pids")
    assert lab.text() == "done\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_at_level_process_root_can_leave_its_group_as_the_report_says_and_is_ended_all_the_same(at, lab, rows):
    places = [str(parent.folder / "cgroup.procs") for parent in find()]
    source = (
        "import os, time\n"
        f"for place in {places!r}: open(place, 'w').write(str(os.getpid()))\n"
        "print(open('/proc/self/cgroup').read())\n"
        "if os.fork() == 0: os.setsid(); time.sleep(60)\n"
    )
    outcome = at("process", source, "pids")
    assert "/nova-spi-" not in lab.text()
    assert outcome.leftovers == 1
    assert not rows("process")["pids"].hard
    assert "could leave it" in rows("process")["pids"].by


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_groups_that_a_model_has_made_in_its_own_are_removed_with_it(at, lab):
    source = (
        "import os, time\n"
        "for line in open('/proc/self/cgroup'):\n"
        "    path = line.strip().split(':', 2)[2]\n"
        f"    for top in {[str(parent.folder) for parent in find()]!r}:\n"
        "        here = top + '/' + os.path.basename(path)\n"
        "        if '/nova-spi-' in path and os.path.isdir(here):\n"
        "            os.makedirs(here + '/deep/er', exist_ok=True)\n"
        "            print('made')\n"
        "if os.fork() == 0: os.setsid(); time.sleep(60)\n"
    )
    at("process", source, "pids")
    assert "made" in lab.text()  # that nothing stays is looked at after every test


@EVERY_LEVEL
def test_the_report_names_what_enforces_each_limit(rows, level):
    given = {"memory_bytes": 100 * MIB, "cpu_cores": 1.5}
    found = rows(level, **given)
    versions = {name: parent.version for parent in find() for name in parent.controllers}
    for what, limit in {"memory": "104857600 bytes", "cpu": "1.5 cores", "pids": "4096 processes and threads"}.items():
        if what in versions:
            assert found[what].limit == limit
            assert f"cgroup v{versions[what]}: " in found[what].by
            assert found[what].hard == (level != "process")
    if "memory" in versions:
        assert ("/tmp" in found["memory"].by) == (level == "sandbox")
        assert "/dev/shm" in found["memory"].by


@EVERY_LEVEL
def test_without_control_groups_the_report_promises_no_more_than_before(rows, level, monkeypatch):
    monkeypatch.setattr("nova_spi.engines.process.cgroups.telling.find", tuple)
    found = rows(level, memory_bytes=5, cpu_cores=1.0)
    assert "cgroup" not in str(found)
    assert found["memory"].by.startswith("watchdog")
    assert not found["memory"].hard
    assert found["cpu"].by.startswith("nothing")
    assert found["pids"].hard == (level == "sandbox")


def test_a_limit_that_nobody_asked_for_is_not_reported(rows):
    found = rows("sandbox")
    assert found["memory"].limit == found["cpu"].limit == ""
    assert not found["memory"].hard
    assert not found["cpu"].hard


def test_without_control_groups_the_watchdog_ends_what_takes_too_much(lab, monkeypatch):
    monkeypatch.setattr("nova_spi.engines.process.cgroups.group.find", tuple)
    hog = "import time\nkept = []\nwhile True: kept.append(bytearray(4_000_000)); time.sleep(0.002)"
    outcome = lab.run(lab.python(hog, memory_bytes=200 * MIB))
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("out_of_memory", None, signal.SIGKILL)
    short = lab.run(lab.python("kept = bytearray(b'x' * 150_000_000)", memory_bytes=100 * MIB))
    assert short.reason == "out_of_memory"  # over before a sample came
    assert short.exit_code in (0, None)
    assert short.peak_memory_bytes > 100 * MIB


def test_a_group_that_cannot_be_made_is_an_error_that_says_where(tmp_path):
    parents = [Parent(1, tmp_path, frozenset({"cpuacct"})), Parent(1, tmp_path / "gone", frozenset({"pids"}))]
    with pytest.raises(EngineUnavailable) as failure:
        Group(Limits(1.0), parents)
    assert str(tmp_path / "gone") in failure.value.why
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_cannot_enter_its_group_says_so(lab, monkeypatch):
    real = Group.__init__

    def broken(group, limits):
        real(group, limits, ())
        group.words = [b"1/nowhere"]

    monkeypatch.setattr(Group, "__init__", broken)
    with pytest.raises(EngineUnavailable, match="enter its control group"):
        lab.run(lab.python("pass"))


SUPERVISING = """
import sys
from pathlib import Path
from nova_spi.engines.port import Job, Limits
from nova_spi.engines.process.running import run
from nova_spi.progress import Silent
folder = Path(sys.argv[1])
program, log = (sys.executable, "-c", sys.argv[2]), folder.parent / "log"
job = Job(program, folder, folder, {"PATH": "/usr/bin:/bin"}, log, Limits(60))
run(job, Silent())
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    open('daemon.pid.part', 'w').write(str(os.getpid()))
    os.rename('daemon.pid.part', 'daemon.pid')
time.sleep(60)
"""


def wait_for(true, seconds=10.0):
    until = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


@pytest.fixture
def supervising(lab):
    """Another nova-spi with a run; gives it, its groups and its daemon's id."""
    if "pids" not in controllers():
        pytest.skip("no control groups")
    process = subprocess.Popen([sys.executable, "-c", SUPERVISING, str(lab.folder), DAEMON], cwd="/")
    assert wait_for((lab.folder / "daemon.pid").exists, 20)
    found = [path for parent in find() for path in parent.folder.glob(f"nova-spi-*-{process.pid}-*")]
    assert found
    yield process, found, int((lab.folder / "daemon.pid").read_text())
    process.kill()
    process.wait()
    Group(Limits(1.0)).remove()


def living(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_after_nova_spi_was_killed_the_launcher_removes_the_groups(supervising):
    process, found, daemon = supervising
    process.kill()
    process.wait()
    assert wait_for(lambda: not any(path.exists() for path in found))
    assert not living(daemon)


def test_after_both_were_killed_the_next_run_removes_the_groups_and_ends_what_is_in_them(supervising, lab):
    process, found, daemon = supervising
    os.kill(process.pid, signal.SIGSTOP)
    launcher = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    os.kill(launcher, signal.SIGKILL)
    process.kill()
    process.wait()
    assert all(path.exists() for path in found)
    assert living(daemon)
    lab.run(lab.job("true"))
    assert not any(path.exists() for path in found)
    assert wait_for(lambda: not living(daemon))


def test_groups_of_those_that_live_are_left_alone(supervising, lab):
    _, found, daemon = supervising
    lab.run(lab.job("true"))
    assert all(path.exists() for path in found)
    assert living(daemon)


def test_whose_group_it_is_is_in_its_name():
    own = names.fresh()
    _, _, namespace, pid, start, number = own.split("-")
    assert not names.abandoned(own)
    assert names.abandoned(f"nova-spi-{namespace}-{pid}-{int(start) - 1}-{number}")
    assert not names.abandoned(f"nova-spi-{int(namespace) + 1}-{pid}-{int(start) - 1}-{number}")
    for other in ("nova-spi", f"nova-spi-{namespace}-{pid}", "nova-spi.own", f"x{own}", f"{own}-1", "docker"):
        assert not names.abandoned(other)
    assert names.fresh() != own


def test_a_child_is_born_in_its_group_of_version_2_and_ended_with_it():
    folder = next((place for place in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if unified(place)), None)
    if folder is None or not os.access(folder, os.W_OK):
        pytest.skip("no control groups of version 2 that we may make")
    own = folder / names.fresh()
    own.mkdir()
    group = b"2" + os.fsencode(own)
    try:
        child, left = joining.fork([group, b"1/elsewhere"])
        if child == 0:
            time.sleep(60)
            os._exit(1)
        assert left == [b"1/elsewhere"]
        assert joining.members(os.fsencode(own)) == [child]
        assert joining.kill([group]) == {child}
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    finally:
        assert emptying.removed([group])


def unified(folder):
    return (folder / "cgroup.controllers").exists()
