"""Whatever ends nova-spi, nothing of the model survives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nova_spi.engines.process import request

SUPERVISING = """
import signal, sys, threading
from pathlib import Path
from nova_spi.engines.port import Job, Limits
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.progress import Silent

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
folder, mark, program = Path(sys.argv[1]), sys.argv[2].split("="), sys.argv[3]
job = Job(("sh", "-c", program), folder, folder, {"PATH": "/usr/bin:/bin", mark[0]: mark[1]},
          folder.parent / "log.txt", Limits(60, grace_seconds=0.2))
before = __import__("os").listdir("/proc/self/fd")
%s
try:
    ProcessEngine(folder).run(job, Silent())
except KeyboardInterrupt:
    after = __import__("os").listdir("/proc/self/fd")
    print("interrupted", sorted(before) == sorted(after), flush=True)
"""
FAMILY = (
    "trap '' TERM INT HUP; sleep 60 & setsid sleep 60 & (setsid sh -c 'sleep 60 & sleep 60' &) ; touch ready; sleep 60"
)
BOOT = "import sys; sys.path.append(sys.argv[1]); from process.launcher import main; main()"
ENGINES = str(Path(request.__file__).parent.parent)


@pytest.fixture
def supervising(lab):
    started: list[subprocess.Popen[str]] = []

    def start(before: str = "") -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", SUPERVISING % before, str(lab.folder), lab.mark, FAMILY]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        until = time.monotonic() + 20
        while not (lab.folder / "ready").exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(lab.left()) >= 5
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def gone_within(lab, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while lab.left() and time.monotonic() < until:
        time.sleep(0.01)
    return not lab.left()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP])
def test_a_supervising_process_that_dies_leaves_nothing(lab, supervising, number):
    process = supervising()
    process.send_signal(number)
    assert gone_within(lab, 1.0)
    assert process.wait() == -number


def test_a_group_that_is_killed_whole_leaves_nothing(lab, supervising):
    os.killpg(supervising().pid, signal.SIGKILL)
    assert gone_within(lab, 1.0)


def test_a_fork_of_ours_that_holds_the_control_pipe_does_not_keep_the_model_alive(lab, supervising):
    before = (
        "import os, time\n"
        "def fork():\n"
        "    time.sleep(0.3)\n"
        "    if os.fork() == 0: open(folder / 'forked', 'w').write(str(os.getpid())); time.sleep(30); os._exit(0)\n"
        "threading.Thread(target=fork).start()"
    )
    process = supervising(before)
    until = time.monotonic() + 5
    while not (lab.folder / "forked").exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    try:
        assert gone_within(lab, 1.0)
    finally:
        os.kill(int((lab.folder / "forked").read_text()), signal.SIGKILL)


WITH_CHANNEL = """
import math, os, signal, socket, sys, threading, time
from pathlib import Path
from nova_spi.engines.port import Job, Limits
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.progress import Silent

folder, mark = Path(sys.argv[1]), sys.argv[2].split("=")
ours, theirs = socket.socketpair()
job = Job(("sh", "-c", sys.argv[3]), folder, folder, {"PATH": "/usr/bin:/bin", mark[0]: mark[1]},
          folder.parent / "log.txt", Limits(math.inf, grace_seconds=0.2), channel=theirs.fileno())
threading.Thread(target=ProcessEngine(folder).run, args=(job, Silent(), threading.Event())).start()
short = threading.Thread(target=lambda: None)  # the end of another thread ends nothing
short.start()
short.join()
time.sleep(60)
"""


def test_a_server_that_dies_leaves_nothing_of_its_workers(lab):
    argv = [sys.executable, "-c", WITH_CHANNEL, str(lab.folder), lab.mark, FAMILY]
    with subprocess.Popen(argv, start_new_session=True) as process:
        try:
            until = time.monotonic() + 20
            while not (lab.folder / "ready").exists() and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(0.5)
            assert len(lab.left()) >= 5
        finally:
            process.kill()
    assert gone_within(lab, 1.0)


def test_control_c_ends_everything_and_goes_on(lab, supervising):
    process = supervising()
    process.send_signal(signal.SIGINT)
    assert gone_within(lab, 1.0)
    assert process.communicate(timeout=10)[0] == "interrupted True\n"
    assert process.returncode == 0


def answer(said: bytes) -> tuple[int, bytes]:
    argv = [sys.executable, "-I", "-S", "-c", BOOT, ENGINES]
    found = subprocess.run(argv, input=said, capture_output=True, timeout=10, check=False)
    return found.returncode, found.stdout


def test_the_launcher_leaves_when_its_parent_was_gone_before_it_began(lab):
    wanted = request.Request(1, b"/bin/sleep", b"/", [b"sleep", b"60"], [], [os.fsencode(lab.mark)])
    assert answer(wanted.encode()) == (1, b"")


@pytest.mark.parametrize("said", [b"", b"0000", b"00000100abc"])
def test_the_launcher_leaves_when_the_request_is_cut_off(said):
    assert answer(said) == (1, b"")
