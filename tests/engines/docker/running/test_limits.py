"""Each limit is attacked, and the report must have told the truth about it."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from nova_spi.engines.docker.flags import ulimits
from nova_spi.engines.port import Limits, Mount

MB = 1 << 20


def row(harbour, what, network="none", **limits):
    found = harbour.engine.protection(Limits(**({"timeout_seconds": 5.0} | limits)), network)
    return next(each for each in found if each.what == what)


def test_memory_of_a_grandchild_counts(harbour):
    source = (
        "import subprocess,sys\n"
        "grandchild = \"x = bytearray(400 << 20)\\nprint('got it')\"\n"
        "child = 'import subprocess,sys;sys.exit(subprocess.run('\n"
        "child += f'[sys.executable, \"-c\", {grandchild!r}]).returncode)'\n"
        "print(subprocess.run([sys.executable, '-c', child]).returncode, flush=True)\nimport time;time.sleep(20)"
    )
    outcome = harbour.python(source, limits={"memory_bytes": 100 * MB})
    assert outcome.reason == "out_of_memory"
    assert "got it" not in harbour.text()
    assert outcome.peak_memory_bytes >= 99 * MB
    assert row(harbour, "memory", memory_bytes=100 * MB).hard


def test_a_program_that_is_killed_for_its_own_memory_is_out_of_memory(harbour):
    outcome = harbour.python("x = bytearray(1 << 30)", limits={"memory_bytes": 100 * MB})
    assert (outcome.reason, outcome.signal) == ("out_of_memory", 9)


def test_files_in_memory_count_as_memory_and_have_their_own_end(harbour):
    source = (
        "import os\nfor place in ('/tmp', '/dev/shm'):\n"
        "  s = os.statvfs(place)\n  print(s.f_blocks * s.f_frsize >> 20)\n"
        "try:\n  with open('/dev/shm/x','wb') as f:\n    for _ in range(200): f.write(bytes(1 << 20))\n"
        "except OSError as e: print(e.errno)"
    )
    assert harbour.python(source, limits={"memory_bytes": 200 * MB}).reason == "exited"
    assert harbour.text().split() == ["100", "100", "28"]


def test_a_kill_without_want_of_memory_is_a_signal(harbour):
    # The first process of a container is the engine's init, which takes no SIGKILL from inside: the program's own.
    outcome = harbour.python("import os,signal;os.kill(os.getpid(), signal.SIGKILL)", limits={"memory_bytes": 100 * MB})
    assert (outcome.reason, outcome.signal) == ("signalled", 9)


def test_a_fork_bomb_comes_to_an_end(harbour):
    source = (
        "import os,time\nn = 0\ntry:\n  while True:\n    if os.fork() == 0: time.sleep(60)\n    n += 1\n"
        "except OSError as e: print(e.errno, n < 4200, n > 3900)\n"
    )
    assert harbour.python(source, limits={"timeout_seconds": 60.0}).exit_code == 0
    assert harbour.text().split() == ["11", "True", "True"]
    assert row(harbour, "pids").hard


def test_cpu_time_is_a_part_of_the_wall(harbour):
    outcome = harbour.python(
        "import os,time\nfor _ in range(2): os.fork()\nt = time.monotonic()\nwhile time.monotonic() < t + 2: pass\n",
        limits={"cpu_cores": 0.4},
    )
    assert outcome.cpu_seconds / outcome.wall_seconds < 0.6
    assert row(harbour, "cpu", cpu_cores=0.4).hard


def test_more_cores_than_there_are_is_no_error(harbour):
    assert harbour.python("pass", limits={"cpu_cores": 1000.0}).exit_code == 0


def test_one_large_file_ends_at_the_limit(harbour):
    source = "f = open('x','wb')\nfor _ in range(40): f.write(bytes(1 << 20))"
    assert harbour.python(source, limits={"disk_bytes": 16 * MB}).reason == "out_of_disk"
    assert (harbour.work / "x").stat().st_size <= 16 * MB


def test_many_files_end_at_the_limit(harbour):
    source = "import time\nfor i in range(40): open(f'x{i}','wb').write(bytes(1 << 20))\ntime.sleep(20)"
    outcome = harbour.python(source, limits={"disk_bytes": 16 * MB})
    assert (outcome.reason, outcome.signal) == ("out_of_disk", 9)
    assert not row(harbour, "disk", disk_bytes=16 * MB).hard


def test_the_deadline_ends_what_does_not_listen(harbour):
    source = (
        "import os,signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.fork() or os.setsid()\ntime.sleep(60)"
    )
    outcome = harbour.python(source, limits={"timeout_seconds": 1.0})
    assert (outcome.reason, outcome.signal) == ("timeout", 9)
    assert 1.0 <= outcome.wall_seconds < 5


def test_the_deadline_lets_a_program_say_good_bye(harbour):
    source = (
        "import signal,time\n"
        "def bye(*_): open('bye','w'); raise SystemExit(5)\n"
        "signal.signal(signal.SIGTERM, bye)\ntime.sleep(60)"
    )
    outcome = harbour.python(source, limits={"timeout_seconds": 1.0, "grace_seconds": 10.0})
    assert (outcome.reason, outcome.exit_code) == ("timeout", 5)
    assert (harbour.work / "bye").exists()


def test_a_flood_of_words_is_cut(harbour):
    source = "import sys\nfor _ in range(500): sys.stdout.write('x' * 99_999 + '\\n')\nopen('end','w')"
    outcome = harbour.python(source, limits={"log_bytes": 100_000})
    assert outcome.log_truncated
    assert harbour.text().endswith("x\n[nova-spi] log cut at 100000 bytes\n")
    assert harbour.log.stat().st_size < 101_000
    assert (harbour.work / "end").exists()


def test_the_engine_keeps_no_log_of_its_own(harbour):
    seen = []

    class Looking:
        def log(self, chunk):
            seen.append(harbour.api.inspect_container(f"nova-spi-{harbour.id}")["HostConfig"]["LogConfig"]["Type"])

    harbour.run(harbour.job("import time;print('x', flush=True);time.sleep(0.5)"), Looking())
    assert seen == ["none"]


def test_nothing_but_its_own_folders_can_be_written(harbour):
    source = (
        "import os\nfor folder, _, _ in os.walk('/'):\n"
        "  if folder.startswith(('/proc', '/sys', '/dev/pts', '/dev/fd', '/dev/mqueue')): continue\n"
        "  try:\n    open(folder + '/.try','w').close(); print(folder)\n  except OSError: pass\n"
    )
    harbour.python(source)
    beside = {"/run", "/var/tmp"} if harbour.is_podman else set()
    assert set(harbour.text().split()) - beside == {"/app", "/tmp", "/dev/shm"}
    assert ("/var/tmp" in row(harbour, "files").by) == harbour.is_podman


def test_it_has_no_rights(harbour):
    harbour.python("print(open('/proc/self/status').read());import os;print('groups', os.getgroups())")
    status = dict(line.split(":\t", 1) for line in harbour.text().splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"].split()[0] != "0"
    assert "0" not in harbour.text().splitlines()[-1].removeprefix("groups").strip("[] ").split(", ")


@pytest.mark.parametrize(
    "attack",
    [
        "os.setuid(0)",
        "os.chown('/app', 0, 0)",
        "ctypes.CDLL(None, use_errno=True).mount(b'x', b'/tmp', b'tmpfs', 0, None) and fail()",
        "ctypes.CDLL(None, use_errno=True).unshare(0x00020000) and fail()",
        "ctypes.CDLL(None, use_errno=True).syscall(250, 0, 0, 0, 0, 0) and fail()",
        "os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0))",
        "open('/proc/sys/kernel/hostname', 'w')",
        "os.kill(2**22 - 1, 9)",
        "open('/proc/sysrq-trigger', 'w')",
        "open('/proc/kcore', 'rb').read(1)",
        "open('/sys/fs/cgroup/memory/memory.limit_in_bytes', 'w')",
    ],
)
def test_what_needs_rights_fails(harbour, attack):
    source = (
        f"import ctypes,os\ndef fail(): raise OSError\ntry: {attack}; print('done')\nexcept OSError: print('refused')"
    )
    harbour.python(source)
    assert harbour.text().strip() == "refused"


def test_a_set_uid_program_gives_no_rights(harbour, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can make a program of root's")
    place = tmp_path / "root"
    place.mkdir()
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    shutil.copy(program, place / "python")
    (place / "python").chmod(0o6755)
    source = "import os;os.execve('/data/python', ['/opt/model/bin/python', '-c', 'import os;print(os.geteuid())'], {})"
    outcome = harbour.python(source, mounts=(Mount(place, Path("/data")),), variables={"PYTHONHOME": "/opt/model"})
    assert "0" not in harbour.text().split(), outcome
    assert stat.S_ISUID & (place / "python").stat().st_mode


def test_it_sees_its_own_processes_and_devices_alone(harbour):
    source = (
        "import os\nprint(len([p for p in os.listdir('/proc') if p.isdigit()]) <= 2)\n"
        "print(sorted(d for d in os.listdir('/dev') if os.path.exists('/dev/' + d) and d not in "
        "('null','zero','full','random','urandom','tty','fd','stdin','stdout','stderr','ptmx','pts','shm','mqueue','core')))"
    )
    harbour.python(source)
    assert harbour.text().split("\n")[:2] == ["True", "[]"]


def test_the_limits_of_its_processes(harbour):
    source = (
        "import resource as r\nprint(*(r.getrlimit(w) for w in (r.RLIMIT_CORE, r.RLIMIT_FSIZE)))\n"
        "print(r.getrlimit(r.RLIMIT_NOFILE)[1] <= 65536, open('/proc/self/oom_score_adj').read())"
    )
    harbour.python(source, limits={"disk_bytes": 5 * MB})
    core = ulimits(Limits(5.0))["core"]
    assert harbour.text().split() == [f"({core},", f"{core})", "(5242880,", "5242880)", "True", "500"]


def test_every_row_of_the_report_says_what_it_is(harbour):
    limits = Limits(5.0, 1.5, 100 * MB, 10 * MB)
    rows = {each.what: each for each in harbour.engine.protection(limits, "none")}
    assert [*rows] == ["memory", "cpu", "pids", "network", "files", "time", "disk", "log", "processes", "kernel"]
    assert {what for what, each in rows.items() if not each.hard} == {"disk"}
    assert harbour.engine.connection.engine.capitalize() in rows["kernel"].by
    assert "as root" in rows["kernel"].by
    bare = {each.what: each for each in harbour.engine.protection(Limits(5.0), "full")}
    assert {what for what, each in bare.items() if not each.hard} == {"memory", "cpu", "network", "disk"}


def test_the_filter_of_system_calls_is_ours_and_the_report_says_so(harbour):
    source = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.unshare(0x10000000), ctypes.get_errno(), libc.ptrace(0, 0, 0, 0), ctypes.get_errno())\n"
        "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('Seccomp:')])"
    )
    harbour.python(source)
    assert harbour.text().split() == ["-1", "1", "-1", "1", "2"]
    assert "nova-spi's own seccomp profile" in row(harbour, "kernel").by
    assert [path.name for path in harbour.folder.glob(".seccomp*")] == []
