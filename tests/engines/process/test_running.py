import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from nova_spi.engines.process import launching
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Silent


def test_a_program_that_ends_well_is_exit_code_zero_with_its_figures(lab):
    outcome = lab.run(lab.python("print('hello'); x = bytearray(50_000_000); sum(range(3_000_000))"))
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("exited", 0, None)
    assert lab.text() == "hello\n"
    assert 0 < outcome.wall_seconds < 20
    assert 0.01 < outcome.cpu_seconds < 20
    assert 50_000_000 < outcome.peak_memory_bytes < 200_000_000
    assert not outcome.log_truncated
    assert outcome.leftovers == 0


def test_the_cpu_time_of_children_counts(lab):
    source = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(6_000_000))'])"
    assert lab.run(lab.python(source)).cpu_seconds > 0.05


def test_an_exit_code_is_told(lab):
    outcome = lab.run(lab.python("import os; os._exit(7)"))
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("exited", 7, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_told_and_no_core_is_left(lab, number):
    outcome = lab.run(lab.job("sh", "-c", f"kill -{int(number)} $$"))
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("signalled", None, number)
    assert not list(lab.folder.iterdir())


def test_a_real_segmentation_fault_is_sigsegv(lab):
    outcome = lab.run(lab.python("import ctypes; ctypes.string_at(0)"))
    assert (outcome.reason, outcome.signal) == ("signalled", signal.SIGSEGV)


def test_an_exception_leaves_its_traceback_in_the_log(lab):
    assert lab.run(lab.python("raise ValueError('so it is')")).exit_code == 1
    assert "ValueError: so it is" in lab.text()


def test_standard_output_and_error_are_one_log_in_order(lab):
    lab.run(lab.job("sh", "-c", "echo 1; echo 2 >&2; echo 3"))
    assert lab.text() == "1\n2\n3\n"


def test_standard_input_is_empty(lab):
    assert lab.run(lab.job("sh", "-c", "cat; test ! -t 0")).exit_code == 0


def test_the_environment_is_exactly_the_given_one(lab, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    lab.run(lab.job("env", variables={"MINE": "ü = \n2"}))
    name, _, value = lab.mark.partition("=")
    assert sorted(lab.text().splitlines()) == sorted(
        ["PATH=/usr/bin:/bin", "PYTHONUNBUFFERED=1", f"{name}={value}", "MINE=ü = ", "2"]
    )


def test_no_descriptor_of_ours_is_inherited(lab, tmp_path):
    with (tmp_path / "secret").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        lab.run(
            lab.python("import os; print(sorted(os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))")
        )
    assert lab.text() == "['0', '1', '2'] 4\n"  # the fourth is the listing itself


def test_signals_are_as_a_shell_would_have_them(lab):
    source = (
        "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []),"
        " signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP))"
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        lab.run(lab.python(source))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    assert lab.text() == "set() 0 0\n"
    lab.log.unlink()
    assert lab.run(lab.job("sh", "-c", "yes | head -1")).exit_code == 0  # SIGPIPE ends `yes` in silence
    assert lab.text() == "y\n"


def test_a_program_is_in_a_session_of_its_own_and_below_its_folder(lab):
    lab.run(lab.python("import os; print(os.getsid(0) == os.getpid() == os.getpgid(0), os.getcwd())"))
    assert lab.text() == f"True {lab.folder}\n"


def test_limits_of_the_kernel_are_set(lab):
    source = (
        "import resource as r; print([r.getrlimit(n) for n in (r.RLIMIT_CORE, r.RLIMIT_FSIZE)],"
        "r.getrlimit(r.RLIMIT_CPU)[0] < 10_000, r.getrlimit(r.RLIMIT_NOFILE)[0] <= 65536)"
    )
    lab.run(lab.python(source, disk_bytes=123_456_789))
    core = 1 if resource.getrlimit(resource.RLIMIT_CORE)[1] else 0  # at 0 the kernel would start a helper for the file
    assert lab.text() == f"[({core}, {core}), (123456789, 123456789)] True True\n"


def test_a_crash_leaves_no_core_file(lab):
    assert lab.run(lab.python("import os; os.abort()")).signal == signal.SIGABRT
    assert not [path for path in lab.folder.rglob("*") if path.name.startswith("core")]


def test_the_program_is_looked_up_on_the_path_of_the_job(lab):
    own = lab.folder / "bin" / "greet"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\necho hello $1\n")
    own.chmod(0o755)
    assert lab.run(lab.job("greet", "you", variables={"PATH": f"{own.parent}:/bin"})).exit_code == 0
    assert lab.run(lab.job("bin/greet", "me")).exit_code == 0
    assert lab.text() == "hello you\nhello me\n"


@pytest.mark.parametrize("argv", [("no-such-program",), ("./no-such",), ("/etc/passwd",)])
def test_a_program_that_is_not_there_is_engine_unavailable(lab, argv):
    with pytest.raises(EngineUnavailable, match="is not there") as failure:
        lab.run(lab.job(*argv))
    assert failure.value.mend


def test_what_the_kernel_refuses_to_start_says_why(lab):
    broken = lab.folder / "broken"
    broken.write_bytes(b"\x7fELF no program")
    broken.chmod(0o755)
    with pytest.raises(EngineUnavailable, match="could not run the program") as failure:
        lab.run(lab.job("./broken"))
    assert failure.value.why == "Exec format error"
    with pytest.raises(EngineUnavailable) as failure:
        lab.run(lab.python("pass", variables={"HUGE": "x" * 200_000}))
    assert failure.value.why == "Argument list too long"
    with pytest.raises(EngineUnavailable, match="enter its work folder"):
        lab.run(replace(lab.python("pass"), work_dir=lab.folder / "missing"))
    with pytest.raises(EngineUnavailable) as failure:
        lab.run(lab.python("pass", variables={"NUL": "a\0b"}))
    assert "NUL" in failure.value.why


def test_a_large_environment_arrives_whole(lab):
    variables = {f"V{number}": "x" * 100_000 for number in range(10)}
    lab.run(
        lab.python("import os; print(sum(len(v) for k, v in os.environ.items() if k[0] == 'V'))", variables=variables)
    )
    assert lab.text() == "1000000\n"


def test_a_launcher_that_cannot_start_is_engine_unavailable(lab, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EngineUnavailable, match="supervises"):
        lab.run(lab.python("pass", variables={f"V{number}": "x" * 100_000 for number in range(10)}))
    with pytest.raises(EngineUnavailable, match="supervises"):
        lab.run(lab.python("pass"))
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(EngineUnavailable, match="No process could be started"):
        lab.run(lab.python("pass"))


def test_a_launcher_that_does_not_answer_is_engine_unavailable(lab, monkeypatch, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr("nova_spi.engines.process.running.START_SECONDS", 0.3)
    monkeypatch.setattr("nova_spi.engines.process.launcher.ENDING_SECONDS", 0.1)
    with pytest.raises(EngineUnavailable, match="did not start"):
        lab.run(lab.python("pass"))
    monkeypatch.setattr(launching, "START_SECONDS", 0.2)
    with pytest.raises(EngineUnavailable, match="did not start"):
        lab.run(lab.python("pass", variables={f"V{number}": "x" * 100_000 for number in range(10)}))


def test_a_deadline_ends_a_sleeping_program(lab):
    began = time.monotonic()
    outcome = lab.run(lab.job("sleep", "60", timeout_seconds=0.3))
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("timeout", None, signal.SIGTERM)
    assert 0.3 <= time.monotonic() - began < 1.5


def test_a_program_may_use_the_grace_to_end_by_itself(lab):
    source = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('tidied'), sys.exit(3)))\n"
        "print('ready'); time.sleep(60)"
    )
    outcome = lab.run(lab.python(source, timeout_seconds=0.5, grace_seconds=5.0))
    assert (outcome.reason, outcome.exit_code) == ("timeout", 3)
    assert lab.text() == "ready\ntidied\n"


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(lab):
    began = time.monotonic()
    outcome = lab.run(lab.job("sh", "-c", "trap '' TERM INT HUP; while :; do sleep 0.05; done", timeout_seconds=0.3))
    assert (outcome.reason, outcome.signal) == ("timeout", signal.SIGKILL)
    assert 0.6 <= time.monotonic() - began < 2.5


def test_a_stopped_program_meets_its_deadline(lab):
    outcome = lab.run(lab.job("sh", "-c", "kill -STOP $$", timeout_seconds=0.3))
    assert outcome.reason == "timeout"


def test_a_busy_loop_meets_its_deadline(lab):
    assert lab.run(lab.python("while True: pass", timeout_seconds=0.3)).reason == "timeout"


def test_a_cancel_ends_the_program(lab):
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    began = time.monotonic()
    outcome = lab.run(lab.job("sleep", "60"), cancel=cancel)
    assert outcome.reason == "cancelled"
    assert time.monotonic() - began < 1.5


def test_a_cancel_that_came_before_is_heard(lab):
    cancel = threading.Event()
    cancel.set()
    assert lab.run(lab.job("sleep", "60"), cancel=cancel).reason == "cancelled"


def test_closing_standard_output_does_not_end_the_run(lab):
    outcome = lab.run(lab.python("import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(5)"))
    assert (outcome.reason, outcome.exit_code) == ("exited", 5)
    assert outcome.wall_seconds >= 0.3


def test_runs_in_many_threads_do_not_disturb_each_other(lab, tmp_path):
    outcomes = {}

    def one(number: int) -> None:
        job = replace(lab.python(f"import sys; print({number}); sys.exit({number})"), log=tmp_path / f"log-{number}")
        outcomes[number] = lab.run(job).exit_code

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {number: number for number in range(8)}
    assert [(tmp_path / f"log-{number}").read_text() for number in range(8)] == [f"{n}\n" for n in range(8)]


def test_an_exception_of_the_listener_ends_the_program(lab):
    class Broken(Silent):
        def log(self, chunk: bytes) -> None:
            raise RuntimeError("no listener")

    with pytest.raises(RuntimeError, match="no listener"):
        lab.run(lab.job("sh", "-c", "echo x; sleep 60"), Broken())
    assert not lab.left()


def test_the_engine_costs_little(lab):
    """The budget is 25 ms; a busy machine may take more, so the smallest of many counts, and twice the budget."""
    job = lab.job("/bin/true")
    ours, bare = [], []
    for _ in range(15):
        began = time.perf_counter()
        lab.run(job)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        subprocess.run(["/bin/true"], check=True, capture_output=True)
        bare.append(time.perf_counter() - began)
    assert min(ours) - min(bare) < 0.05


def test_the_launcher_loads_nothing_that_is_slow(lab):
    source = (
        "import sys; sys.path.append(sys.argv[1]); import process.launcher;"
        "slow = {'json', 're', 'enum', 'typing', 'ctypes', 'subprocess', 'pathlib', 'signal'};"
        "print(sorted(set(sys.modules) & slow))"
    )
    folder = str(launching.Path(launching.__file__).parent.parent)
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source, folder], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"
