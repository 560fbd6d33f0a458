import re

import pytest

from nova_spi_runtime import SPIError
from nova_spi_runtime.errors import CODES
from nova_spi_runtime.failures import MAX_MESSAGE, one_line, record
from nova_spi_runtime.problems import Problem

TEXT = {"name": "text", "type": "string", "required": True}
NUMBER = {"name": "n", "type": "integer", "required": True}

PROGRAM = """
from nova_spi_runtime import SPIRuntime
spi = SPIRuntime()
n = spi.parse_inputs()["n"]
spi.logger.info("n is %s", n)
spi.write_outputs({"text": "1" * (10 // n)})
"""


@pytest.fixture
def program(project):
    project.write("run.py", PROGRAM)
    project.manifest(inputs=[NUMBER], outputs=[TEXT])
    return project


def test_a_plain_program_runs_without_any_variable_of_an_engine(program):
    ended = program.start("run.py", INPUT_N="5")
    assert ended.returncode == 0, ended.stderr
    assert program.outputs == {"text": "11"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - spi - INFO - n is 5\n", ended.stdout)


def test_a_plain_program_with_wrong_inputs_ends_with_one_line(program):
    ended = program.start("run.py")
    assert ended.returncode == 1
    assert ended.stderr == f"spi: input.invalid: {program.error['message']}\n"
    assert program.error["problems"][0]["path"] == "n"


def test_an_exception_of_a_plain_program_keeps_its_traceback_and_is_recorded(program):
    ended = program.start("run.py", INPUT_N="0")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback (most recent call last)")
    assert program.error["code"] == "model.error"
    assert "ZeroDivisionError" in program.error["message"]
    assert 'run.py", line 6' in program.error["traceback"]


def test_the_error_file_may_stand_elsewhere(program, tmp_path):
    ended = program.start("run.py", SPI_ERROR_FILE=str(tmp_path / "why/error.json"))
    assert ended.returncode == 1
    assert (tmp_path / "why/error.json").is_file()
    assert not (program.root / "outputs").exists()


def test_an_error_file_that_cannot_be_written_does_not_hide_the_error(program):
    program.write("outputs", "in the way")
    ended = program.start("run.py")
    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr
    assert "spi: input.invalid:" in ended.stderr


def test_an_error_that_the_program_catches_leaves_no_trace(program):
    caught = PROGRAM.replace('n = spi.parse_inputs()["n"]', "try: spi.parse_inputs()\nexcept Exception: n = 2")
    program.write("run.py", caught)
    assert program.start("run.py").returncode == 0
    assert not (program.root / "outputs/error.json").exists()


def test_being_interrupted_is_no_error_of_the_model(program):
    program.write("run.py", "from nova_spi_runtime import SPIRuntime\nSPIRuntime()\nraise KeyboardInterrupt\n")
    assert program.start("run.py").returncode != 0
    assert not (program.root / "outputs/error.json").exists()


def test_the_hook_is_installed_once(program):
    program.write("run.py", PROGRAM.replace("spi = SPIRuntime()", "SPIRuntime(); spi = SPIRuntime()"))
    ended = program.start("run.py")
    assert ended.stderr.count("spi: input.invalid") == 1


def test_messages_are_one_bounded_line():
    assert one_line("a\n b\x1b[31m\tc") == "a b\\x1b[31m c"
    assert len(one_line("x" * 1_000_000)) == MAX_MESSAGE


def test_a_record_survives_text_that_is_no_unicode(tmp_path):
    record(SPIError("output.invalid", "no file \udcff"), str(tmp_path / "error.json"))
    assert "no file" in (tmp_path / "error.json").read_text()


def test_an_error_is_data():
    error = SPIError("input.invalid", "a message", [("n", "is wrong")], "trace")
    assert error.to_dict() == {
        "code": "input.invalid",
        "message": "a message",
        "problems": [{"path": "n", "message": "is wrong"}],
        "traceback": "trace",
    }
    assert error.problems == (Problem("n", "is wrong"),)
    kind, arguments = error.__reduce__()
    assert kind(*arguments).to_dict() == error.to_dict()
    assert error.code in CODES
