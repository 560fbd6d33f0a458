"""`main` in this very process: the same promises as in test_program, where a debugger and coverage can look on."""

import asyncio
import sys

import pytest

from nova_spi_runtime import SPIError, SPIRuntime
from nova_spi_runtime.failures import model_error
from nova_spi_runtime.program import main

TEXT = {"name": "text", "type": "string", "required": True}
NUMBER = {"name": "n", "type": "integer"}


@pytest.fixture
def inside(in_project, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield in_project
    sys.modules.pop("model", None)
    asyncio.set_event_loop(None)


def test_a_class_with_asynchronous_parts(inside, monkeypatch):
    code = """
class Model:
    async def setup(self):
        self.word = "ready"
    async def predict(self, n, other=None):
        yield self.word
        yield str(n)
"""
    monkeypatch.setenv("INPUT_N", "3")
    inside.callable(code, "model:Model", inputs=[NUMBER, {"name": "other", "type": "string"}], outputs=[TEXT])
    assert main() == 0
    assert inside.outputs == {"text": "ready3"}
    assert sys.path[0] == str(inside.root)


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("def predict(n): raise ValueError('bad')", "model.error", "ValueError: bad"),
        ("def predict(n): raise SystemExit(3)", "model.error", "sys.exit(3)"),
        ("def predict(n): raise SystemExit(0)", "output.missing", "sys.exit(0)"),
        ("def predict(m): return ''", "model.error", "does not take its inputs"),
        ("def predict(n): return n + 1", "model.error", "TypeError"),
        ("class predict: pass", "model.error", "has no method"),
        ("predict = 3", "model.error", "cannot be called"),
        ("", "model.error", "has no 'predict'"),
        ("predict = max", "model.error", "does not take its inputs"),
    ],
)
def test_failures(inside, capsys, code, error, message):
    inside.callable(code + "\n", inputs=[NUMBER], outputs=[TEXT])
    assert main() == 1
    assert inside.error["code"] == error
    assert message in inside.error["message"]
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"spi: {error}: ")


def test_a_module_and_a_command(inside):
    inside.write("model.py", "import pathlib\npathlib.Path('outputs').mkdir()\npathlib.Path('outputs/a.txt').touch()\n")
    note = {"name": "note", "type": "file", "required": True}
    inside.manifest(execution={"entry_point": {"module": "model"}}, outputs=[note])
    assert main() == 0
    assert inside.outputs == {"note": ["outputs/a.txt"]}
    inside.manifest(execution={"entry_point": {"command": ["true"]}})
    assert main() == 1
    assert "no module or callable" in inside.error["message"]


def test_a_run_without_a_manifest(inside, capsys):
    assert main() == 1
    assert inside.error["code"] == "manifest.unreadable"
    assert "Traceback" not in capsys.readouterr().err


def test_the_hook_of_a_plain_program(inside, capsys):
    inside.manifest(inputs=[{**NUMBER, "required": True}])
    spi = SPIRuntime()
    SPIRuntime()
    for raised in (ValueError("own"), KeyboardInterrupt()):
        sys.excepthook(type(raised), raised, None)
    assert inside.error["message"] == "ValueError: own"
    with pytest.raises(SPIError) as caught:
        spi.parse_inputs()
    sys.excepthook(SPIError, caught.value, None)
    assert inside.error["code"] == "input.invalid"
    assert capsys.readouterr().err.endswith("give it in inputs/config/inputs.json or as INPUT_N\n")


def test_the_logger_has_one_handler_however_often_it_is_asked_for(inside):
    inside.manifest()
    first, second = SPIRuntime(), SPIRuntime()
    assert first.logger is second.logger is first.logger
    assert (first.logger.name, len(first.logger.handlers), first.logger.propagate) == ("spi", 1, False)


def test_an_exception_whose_message_fails_is_still_told():
    class OddError(Exception):
        def __str__(self):
            raise ValueError

    assert model_error(OddError()).message == "OddError: (its message cannot be shown)"
    assert model_error(ValueError()).message == "ValueError"
