"""Whether the model is well, asked between two calls."""

import pytest

from nova_spi_runtime import frames

TEXT = {"name": "text", "type": "string"}
CODE = """
import os, sys, time
ill = []
class Model:
    def setup(self): self.calls = 0
    def predict(self): self.calls += 1; return "a"
    def is_well(self): return self.calls < 2
def well(): return not ill
def odd(): raise RuntimeError("no memory")
def gone(): sys.exit("over")
async def soon(): return None
def endless(): time.sleep(600)
"""


def asked(worker):
    worker.send(frames.HEALTH)
    kind, answer = worker.answer()
    assert kind == "W"
    return answer["ok"], answer["message"]


def checked(project, start_worker, **check):
    project.write("model.py", CODE)
    project.manifest(
        execution={"entry_point": {"callable": "model:Model"}, "health_check": check or None}, outputs=[TEXT]
    )
    worker = start_worker()
    worker.ready()
    return worker


def test_a_model_without_a_check_is_well_while_it_answers(project, start_worker):
    assert asked(checked(project, start_worker)) == (True, "")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("model:well", (True, "")),
        ("model:soon", (True, "")),
        ("model:odd", (False, "RuntimeError: no memory")),
        ("model:gone", (False, "SystemExit: over")),
        ("model:none", (False, "The entry point 'model:none' is not there: model has no 'none'.")),
        ("nowhere:none", (False, "ModuleNotFoundError: No module named 'nowhere'")),
    ],
)
def test_a_function_says_so(project, start_worker, name, answer):
    worker = checked(project, start_worker, callable=name)
    assert asked(worker) == answer
    assert asked(worker) == answer
    assert worker.call() == {"text": "a"}


def test_the_instance_that_answers_is_the_one_that_is_asked(project, start_worker):
    worker = checked(project, start_worker, callable="model:Model.is_well")
    worker.call()
    assert asked(worker) == (True, "")
    worker.call()
    assert asked(worker) == (False, "model:Model.is_well returned False.")


def test_a_program_says_so(project, start_worker):
    worker = checked(project, start_worker, command=["sh", "-c", "test -e ok || { echo not ok; exit 3; }"])
    ok, message = asked(worker)
    assert not ok
    assert "exit status 3. not ok" in message
    project.write("ok", "")
    assert asked(worker) == (True, "")


def test_a_program_that_hangs_has_failed(project, start_worker):
    worker = checked(project, start_worker, command="sleep 600", timeout_seconds=0.3)
    assert asked(worker) == (False, "The check took longer than 0.3 s.")


def test_a_check_that_hangs_can_be_cancelled(project, start_worker):
    worker = checked(project, start_worker, callable="model:endless")
    worker.send(frames.HEALTH)
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"
    assert worker.call() == {"text": "a"}
