"""A call that is to end, ends; and nothing else does."""

import threading
import time

import pytest

TEXT = {"name": "text", "type": "string", "required": True}
DO = {"name": "do", "type": "string"}
INTERFACE = {"inputs": [DO], "outputs": [TEXT]}
CODE = """
import asyncio, os, signal, socket, subprocess, sys, threading, time
def predict(do=""):
    space = {"text": "fine"}
    exec(do, {**globals()}, space)
    return space["text"]
"""
SAY = "sys.stdout.write('begun\\n')\n"


@pytest.mark.parametrize(
    "do",
    [
        "time.sleep(600)",
        "while True: pass",
        "while True:\n    try: time.sleep(0.01)\n    except Exception: pass",
        "a, b = socket.socketpair(); a.recv(1)",
        "threading.Event().wait()",
        "subprocess.run(['sh', '-c', 'echo begun; exec sleep 600'])",
        "os.read(os.pipe()[0], 1)",
        "threading.Lock().acquire() or None; lock = threading.Lock(); lock.acquire(); lock.acquire()",
        "asyncio.run(asyncio.sleep(600))",
        "any(False for n in iter(int, 1))",
        "try:\n    time.sleep(600)\nexcept BaseException as error:\n    raise ValueError('other') from error",
    ],
)
def test_a_call_ends_when_it_is_cancelled(served, do):
    worker = served(CODE, **INTERFACE)
    for _ in range(2):
        # A program that is ended while it starts another may leave that behind, and then begins anew.
        worker.ask({"do": do if "begun" in do else SAY + do})
        worker.said("begun")
        worker.log = b""
        worker.cancel()
        kind, error = worker.answer()
        assert (kind, error["code"]) == ("E", "run.cancelled")
    assert worker.call() == {"text": "fine"}


def test_what_a_model_closes_in_the_end_is_closed(served):
    worker = served(CODE, **INTERFACE)
    worker.ask({"do": "try:\n    " + SAY + "    time.sleep(600)\nfinally: sys.stdout.write('closed\\n')"})
    worker.said("begun")
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"
    worker.said("closed")


def test_a_model_that_swallows_even_that_answers_in_its_own_time(served):
    worker = served(CODE, **INTERFACE)
    worker.ask({"do": "try:\n    " + SAY + "    time.sleep(600)\nexcept BaseException: text = 'swallowed'"})
    worker.said("begun")
    worker.cancel()
    assert worker.answer() == ("R", {"text": "swallowed"})
    assert worker.call() == {"text": "fine"}


def test_a_cancel_that_comes_before_its_call_counts(served):
    worker = served(CODE, **INTERFACE)
    worker.ask({"do": "time.sleep(0.3)"})
    worker.cancel(2)
    assert worker.answer() == ("R", {"text": "fine"})
    worker.ask({"do": "time.sleep(600)"})
    assert worker.answer(2)[1]["code"] == "run.cancelled"
    assert worker.call() == {"text": "fine"}


def test_a_cancel_that_comes_too_late_touches_nothing(served):
    worker = served(CODE, **INTERFACE)
    for _ in range(50):
        worker.call()
        worker.cancel()
        worker.cancel(1)
    assert worker.call({"do": "time.sleep(0.3)"}) == {"text": "fine"}


def test_a_cancel_at_any_moment_ends_its_call_or_does_nothing(served):
    """The cancel runs against the call's own end, some hundred times; whatever wins, the worker goes on."""
    worker = served(CODE, **INTERFACE)
    ends = set()
    for index in range(300):
        number = worker.ask({"do": "for n in range(300): text = str(n)"})
        time.sleep(index % 30 * 0.00002)
        worker.cancel(number)
        kind, value = worker.answer(number)
        assert (kind, value) == ("R", {"text": "299"}) or value["code"] == "run.cancelled"
        ends.add(kind)
    assert worker.call() == {"text": "fine"}
    assert ends <= {"R", "E"}


def test_many_cancels_of_one_call_are_one(served):
    worker = served(CODE, **INTERFACE)
    worker.ask({"do": SAY + "time.sleep(600)"})
    worker.said("begun")
    for _ in range(20):
        worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"
    assert worker.call({"do": "time.sleep(0.2)"}) == {"text": "fine"}


STREAM = """
def predict(do=""):
    while True:
        yield "x" * 5000
"""


def test_a_stream_that_is_cancelled_leaves_no_half_frame(served):
    worker = served(STREAM, **INTERFACE)
    for _ in range(20):
        number = worker.ask(stream=True)
        for _ in range(3):
            assert worker.receive()[0] == "P"
        worker.cancel()
        kind, error = worker.answer(number)
        assert (kind, error["code"]) == ("E", "run.cancelled")


ASYNC = """
import asyncio, sys
class Model:
    async def setup(self):
        self.ticks = 0
        self.ticking = asyncio.create_task(self.tick())
    async def tick(self):
        while True:
            await asyncio.sleep(0.001)
            self.ticks += 1
    async def predict(self, do):
        try:
            sys.stdout.write("begun\\n")
            if do == "wait":
                await asyncio.sleep(600)
            if do == "spin":
                while True:
                    await asyncio.sleep(0)
            if do == "block":
                import time
                time.sleep(600)
            before = self.ticks
            await asyncio.sleep(0.1)
            return "alive" if self.ticks > before else "dead"
        finally:
            await asyncio.sleep(0)
            sys.stdout.write("closed\\n")
"""


UVLOOP = "import uvloop\nasyncio.new_event_loop = uvloop.new_event_loop\n"


@pytest.mark.parametrize("loop", ["", UVLOOP], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("do", ["wait", "spin", "block"])
def test_an_asynchronous_call_is_cancelled_and_its_loop_lives_on(served, do, loop):
    if loop:
        pytest.importorskip("uvloop")
    worker = served(ASYNC.replace("class", loop + "class"), "model:Model", **INTERFACE)
    for _ in range(5):
        worker.log = b""
        worker.ask({"do": do})
        worker.said("begun")
        worker.cancel()
        assert worker.answer()[1]["code"] == "run.cancelled"
        worker.said("closed")
    assert worker.call({"do": "work"}) == {"text": "alive"}


def test_an_asynchronous_stream_is_cancelled_and_closed(served):
    code = """
import asyncio, sys
async def predict(do=""):
    try:
        while True:
            yield "piece"
            await asyncio.sleep(0.001)
    finally:
        sys.stdout.write("closed\\n")
"""
    worker = served(code, **INTERFACE)
    for _ in range(5):
        worker.log = b""
        number = worker.ask(stream=True)
        assert worker.receive() == ("P", number, {"text": "piece"})
        worker.cancel()
        assert worker.answer(number)[1]["code"] == "run.cancelled"
        worker.said("closed")


def test_a_thread_that_reports_while_its_call_is_cancelled_does_no_harm(served):
    code = """
import threading, time
from nova_spi_runtime import progress, progressing
progressing.PAUSE = 0
def report():
    for _ in range(2000):
        progress(0.5, "x" * 500)
def predict(do=""):
    threads = [threading.Thread(target=report) for _ in range(3)]
    for thread in threads: thread.start()
    if do: report()
    while any(thread.is_alive() for thread in threads): progress(0.1)
    return "fine"
"""
    worker = served(code, **INTERFACE)
    for index in range(6):
        number = worker.ask({"do": "x"})
        for _ in range(10 * index):
            assert worker.receive()[0] == "G"
        worker.cancel()
        assert worker.answer(number)[1]["code"] == "run.cancelled"
    kinds = set()
    number = worker.ask()
    while (frame := worker.receive())[0] == "G":
        kinds.add(frame[0])
    assert frame == ("R", number, {"text": "fine"})


def test_a_cancel_while_the_model_holds_the_interpreter_waits_for_it(served):
    worker = served(CODE, **INTERFACE)
    worker.ask({"do": SAY + "sum(range(3 * 10 ** 7))\ntime.sleep(600)"})
    worker.said("begun")
    canceller = threading.Thread(target=worker.cancel)
    canceller.start()
    assert worker.answer()[1]["code"] == "run.cancelled"
    canceller.join()
