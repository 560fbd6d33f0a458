"""What happens on a real terminal: a pseudo-terminal, driven like a person would."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest


class Terminal:
    def __init__(self, words, folder, environment, program=("-m", "nova_spi")):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *program, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def read_until(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        assert text in self.seen

    def type(self, line):
        os.write(self.master, line.encode() + b"\n")

    def end(self):
        try:
            return self.process.wait(60)
        finally:
            os.close(self.master)


@pytest.fixture
def terminal(project, isolated_environment, request):
    opened = []

    def open_terminal(*words, **more):
        environment = isolated_environment | {"TERM": "xterm", "SHELL": "/bin/sh", "ENV": ""} | more
        opened.append(Terminal(words, project, environment))
        return opened[-1]

    yield open_terminal
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_interactive_opens_a_shell_with_the_inputs_staged(project, terminal):
    (project / "a.txt").write_text("a note")
    shell = terminal("test", "--interactive", "--input", "text=hello", "--input", "notes=a.txt")
    shell.read_until("the command is: python -m nova_spi_runtime")
    shell.type(
        'echo "<$INPUT_TEXT>"; ls inputs; cat "$SPI_INPUT_FILE"; python -m nova_spi_runtime; cat outputs/output.json'
    )
    shell.read_until("<hello>")
    shell.read_until("a.txt")
    shell.read_until("HELLO!")
    shell.type("exit 7")
    assert shell.end() == 7
    assert not list((project / ".nova-spi" / "runs").iterdir())


def test_a_terminal_has_colours_and_a_moving_line_that_is_gone_at_the_end(terminal):
    run = terminal("run", "--input", "text=hello", NO_COLOR="")
    run.read_until("HELLO!")
    assert run.end() == 0
    assert "\x1b[32m✓" in run.seen


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_model_and_leaves_its_record(project, terminal, number, status):
    (project / "model.py").write_text(
        "import time\ndef shout(**inputs):\n    print('begun', flush=True)\n    time.sleep(60)\n"
    )
    run = terminal("run", "--input", "text=hello", "-v", "--output", "results")
    run.read_until("begun")
    for _ in range(3):
        run.process.send_signal(number)
    assert run.end() == status
    [record] = (project / ".nova-spi" / "runs").glob("*/run.json")
    assert json.loads(record.read_text())["status"] == "cancelled"
    assert not (record.parent / "work").exists()
    assert not (project / "results").exists()


def test_control_c_ends_the_model_and_is_status_130(project, terminal):
    (project / "model.py").write_text(
        "import time\ndef shout(**inputs):\n    print('begun', flush=True)\n    time.sleep(60)\n"
    )
    run = terminal("run", "--input", "text=hello", "-v")
    run.read_until("begun")
    os.killpg(run.process.pid, 2)
    assert run.end() == 130


DOWNLOAD = """
import time
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State
with Showing(State()) as progress:
    progress.stage("case", "first")
    progress.stage("assets", "weights [red] \\x1b[2J from a server")
    for done in range(0, 40_000_001, 4_000_000):
        progress.advance(done, 40_000_000, "bytes")
        time.sleep(0.1)
print("the end")
"""


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}])
def test_a_download_moves_a_bar_and_says_how_many_bytes_have_come(project, isolated_environment, more):
    environment = {name: value for name, value in isolated_environment.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm", "COLUMNS": "120"} | more
    bar = Terminal((), project, environment, ("-c", DOWNLOAD))
    bar.read_until("the end")
    assert bar.end() == 0
    assert "first: assets: weights [red] \\x1b[2J from a server" in bar.seen
    assert re.search(r"\d+\.0 of 40\.0 MB", bar.seen)
    assert "\x1b[2J" not in bar.seen


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_move_has_plain_lines(terminal, project, term):
    (project / "model.py").write_text(
        "import time\ndef shout(**inputs):\n    time.sleep(2)\n    return {'shout': 'late'}\n"
    )
    run = terminal("run", "--input", "text=hello", NO_COLOR="", TERM=term)
    run.read_until("late")
    assert run.end() == 0
    assert "\x1b" not in run.seen
    assert "run ...\r\n" in run.seen


@pytest.mark.parametrize("words", [("test",), ("run", "--input", "text=hello", "--output-format", "json")])
def test_control_c_is_status_130_in_every_command_that_waits(project, terminal, words):
    (project / "model.py").write_text("import time\ndef shout(**inputs):\n    time.sleep(60)\n")
    run = terminal(*words, NO_COLOR="1", TERM="dumb")
    run.read_until("run ...")
    os.killpg(run.process.pid, 2)
    assert run.end() == 130
