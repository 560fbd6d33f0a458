"""A worker as its supervisor sees it: each kind of frame, word by word."""

import os
import socket
import subprocess
import sys

import pytest

from nova_spi_runtime import frames

TEXT = {"name": "text", "type": "string", "required": True}
WORD = {"name": "word", "type": "string"}
COUNT = {"name": "count", "type": "integer", "default": 2}
ECHO = "def predict(word): return word\n"
INTERFACE = {"inputs": [WORD], "outputs": [TEXT]}
ERROR = {"code", "message", "problems", "traceback"}


def test_it_says_what_it_is_when_it_is_ready(project, start_worker):
    project.callable(ECHO + "def predict_batch(items): return []\n", **INTERFACE)
    worker = start_worker()
    ready = worker.ready()
    assert list(ready) == ["protocol", "pid", "python", "setup_seconds", "batch"]
    assert (ready["protocol"], ready["pid"]) == (frames.PROTOCOL, worker.process.pid)
    assert ready["python"] == ".".join(map(str, sys.version_info[:3]))
    assert ready["setup_seconds"] > 0
    assert ready["batch"] == ["run"]
    assert worker.close() == 0


def test_a_model_answers_call_after_call(served):
    worker = served(ECHO, **INTERFACE)
    for index in range(1000):
        assert worker.call({"word": f"ä{index}"}) == {"text": f"ä{index}"}


def test_the_frames_of_a_call_and_of_an_error(served):
    worker = served("def predict(word):\n    raise ValueError(word)\n", **INTERFACE)
    number = worker.ask({"word": "no"})
    kind, answered, error = worker.receive()
    assert (kind, answered) == ("E", number)
    assert set(error) == ERROR
    assert (error["code"], error["message"], error["problems"]) == ("model.error", "ValueError: no", [])
    assert 'File "model.py", line 2, in predict\n    raise ValueError(word)\n' in error["traceback"]
    assert "nova_spi_runtime" not in error["traceback"]
    worker.said('File "model.py", line 2, in predict')
    worker.said("ValueError: no")


def test_every_type_of_output_as_json_has_it(served):
    code = """
import decimal
def predict():
    more = {"e": [1, {"x": None}], "f": {"k": (1,)}, "g": "x"}
    return {"a": 3, "b": 0.5, "c": decimal.Decimal("1.10"), "d": True, **more}
"""
    types = {"a": "integer", "b": "float", "c": "decimal", "d": "boolean", "e": "array", "f": "object", "g": "string"}
    worker = served(code, outputs=[{"name": name, "type": kind} for name, kind in types.items()])
    expected = {"a": 3, "b": 0.5, "c": "1.10", "d": True, "e": [1, {"x": None}], "f": {"k": [1]}, "g": "x"}
    assert worker.call() == expected


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        ("float('nan')", "output.invalid", "number: must be a finite number"),
        ("'x'", "output.invalid", "number: must be a number, not a string"),
        ("99.5", "output.invalid", "number: must be at most 9, not 99.5"),
        ("None", "output.missing", "number: is required and was not produced"),
        ("{'numbr': 1}", "output.missing", "did you mean 'number'"),
    ],
)
def test_outputs_are_checked_as_those_of_a_run(served, result, code, message):
    number = {"name": "number", "type": "float", "required": True, "constraints": {"max_value": 9}}
    worker = served(f"def predict(): return {result}\n", outputs=[number])
    error = worker.failure()
    assert error["code"] == code
    assert message in error["message"]


def test_inputs_get_their_defaults_and_wrong_ones_are_an_error(served):
    worker = served("def predict(word, count): return f'{word}{count}'\n", inputs=[WORD, COUNT], outputs=[TEXT])
    assert worker.call({"word": "a"}) == {"text": "a2"}
    assert worker.call() == {"text": "None2"}
    error = worker.failure({"wrod": 1, "count": "x"})
    assert error["code"] == "input.invalid"
    assert [each["path"] for each in error["problems"]] == ["wrod", "count"]


def test_a_class_is_made_once_and_its_commands_share_it(served):
    code = """
class Model:
    made = 0
    def setup(self):
        Model.made += 1
        self.calls = 0
    def predict(self, word=None):
        self.calls += 1
        return f"{self.calls} of {Model.made}"
    def shout_loud(self, word=None):
        return self.predict() + "!"
def plain(word=None):
    return "plain"
"""
    commands = {
        "shout-loud": {"entry_point": {"callable": "model:Model"}, "inputs": [WORD], "outputs": [TEXT]},
        "plain": {"entry_point": {"callable": "model:plain"}, "inputs": [WORD], "outputs": [TEXT]},
        "other": {"entry_point": {"command": "true"}, "inputs": [], "outputs": []},
    }
    worker = served(code, "model:Model", commands=commands, **INTERFACE)
    assert worker.call() == {"text": "1 of 1"}
    assert worker.call(command="shout-loud") == {"text": "2 of 1!"}
    assert worker.call(command="plain") == {"text": "plain"}
    assert "No worker answers" in worker.failure(command="other")["message"]


def test_coroutines_share_one_event_loop(served):
    code = """
import asyncio
class Model:
    async def setup(self):
        self.loop = asyncio.get_running_loop()
    async def predict(self, word):
        await asyncio.sleep(0)
        return f"{word} {self.loop is asyncio.get_running_loop()}"
"""
    worker = served(code, "model:Model", **INTERFACE)
    assert [worker.call({"word": "a"})["text"] for _ in range(3)] == ["a True"] * 3


def test_the_variables_are_those_of_the_call(served):
    code = """
import os
def predict(word):
    names = "SPI_EXECUTION_ID", "SPI_COMMAND", "SPI_TIMEOUT_SECONDS", "SPI_WORKER"
    return " ".join(str(os.environ.get(name)) for name in names)
"""
    worker = served(code, commands={"two": {"entry_point": {"callable": "model:predict"}, **INTERFACE}}, **INTERFACE)
    assert worker.call(id="a", timeout=2.5)["text"] == "a run 2.5 None"
    assert worker.call(id="a", timeout=1234567.0)["text"] == "a run 1234567 None"
    assert worker.call(id="b", timeout=None, command="two")["text"] == "b two None None"


def test_logs_are_in_the_pipe_when_the_answer_comes(project, start_worker):
    code = """
import os, sys
from nova_spi_runtime import SPIRuntime
spi = SPIRuntime()
def predict(word):
    sys.stdout.write(f"out {word}\\n")
    sys.stderr.write(f"error {word}\\n")
    spi.logger.info("logged %s", word)
    os.write(1, b"raw\\n")
    os.system("echo child")
    return word
"""
    project.callable(code, **INTERFACE)
    worker = start_worker(slowly=True)
    worker.ready()
    for word in ("one", "two"):
        worker.call({"word": word})
        log = os.read(worker._read, 65536).decode()
        assert log.startswith(f"out {word}\nerror {word}\n")
        assert log.endswith(f" - spi - INFO - logged {word}\nraw\nchild\n")
    worker.flow()


def test_a_worker_without_a_callable_says_so(project, start_worker):
    project.manifest(execution={"entry_point": {"command": "true"}})
    kind, number, error = start_worker().receive()
    assert (kind, number, error["code"]) == ("E", 0, "manifest.unreadable")


def test_a_program_that_nobody_supervises_says_so(project):
    ended = project.start("-m", "nova_spi_runtime.worker")
    assert ended.returncode == 1
    assert "SPI_WORKER is not set" in ended.stderr


def test_it_connects_to_a_socket_by_its_path(project, tmp_path):
    project.callable(ECHO, **INTERFACE)
    listener = socket.socket(socket.AF_UNIX)
    with listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)
        environment = {**os.environ, "SPI_WORK_DIR": str(project.root), "SPI_WORKER": str(tmp_path / "s")}
        worker = subprocess.Popen([sys.executable, "-m", "nova_spi_runtime.worker"], env=environment)
        calls, _ = listener.accept()
        ours, theirs = socket.socketpair()
        with calls, ours:
            with theirs:
                socket.send_fds(calls, [frames.HAND_OVER], [theirs.fileno(), 2])
            assert frames.receive(calls)[0] == frames.READY
        assert worker.wait(60) == 0


def test_what_is_no_hand_over_ends_it(project):
    project.callable(ECHO, **INTERFACE)
    calls, theirs = socket.socketpair()
    with calls, theirs:
        environment = {**os.environ, "SPI_WORK_DIR": str(project.root), "SPI_WORKER": str(theirs.fileno())}
        worker = subprocess.Popen(
            [sys.executable, "-m", "nova_spi_runtime.worker"],
            env=environment,
            pass_fds=[theirs.fileno()],
            stderr=subprocess.PIPE,
        )
        calls.sendall(b"?")
        _, error = worker.communicate(timeout=60)
        assert worker.returncode == 1
        assert b"hand over two descriptors" in error


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('no weights')", "RuntimeError: no weights"),
        ("import sys; sys.exit('not today')", "not today"),
        ("import sys; sys.exit(0)", "sys.exit(0)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("predict = 3", "cannot be called"),
        ("", "has no 'predict'"),
        ("import nothing_here", "ModuleNotFoundError"),
        ("class predict:\n    def setup(self): raise OSError('disk')\n    def predict(self): pass", "OSError: disk"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_the_error_of_call_zero(project, start_worker, code, message):
    project.callable(code + "\n", **INTERFACE)
    worker = start_worker()
    kind, number, error = worker.receive()
    assert (kind, number) == ("E", 0)
    assert set(error) == ERROR
    assert error["code"] == "model.error"
    assert message in error["message"]
    assert "nova_spi_runtime" not in error["traceback"]
    assert worker.ended() == 1


def test_a_huge_result_and_huge_inputs_go_through(served):
    worker = served("def predict(word): return word * 2\n", **INTERFACE)
    word = "ä" * 5_000_000
    assert worker.call({"word": word}) == {"text": word * 2}


def test_a_result_over_the_limit_of_a_frame_is_an_error(served):
    code = "from nova_spi_runtime import frames\nframes.MAX_PAYLOAD = 1000\ndef predict(word): return word * 900\n"
    worker = served(code, **INTERFACE)
    error = worker.failure({"word": "ab"})
    assert error["code"] == "output.invalid"
    assert "give files" in error["message"]
    assert worker.call({"word": "a"}) == {"text": "a" * 900}


def test_an_unknown_frame_is_answered_and_survived(served):
    worker = served(ECHO, **INTERFACE)
    worker.send(b"?")
    kind, error = worker.answer()
    assert kind == "E"
    assert "takes no frame" in error["message"]
    worker.send(frames.CALL, {})
    assert worker.answer()[0] == "E"
    assert worker.call({"word": "a"}) == {"text": "a"}
