"""A worker begins anew after a call that has taken from it what the next one needs, and after no other."""

import errno

import pytest

from nova_spi_runtime.leaving import is_full

INTERFACE = {
    "inputs": [{"name": "do", "type": "string"}],
    "outputs": [{"name": "text", "type": "string", "required": True}],
}
CODE = """
import errno, os, subprocess, sys, time
SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
if os.environ.get("HELPER"):
    helper = subprocess.Popen(SLEEPS)
def predict(do=""):
    space = {"text": "fine"}
    exec(do, {**globals()}, space)
    return space["text"]
"""
HANG = "sys.stdout.write('begun\\n')\ntime.sleep(600)"
FULL = {
    "as it is": "raise OSError(errno.ENOSPC, 'full')",
    "a file that may grow no more": "raise OSError(errno.EFBIG, 'full')",
    "inside of another": "try:\n    raise OSError(errno.EDQUOT, 'full')\nexcept OSError as e: raise ValueError from e",
}


@pytest.fixture
def worker(served):
    worker = served(CODE, **INTERFACE)
    yield worker
    worker.call()
    worker.close()


@pytest.mark.parametrize("way", FULL)
def test_one_whose_disk_is_full_answers_and_leaves(served, way):
    worker = served(CODE, **INTERFACE)
    assert worker.failure({"do": FULL[way]})["code"] == "model.error"
    assert worker.receive() is None
    assert worker.ended() == 1
    worker.said("begins anew: its disk is full, and a new one has an empty folder.\n")


def test_one_whose_ended_call_has_left_a_process_leaves(served):
    worker = served(CODE, **INTERFACE)
    worker.ask({"do": f"subprocess.Popen(['sleep', '2'])\n{HANG}"})
    worker.said("begun")
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"
    assert worker.receive() is None
    assert worker.ended() == 1
    worker.said("begins anew: the call that was ended has left processes behind.\n")


def test_one_whose_ended_call_has_waited_for_its_processes_stays(worker):
    worker.ask({"do": f"subprocess.Popen(['true']).wait()\n{HANG}"})
    worker.said("begun")
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"


@pytest.mark.parametrize("lasting", ["0", "0.1"])
def test_one_whose_earlier_call_has_left_a_process_that_ends_of_itself_stays(worker, lasting):
    worker.call({"do": f"subprocess.Popen(['sleep', '{lasting}'])"})
    worker.ask({"do": HANG})
    worker.said("begun")
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"


def test_processes_of_a_call_that_returns_stay_with_their_worker(worker):
    worker.call({"do": "subprocess.Popen(['sleep', '2'])"})


def test_processes_of_a_loaded_model_are_its_own(served):
    worker = served(CODE.replace('600)"]', '9)"]'), options={"HELPER": "1"}, **INTERFACE)
    worker.ask({"do": HANG})
    worker.said("begun")
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"
    worker.call({"do": "helper.kill(); helper.wait()"})


@pytest.mark.parametrize("error", [ValueError("no"), OSError(errno.ENOENT, "not there"), MemoryError()])
def test_other_errors_are_no_matter_of_the_disk(worker, error):
    assert not is_full(error)
    assert not is_full(None)


def test_a_chain_without_an_end_is_followed_only_so_far():
    first, second = ValueError(), ValueError()
    first.__context__, second.__context__ = second, first
    assert not is_full(first)
