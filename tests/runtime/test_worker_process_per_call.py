"""Every call in a fork of the loaded worker."""

import os
from pathlib import Path

import pytest

from nova_spi_runtime import frames

TEXT = {"name": "text", "type": "string", "required": True}
DO = {"name": "do", "type": "string"}
INTERFACE = {"inputs": [DO], "outputs": [TEXT]}
CODE = """
import asyncio, ctypes, os, signal, sys, threading, time
class Model:
    def setup(self):
        self.calls = 0
        sys.stdout.write(f"set up in {os.getpid()}\\n")
    def predict(self, do=""):
        self.calls += 1
        space = {"text": f"{self.calls} {os.getpid()}", "self": self}
        exec(do or "", {**globals()}, space)
        return space["text"]
    def predict_batch(self, items):
        return [f"{item['do']} {os.getpid()}" for item in items]
"""
SAY = "sys.stdout.write('begun\\n')\n"


@pytest.fixture
def forking(served):
    def serve(code=CODE, reference="model:Model", **interface):
        return served(code, reference, {"SPI_WORKER_PROCESS_PER_CALL": "1"}, **{**INTERFACE, **interface})

    return serve


def children(worker) -> list[str]:
    """Processes whose parent is the worker, zombies too."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if fields and fields[1] == str(worker.process.pid):
            found.append(entry.name)
    return found


def settled(worker) -> None:
    worker.send(frames.HEALTH)
    assert worker.answer() == ("W", {"ok": True, "message": ""})


def test_every_call_finds_the_model_as_it_was_set_up(forking):
    worker = forking()
    found = [worker.call()["text"].split() for _ in range(20)]
    assert {calls for calls, _ in found} == {"1"}
    assert len({process for _, process in found}) == 20
    assert str(worker.process.pid) not in {process for _, process in found}
    worker.said(f"set up in {worker.process.pid}")
    assert worker.log.count(b"set up") == 1
    assert children(worker) == []


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("os._exit(3)", "ended itself with status 3 before"),
        ("os._exit(0)", "ended itself with status 0 before"),
        ("os.kill(os.getpid(), 9)", "ended by SIGKILL (9), perhaps because memory ran out"),
        ("ctypes.string_at(0)", "ended by SIGSEGV (11)."),
        ("os.kill(os.getpid(), signal.SIGRTMIN + 5)", "ended by "),
        ("os.closerange(3, 1100)", "SIGKILL"),
    ],
)
def test_a_call_that_dies_takes_nothing_along(forking, do, message):
    worker = forking()
    process = worker.process.pid
    for _ in range(2):
        error = worker.failure({"do": SAY + do})
        assert error["code"] == "worker.crashed"
        assert message in error["message"] or (do.startswith("os.close") and "ended" in error["message"])
        worker.said("begun")
    assert worker.call()["text"].startswith("1 ")
    assert worker.process.pid == process
    assert children(worker) == []


def test_errors_streams_progress_and_batches_pass_through(forking):
    code = """
from nova_spi_runtime import progress
class Model:
    def predict(self, do=None):
        progress(0.5, "half")
        yield "a"
        if do: raise ValueError(do)
        yield "b"
    def predict_batch(self, items):
        return [item["do"] for item in items]
"""
    worker = forking(code)
    number = worker.ask(stream=True)
    assert [worker.receive() for _ in range(4)] == [
        ("G", number, {"fraction": 0.5, "message": "half"}),
        ("P", number, {"text": "a"}),
        ("P", number, {"text": "b"}),
        ("R", number, {"text": "ab"}),
    ]
    error = worker.failure({"do": "no"})
    assert (error["code"], error["message"]) == ("model.error", "ValueError: no")
    worker.said("ValueError: no")
    assert worker.batch({"do": "x"}, {"do": 3})[0] == {"outputs": {"text": "x"}}


@pytest.mark.parametrize(
    "do",
    [
        "time.sleep(600)",
        "while True:\n    try: time.sleep(600)\n    except BaseException: pass",
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); time.sleep(600)",
        "try: time.sleep(600)\nfinally: time.sleep(600)",
    ],
)
def test_a_cancelled_call_ends_whatever_it_does(forking, do):
    worker = forking()
    for _ in range(2):
        worker.log = b""
        worker.ask({"do": SAY + do})
        worker.said("begun")
        worker.cancel()
        assert worker.answer()[1]["code"] == "run.cancelled"
    assert worker.call()["text"].startswith("1 ")
    assert children(worker) == []


def test_cancelling_is_cooperative_first(forking):
    worker = forking()
    worker.ask({"do": "try:\n    " + SAY + "    time.sleep(600)\nfinally: sys.stdout.write('closed\\n')"})
    worker.said("begun")
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"
    worker.said("closed")


def test_a_cancel_at_any_moment_ends_its_call_or_does_nothing(forking):
    worker = forking()
    for _ in range(40):
        number = worker.ask()
        worker.cancel(number)
        kind, value = worker.answer(number)
        assert kind == "R" or value["code"] == "run.cancelled"
    worker.cancel(worker.number)
    assert worker.call()["text"].startswith("1 ")
    worker.cancel(worker.number + 1)
    assert worker.answer(worker.ask({"do": "time.sleep(600)"}))[1]["code"] == "run.cancelled"


def test_a_child_of_the_call_that_lives_on_does_not_keep_the_worker_waiting(forking):
    worker = forking()
    do = "import subprocess; text = str(subprocess.Popen(['sleep', '60'], start_new_session=True).pid)"
    sleeping = int(worker.call({"do": do})["text"])
    assert worker.failure({"do": "os.fork() or time.sleep(2); os._exit(4)"})["code"] == "worker.crashed"
    os.kill(sleeping, 9)
    assert worker.call()["text"].startswith("1 ")


def test_a_call_that_awaits_has_an_event_loop_of_its_own(forking):
    code = """
import asyncio
class Model:
    async def setup(self): await asyncio.sleep(0)
    async def predict(self, do=None):
        await asyncio.sleep(0.01)
        return "awaited"
"""
    worker = forking(code)
    assert [worker.call() for _ in range(3)] == [{"text": "awaited"}] * 3


def test_threads_of_the_model_are_not_there(forking):
    code = CODE.replace(
        "self.calls = 0", "self.calls = 0; threading.Thread(target=time.sleep, args=(5,), daemon=1).start()"
    )
    worker = forking(code)
    assert worker.call({"do": "text = str(threading.active_count())"}) == {"text": "1"}


def test_files_and_leftovers_are_those_of_any_call(forking):
    code = """
class Model:
    def predict(self, do=None):
        open("outputs/a.txt", "w").close()
        open("outputs/b.tmp", "w").close()
        if do: raise ValueError(do)
"""
    worker = forking(code, outputs=[{"name": "note", "type": "file", "file_pattern": "*.txt"}])
    assert worker.call() == {"note": ["outputs/a.txt"]}
    worker.failure({"do": "no"})
    assert worker.call() == {"note": ["outputs/a.txt"]}
    settled(worker)
    assert sorted(path.name for path in (worker.root / "calls").iterdir()) == ["3"]
    assert list((worker.root / "outputs").iterdir()) == []


def test_a_supervisor_that_goes_takes_the_call_along(forking):
    worker = forking()
    worker.ask({"do": "text = ''\n" + SAY + "while True:\n    try: time.sleep(600)\n    except BaseException: pass"})
    worker.said("begun")
    left = children(worker)
    assert len(left) == 1
    assert worker.close() == 0
    assert not Path(f"/proc/{left[0]}").exists()


def test_what_a_call_does_to_its_process_stays_in_it(forking):
    worker = forking()
    worker.call({"do": "os.chdir('/'); os.close(1); os.environ.clear(); sys.modules.clear()"})
    assert worker.call({"do": "text = os.getcwd() + os.environ['SPI_COMMAND']"}) == {"text": f"{worker.root}run"}


def test_a_call_whose_process_cannot_be_started_is_one_failed_call(forking):
    code = """
import os
fork, tries = os.fork, []
def refused():
    tries.append(1)
    if len(tries) < 3:
        raise OSError(11, "Resource temporarily unavailable")
    return fork()
os.fork = refused
def predict(do=None): return "fine"
"""
    worker = forking(code, "model:predict")
    for _ in range(2):
        error = worker.failure()
        assert (error["code"], "could not be started: Resource" in error["message"]) == ("worker.crashed", True)
    assert worker.call() == {"text": "fine"}
