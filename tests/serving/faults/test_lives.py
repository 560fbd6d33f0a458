"""A worker that never becomes ready, and a supervisor that is killed, at each place."""

import os
import signal
import subprocess
import sys
import time

import pytest
from fault_places import named
from fault_stage import HANGS, Stage, running_in

from nova_spi.errors import WorkerUnavailable
from nova_spi.serving import plan_text
from nova_spi.serving.supervisor import failures

START_SECONDS = {"docker": 5.0, "podman": 5.0}
"""Enough for the model to have spoken: a container takes its time to begin on a busy machine."""
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from nova_spi.serving import plan_text
from nova_spi.serving.calls import Call
from nova_spi.serving.engines import engine_of
from nova_spi.serving.supervisor import Supervisor


async def main():
    plan = plan_text.read(Path(sys.argv[1]))
    supervisor = Supervisor(plan, engine_of(plan))
    await supervisor.start()
    await supervisor.ready()
    await supervisor.submit(Call("run", json.dumps({"do": "all of it, hang", "mark": sys.argv[2]}).encode())).done


asyncio.run(main())
"""


def test_a_worker_that_never_becomes_ready_is_said_to_be_broken_and_mends(place, monkeypatch):
    monkeypatch.setattr(failures, "LONGEST_PAUSE", 0.3)
    seconds = START_SECONDS.get(place.name, 1.5)
    changes = {"start_timeout_seconds": seconds, "max_retries": 1}
    with place.plan(changes) as plan:
        mood = plan.slots[0].pristine / "mood.txt"
        mood.write_text("never ready")
        with Stage(place, plan) as stage:
            stage.run(_never_ready(stage, seconds))
            mood.write_text("well")
            stage.run(stage.until(lambda: stage.supervisor.health()["status"] == "ready"))
            stage.run(stage.answered())
            assert stage.supervisor.health()["workers"][0]["restarts"] > 0


async def _never_ready(stage, seconds):
    supervisor, said = stage.supervisor, []

    def status():
        found = supervisor.health()
        if (now := (found["status"], found["ready"])) not in said[-1:]:
            said.append(now)
        return found["status"]

    waiting = stage.begin()
    await stage.until(lambda: status() == "broken")
    assert said == [("starting", False), ("broken", False)]
    assert waiting.ended
    assert waiting.error.error_code == "worker.unavailable"
    assert f"not loaded within {seconds:g} seconds" in waiting.error.message
    assert "loading: never ready" in waiting.error.details["log"]
    with pytest.raises(WorkerUnavailable, match="not loaded within"):
        await supervisor.ready()
    with pytest.raises(WorkerUnavailable):
        stage.begin()
    assert supervisor.health()["workers"][0]["last_error"]["code"] == "worker.unavailable"
    assert (supervisor.health()["queue_depth"], supervisor.health()["in_flight"]) == (0, 0)


def test_nothing_outlives_a_supervisor_that_is_killed(place, tmp_path):
    mark = f"spi-{os.urandom(4).hex()}"
    with place.plan() as plan:
        plan_text.write(plan, tmp_path / "plan.json")
        words = [sys.executable, "-c", PROGRAM, str(tmp_path / "plan.json"), mark]
        with subprocess.Popen(words) as process:
            try:
                _wait(lambda: len(named(mark)) == 4 or process.poll() is not None)
                assert process.poll() is None
            finally:
                process.send_signal(signal.SIGKILL)
        _wait(lambda: not named(mark) and not place.containers() and not running_in(plan.folder))


def _wait(so):
    until = time.monotonic() + HANGS
    while not so():
        assert time.monotonic() < until
        time.sleep(0.02)
