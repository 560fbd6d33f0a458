"""Nothing that a program leaves behind survives it, however it hides."""

import os
import signal
import time
from pathlib import Path

import pytest

DAEMON = """
import os, sys, time, signal
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
{before}
open('daemon.pid', 'w').write(str(os.getpid()))
time.sleep(60)
"""
START = "import subprocess, sys, os, time\nsubprocess.Popen([sys.executable, '-c', {source!r}])\n"
WAIT = "while not os.path.exists('daemon.pid'): time.sleep(0.01)\n"


def started(before: str = "") -> str:
    return START.format(source=DAEMON.format(before=before)) + WAIT


def test_a_plain_child_is_a_leftover_and_ended(lab):
    outcome = lab.run(lab.job("sh", "-c", "sleep 60 & exit 4"))
    assert (outcome.reason, outcome.exit_code, outcome.leftovers) == ("exited", 4, 1)
    assert not lab.left()


def test_a_child_in_a_session_of_its_own_is_ended(lab):
    outcome = lab.run(lab.job("sh", "-c", "setsid sleep 60 & exit 0"))
    assert outcome.leftovers == 1
    assert not lab.left()


@pytest.mark.parametrize(
    "before",
    ["", "for n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)", "os.closerange(0, 100)", "os.environ.clear()"],
    ids=["plain", "ignores SIGTERM and holds the log", "closed everything", "empty environment"],
)
def test_a_daemon_is_ended(lab, before):
    began = time.monotonic()
    outcome = lab.run(lab.python(started(before)))
    assert (outcome.reason, outcome.exit_code, outcome.leftovers) == ("exited", 0, 1)
    assert time.monotonic() - began < 5
    daemon = int((lab.folder / "daemon.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(daemon, 0)


def test_a_daemon_is_ended_at_the_deadline(lab):
    outcome = lab.run(lab.python(started() + "time.sleep(60)", timeout_seconds=1.0))
    assert outcome.reason == "timeout"
    assert not lab.left()


def test_helpers_that_end_by_themselves_in_a_moment_are_no_leftovers(lab):
    outcome = lab.run(lab.job("sh", "-c", "(sleep 0.03; echo late) & exit 0"))
    assert outcome.leftovers == 0
    assert lab.text() == "late\n"


def test_shared_memory_of_multiprocessing_is_tidied_up_by_its_tracker(lab):
    source = (
        "from multiprocessing import shared_memory\n"
        "import os, sys; m = shared_memory.SharedMemory(create=True, size=1000); print(m.name); sys.stdout.flush()\n"
        "import time; time.sleep(0.5); os._exit(0)"
    )
    outcome = lab.run(lab.python(source))
    assert outcome.exit_code == 0
    name = lab.text().splitlines()[0]
    assert not Path("/dev/shm", name).exists()


def test_a_crowd_of_children_is_ended(lab):
    outcome = lab.run(lab.job("sh", "-c", "for i in $(seq 40); do setsid sleep 60 & done; sleep 0.5; exit 0"))
    assert outcome.leftovers == 40
    assert not lab.left()


def test_processes_that_fork_and_leave_are_caught(lab):
    """Twenty chains of processes, each forks its successor and ends: the ids are never the same."""
    source = (
        "import os, time\n"
        "end = time.monotonic() + 30\n"
        "for _ in range(20):\n"
        "    if os.fork() == 0:\n"
        "        while time.monotonic() < end:\n"
        "            time.sleep(0.005)\n"
        "            if os.fork(): os._exit(0)\n"
        "        os._exit(0)\n"
        "time.sleep(0.3)\n"
    )
    outcome = lab.run(lab.python(source))
    assert outcome.exit_code == 0
    assert not lab.left()


def test_chains_that_change_their_session_are_caught_too(lab):
    source = (
        "import os, time\n"
        "end = time.monotonic() + 30\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        while time.monotonic() < end:\n"
        "            time.sleep(0.01)\n"
        "            if os.fork(): os._exit(0)\n"
        "            os.setsid()\n"
        "        os._exit(0)\n"
        "time.sleep(0.3)\n"
    )
    assert lab.run(lab.python(source)).exit_code == 0
    assert not lab.left()


def test_a_small_fork_bomb_is_ended_at_the_deadline(lab):
    bomb = "import os, time\nfor _ in range(6): os.fork()\ntime.sleep(60)"
    outcome = lab.run(lab.python(bomb, timeout_seconds=1.0))
    assert outcome.reason == "timeout"
    assert not lab.left()


def test_a_program_that_kills_its_launcher_is_ended_with_what_it_left(lab):
    source = started() + "time.sleep(0.2)\nos.kill(os.getppid(), 9)\ntime.sleep(60)"
    outcome = lab.run(lab.python(source))
    assert (outcome.reason, outcome.signal) == ("signalled", signal.SIGKILL)
    assert not lab.left()


def test_a_daemon_whose_launcher_was_killed_is_found_by_the_log_that_it_holds(lab):
    source = "import os\nos.kill(os.getppid(), 9)\n" + "os.fork() or (os.setsid(), __import__('time').sleep(60))"
    lab.run(lab.python(source))
    assert not lab.left()


def test_a_program_that_stops_its_launcher_gets_no_more_time(lab):
    source = started() + "os.kill(os.getppid(), 19)\ntime.sleep(60)"
    began = time.monotonic()
    outcome = lab.run(lab.python(source, timeout_seconds=1.0, grace_seconds=0.2))
    assert outcome.reason == "timeout"
    assert time.monotonic() - began < 6
    assert not lab.left()


FREEZER = Path("/sys/fs/cgroup/freezer")


@pytest.fixture
def frozen(request):
    """A freezer group (cgroup v1): SIGKILL does not reach what is in it, as in an uninterruptible wait."""
    group = FREEZER / f"nova-spi-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("needs cgroup v1's freezer and the right to make a group")
    yield group
    (group / "freezer.state").write_text("THAWED")
    for _ in range(200):
        if not (group / "cgroup.procs").read_text():
            break
        time.sleep(0.01)
    group.rmdir()


def test_what_cannot_be_killed_does_not_hold_up_the_caller(lab, frozen):
    """It freezes itself, so it can be ended only afterwards, by nobody's waiting."""
    source = (
        "import os, time\n"
        "open('frozen.pid', 'w').write(str(os.getpid()))\n"
        f"open('{frozen}/cgroup.procs', 'w').write(str(os.getpid()))\n"
        f"open('{frozen}/freezer.state', 'w').write('FROZEN')\n"
        "time.sleep(60)"
    )
    began = time.monotonic()
    outcome = lab.run(lab.python(source, timeout_seconds=1.0, grace_seconds=0.2))
    assert outcome.reason == "timeout"
    assert outcome.leftovers >= 1
    assert time.monotonic() - began < 1.0 + 0.2 + 2.0 + 1.0 + 1.0
    (frozen / "freezer.state").write_text("THAWED")
    until = time.monotonic() + 5
    while (frozen / "cgroup.procs").read_text() and time.monotonic() < until:
        time.sleep(0.01)
    lab.run(lab.job("true"))  # the next run removes the groups that could not become empty before
