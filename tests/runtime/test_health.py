import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nova_spi_runtime import health

SOURCE = Path(health.__file__).parents[1]


@pytest.fixture
def ask(tmp_path):
    """Runs the program as a container engine does, in a folder with a module of checks."""
    (tmp_path / "checks.py").write_text(
        "import time\n"
        "def well(): return 'anything'\n"
        "def unwell(): return False\n"
        "def broken(): raise RuntimeError('the weights are gone')\n"
        "def slow(): time.sleep(60)\n"
    )

    def ask(*words, python=sys.executable):
        environment = {"PYTHONPATH": f"{SOURCE}{os.pathsep}{tmp_path}", "PATH": os.environ["PATH"]}
        argv = [python, "-m", "nova_spi_runtime.health", "--count-file", str(tmp_path / "count"), *words]
        return subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    return ask


def failures(tmp_path: Path) -> int:
    return int((tmp_path / "count").read_text().split()[1])


def test_a_program_that_exits_with_0_is_well_and_leaves_nothing(ask, tmp_path):
    done = ask("--", sys.executable, "-c", "print('fine')")
    assert (done.returncode, done.stdout) == (0, "")
    assert not (tmp_path / "count").exists()


def test_a_program_that_fails_is_unwell_and_its_words_are_told(ask):
    done = ask("--", sys.executable, "-c", "print('no answer'); raise SystemExit(3)")
    assert done.returncode == 1
    assert "exit status 3" in done.stdout
    assert "no answer" in done.stdout


def test_a_program_that_is_not_there_is_unwell(ask):
    done = ask("--", "/nowhere/check")
    assert (done.returncode, "cannot be started" in done.stdout) == (1, True)


def test_a_program_that_is_killed_is_unwell(ask):
    done = ask("--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert (done.returncode, "signal 9" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [("well", 0, ""), ("unwell", 1, "returned False"), ("broken", 1, "the weights are gone"), ("gone", 1, "has no")],
)
def test_a_callable_is_well_where_it_returns_anything_but_false(ask, name, status, told):
    done = ask("--callable", f"checks:{name}")
    assert done.returncode == status
    assert told in done.stdout


def test_a_check_that_takes_too_long_has_failed_and_is_ended_with_all_it_started(ask, tmp_path):
    pids = tmp_path / "pids"
    program = (
        "import subprocess, sys, os, time\n"
        f"child = subprocess.Popen(['sleep', '60'])\nopen({str(pids)!r}, 'w').write(str(child.pid))\ntime.sleep(60)"
    )
    done = ask("--timeout", "1.5", "--", sys.executable, "-c", program)
    assert (done.returncode, "longer than 1.5 s" in done.stdout) == (1, True)
    deadline = time.monotonic() + 10
    while alive(int(pids.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(int(pids.read_text()))


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_failures_in_a_row_are_counted_and_a_success_forgets_them(ask, tmp_path):
    for expected in (1, 2):
        ask("--callable", "checks:unwell")
        assert failures(tmp_path) == expected
    assert ask("--callable", "checks:well").returncode == 0
    assert failures(tmp_path) == 0
    ask("--callable", "checks:unwell")
    assert failures(tmp_path) == 1


def test_failures_of_a_program_that_was_started_anew_do_not_count(ask, tmp_path):
    (tmp_path / "count").write_text("12345 7")
    ask("--callable", "checks:unwell")
    assert failures(tmp_path) == 1


@pytest.mark.parametrize("content", ["", "x", "1 2 3", "\xff", "9" * 100])
def test_a_count_that_cannot_be_read_begins_anew(ask, tmp_path, content):
    (tmp_path / "count").write_text(content, "latin-1")
    assert ask("--callable", "checks:unwell").returncode == 1
    assert failures(tmp_path) == 1


@pytest.mark.parametrize("words", [(), ("--callable", "checks:well", "--", "true"), ("--timeout", "x", "--", "true")])
def test_wrong_words_are_told(ask, words):
    done = ask(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]


def test_with_end_process_1s_program_is_killed_after_so_many_failures(tmp_path):
    """In a pid namespace of its own, whose process 1 is this script and whose program ignores SIGTERM."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("this machine makes no pid namespaces for us")
    script = tmp_path / "one.py"
    script.write_text(
        "import signal, subprocess, sys\n"
        "program = subprocess.Popen([sys.executable, '-c',\n"
        "    'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)'])\n"
        f"words = [sys.executable, '-m', 'nova_spi_runtime.health', '--count-file', {str(tmp_path / 'count')!r},\n"
        "    '--retries', '2', '--end', '--', 'false']\n"
        "first = subprocess.run(words, stdout=2).returncode\n"
        "alive = program.poll()\n"
        "subprocess.run(words, stdout=2)\n"
        "print(first, alive, program.wait())\n"
    )
    argv = [*NAMESPACE, sys.executable, str(script)]
    done = subprocess.run(
        argv, env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["1", "None", str(-signal.SIGKILL)], done.stderr
    assert "failed 2 times in a row" in done.stderr
