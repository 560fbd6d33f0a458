"""Several calls that a model takes together."""

import pytest

WORD = {"name": "word", "type": "string"}
COUNT = {"name": "count", "type": "integer", "default": 2}
TEXT = {"name": "text", "type": "string", "required": True}
INTERFACE = {"inputs": [WORD, COUNT], "outputs": [TEXT]}
CLASS = """
import os
from nova_spi_runtime import SPIError
class Model:
    def predict(self, word, count): return word * count
    def predict_batch(self, items):
        kinds = {"error": ValueError("own"), "typed": SPIError("input.invalid", "too odd"), "none": None, "number": 3}
        return [kinds.get(item["word"]) if item["word"] in kinds else f"{item} {len(items)}" for item in items]
    def loud(self, word): return word.upper()
    def loud_batch(self, items): return [{"text": os.environ["SPI_EXECUTION_ID"]} for item in items]
"""


def test_results_come_in_order_with_the_errors_of_single_calls(served):
    worker = served(CLASS, "model:Model", **INTERFACE)
    found = worker.batch({"word": "a"}, {"word": "error"}, {"word": 3}, {"word": "typed"}, {"word": "none"}, {})
    assert found[0] == {"outputs": {"text": "{'word': 'a', 'count': 2} 5"}}
    assert found[5] == {"outputs": {"text": "{'word': None, 'count': 2} 5"}}
    errors = [entry["error"] for entry in found[1:5]]
    assert [error["code"] for error in errors] == ["model.error", "input.invalid", "input.invalid", "output.missing"]
    assert errors[0]["message"] == "ValueError: own"
    assert errors[2]["message"] == "too odd"
    assert worker.batch({"word": "number"})[0]["error"]["code"] == "output.invalid"
    assert worker.call({"word": "ab"}) == {"text": "abab"}


def test_every_command_has_its_own(project, start_worker):
    loud = {"entry_point": {"callable": "model:Model"}, "inputs": [WORD], "outputs": [TEXT]}
    quiet = {"entry_point": {"callable": "model:alone"}, "inputs": [WORD], "outputs": [TEXT]}
    code = CLASS + "\ndef alone(word): return word\n"
    project.callable(code, "model:Model", commands={"loud": loud, "quiet": quiet}, **INTERFACE)
    worker = start_worker()
    assert worker.ready()["batch"] == ["loud", "run"]
    assert worker.batch({"word": "a"}, {}, command="loud") == [{"outputs": {"text": "c0,c1"}}] * 2
    number = worker.send(b"B", {"command": "quiet", "calls": [{"id": "a", "inputs": {}}]})
    kind, error = worker.answer(number)
    assert (kind, error["code"]) == ("E", "model.error")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('all')", "ValueError: all"),
        ("return ['a']", "got 2 calls together and gave 1 results"),
        ("return 'ab'", "must give a list of results"),
        ("return None", "must give a list of results"),
        ("import sys; sys.exit(4)", "sys.exit(4)"),
    ],
)
def test_what_goes_wrong_with_all_is_everybodys_error(served, body, message):
    worker = served(f"def predict(word, count): return word\ndef predict_batch(items): {body}\n", **INTERFACE)
    calls = [{"id": "a", "inputs": {}, "files": {}, "timeout_seconds": None}] * 2
    worker.send(b"B", {"command": "run", "calls": calls})
    kind, error = worker.answer()
    assert (kind, error["code"]) == ("E", "model.error")
    assert message in error["message"]
    assert worker.call({"word": "a"}) == {"text": "a"}


@pytest.mark.parametrize(
    "code",
    [
        "async def predict_batch(items):\n    await asyncio.sleep(0)\n    return [item['word'] for item in items]\n",
        "async def predict_batch(items):\n    for item in items: yield item['word']\n",
        "def predict_batch(items):\n    for item in items: yield item['word']\n",
        "def predict_batch(items): return tuple(item['word'] for item in items)\n",
    ],
)
def test_results_may_be_awaited_or_generated(served, code):
    worker = served("import asyncio\ndef predict(word, count): return word\n" + code, **INTERFACE)
    assert worker.batch({"word": "a"}, {"word": "b"}) == [{"outputs": {"text": "a"}}, {"outputs": {"text": "b"}}]


def test_a_batch_is_cancelled_as_one(served):
    code = "import time\ndef predict(word, count): return word\ndef predict_batch(items): time.sleep(600)\n"
    worker = served(code, **INTERFACE)
    calls = [{"id": "a", "inputs": {}, "files": {}, "timeout_seconds": None}] * 2
    worker.send(b"B", {"command": "run", "calls": calls})
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"


def test_each_call_has_its_own_files(served, tmp_path):
    code = """
import pathlib
def predict(picture): return None
def predict_batch(items):
    found = []
    for index, item in enumerate(items):
        path = pathlib.Path("outputs") / f"{index}.txt"
        path.write_text(item["picture"].read_text() if item["picture"] else "none")
        found.append(path if index < 2 else None)
    return found
"""
    picture = {"name": "picture", "type": "file", "constraints": {"max_files": 1}}
    note = {"name": "note", "type": "file", "required": True, "file_pattern": "note_*.txt", "index_padding": 2}
    worker = served(code, inputs=[picture], outputs=[note])
    (tmp_path / "a").write_text("A")
    calls = [{"id": str(n), "inputs": {}, "files": {}, "timeout_seconds": 1.5} for n in range(3)]
    calls[0]["files"] = {"picture": [str(tmp_path / "a")]}
    number = worker.send(b"B", {"command": "run", "calls": calls})
    kind, found = worker.answer()
    assert kind == "S"
    assert found[:2] == [{"outputs": {"note": ["outputs/note_00.txt"]}}] * 2
    assert found[2]["error"]["code"] == "output.missing"
    texts = [(worker.root / f"calls/{number}/{at}/outputs/note_00.txt").read_text() for at in (0, 1)]
    assert texts == ["A", "none"]
