"""Pieces of a generator as they come, progress, and that all of it is over when the answer is."""

import pytest

TEXT = {"name": "text", "type": "string", "required": True, "constraints": {"min_length": 3}}
N = {"name": "n", "type": "integer", "default": 3}


def streamed(worker, inputs=None):
    """The pieces and the answer of one call."""
    number = worker.ask(inputs, stream=True)
    pieces = []
    while True:
        kind, answered, value = worker.receive()
        assert answered == number
        if kind != "P":
            return pieces, (kind, value)
        pieces.append(value)


@pytest.mark.parametrize("how", ["def", "async def"])
def test_pieces_come_as_they_are_made_and_the_whole_at_the_end(served, how):
    worker = served(f"{how} predict(n):\n    for i in range(n): yield str(i)\n", inputs=[N], outputs=[TEXT])
    for _ in range(3):
        assert streamed(worker) == ([{"text": "0"}, {"text": "1"}, {"text": "2"}], ("R", {"text": "012"}))
    assert worker.call() == {"text": "012"}


def test_without_stream_only_the_whole_comes(served):
    worker = served("def predict(n):\n    yield 'abc'\n", inputs=[N], outputs=[TEXT])
    number = worker.ask()
    assert worker.receive() == ("R", number, {"text": "abc"})


def test_what_is_no_generator_is_a_stream_of_nothing(served):
    worker = served("def predict(n): return 'abc'\n", inputs=[N], outputs=[TEXT])
    assert streamed(worker) == ([], ("R", {"text": "abc"}))


def test_pieces_are_typed_as_their_outputs_and_what_has_no_form_is_left_out(served):
    code = """
import decimal
def predict(n):
    yield {"price": decimal.Decimal("1.10"), "list": decimal.Decimal("2"), "any": (1, 2)}
    yield {"count": 3.0, "list": "x", "any": object()}
    yield None
    yield {"count": 4, "list": 7, "map": {"a": 1}}
"""
    outputs = [
        {"name": "price", "type": "decimal"},
        {"name": "count", "type": "integer"},
        {"name": "list", "type": "array", "items": {"type": "decimal"}},
        {"name": "map", "type": "map"},
        {"name": "any", "type": "array"},
    ]
    worker = served(code, inputs=[N], outputs=outputs)
    pieces, (kind, error) = streamed(worker)
    assert pieces == [
        {"price": "1.10", "list": "2", "any": [1, 2]},
        {"count": 3},
        {"count": 4, "list": "7", "map": {"a": 1}},
    ]
    assert (kind, error["code"]) == ("E", "output.invalid")


def test_a_generator_of_nothing_has_no_outputs(served):
    code = "def predict(n):\n    return\n    yield\n"
    worker = served(code, inputs=[N], outputs=[{"name": "seen", "type": "map"}])
    assert streamed(worker) == ([], ("R", {}))
    assert worker.call() == {}


def test_an_error_in_the_middle_comes_after_the_pieces_before_it(served):
    worker = served("def predict(n):\n    yield 'a'\n    raise ValueError('b')\n", inputs=[N], outputs=[TEXT])
    pieces, (kind, error) = streamed(worker)
    assert (pieces, kind, error["message"]) == ([{"text": "a"}], "E", "ValueError: b")
    assert "yield" not in error["traceback"]


def test_the_whole_meets_the_rules_that_pieces_do_not(served):
    worker = served("def predict(n):\n    yield 'a'\n    yield 'b'\n", inputs=[N], outputs=[TEXT])
    pieces, (kind, error) = streamed(worker)
    assert (len(pieces), kind) == (2, "E")
    assert "at least 3 characters" in error["message"]


def test_files_of_a_stream_come_with_the_whole(served):
    code = """
import pathlib
def predict(n):
    for i in range(n):
        path = pathlib.Path("outputs") / f"{i}.txt"
        path.write_text(str(i))
        yield {"text": f"{i} ", "notes": path}
"""
    worker = served(code, inputs=[N], outputs=[TEXT, {"name": "notes", "type": "file"}])
    pieces, (kind, outputs) = streamed(worker)
    assert pieces == [{"text": "0 "}, {"text": "1 "}, {"text": "2 "}]
    assert (kind, outputs["notes"]) == ("R", [f"outputs/{i}.txt" for i in range(3)])


def test_a_generator_that_is_left_in_the_middle_is_closed_before_the_answer(served):
    code = """
import sys
def predict(n):
    try:
        yield {"other": 1}
        yield 3
    finally:
        sys.stderr.write("closed\\n")
"""
    second = {"name": "second", "type": "string"}
    worker = served(code, inputs=[N], outputs=[TEXT, second])
    assert worker.failure()["code"] == "output.invalid"
    worker.said("closed")


PROGRESS = """
import time
from nova_spi_runtime import progress
def predict(n):
    progress(0, "begun")
    for i in range(n):
        time.sleep(0.03)
        progress(i / n, f"step {i}")
    progress(1)
    return "done"
"""


def test_progress_comes_while_it_is_made(served):
    worker = served(PROGRESS, inputs=[N], outputs=[TEXT])
    number = worker.ask({"n": 2})
    found = []
    while (frame := worker.receive())[0] == "G":
        assert frame[1] == number
        found.append(frame[2])
    assert found == [
        {"fraction": 0.0, "message": "begun"},
        {"fraction": 0.0, "message": "step 0"},
        {"fraction": 0.5, "message": "step 1"},
        {"fraction": 1.0, "message": ""},
    ]
    assert frame == ("R", number, {"text": "done"})


def test_a_thread_that_reports_after_the_answer_is_not_heard_on_the_wire(served):
    code = """
import threading, time
from nova_spi_runtime import progress
def late():
    time.sleep(0.1)
    progress(0.7, "too late")
def predict(n):
    threading.Thread(target=late).start()
    return "done"
"""
    worker = served(code, inputs=[N], outputs=[TEXT])
    worker.call()
    worker.said("progress 70%: too late")
    number = worker.ask()
    assert worker.receive() == ("R", number, {"text": "done"})
