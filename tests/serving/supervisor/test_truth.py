"""Health tells the truth at every moment of a whole life; a model that cannot be loaded is said to be so, and mends."""

import asyncio
import os
import signal

import pytest

from nova_spi.errors import Draining, WorkerUnavailable
from nova_spi.serving.supervisor import failures

MODEL = """
    import os, pathlib, time

    class Say:
        def setup(self):
            place = pathlib.Path({place!r})
            what = place.read_text() if place.exists() else ""
            print("loading:", what or "well")
            exec(what)

        def predict(self, prompt):
            if prompt.startswith("!"):
                exec(prompt[1:])
            return prompt
"""
MANIFEST = """
    inputs: [{name: prompt, type: string, required: true}]
    outputs: [{name: said, type: string, required: true}]
    execution: {entry_point: {callable: "code_of:Say"}}
"""


@pytest.fixture
def moody(serve, tmp_path, monkeypatch):
    """A model that does at its start what stands in a file."""
    monkeypatch.setattr(failures, "LONGEST_PAUSE", 0.3)
    mood = tmp_path / "mood"

    def make(first="", **plan):
        mood.write_text(first)
        settings = {"backoff_seconds": 0.05, "max_retries": 3} | plan
        return serve(MODEL.format(place=str(mood)), MANIFEST, plan=settings), mood

    return make


def test_a_whole_life(moody):
    served, mood = moody()

    async def scenario(supervisor):
        said = []

        def watch(worker, changed=supervisor.changed):
            changed(worker)
            if (status := supervisor.health()["status"]) not in said[-1:]:
                said.append(status)

        supervisor.changed = watch  # what is asked at each change is the real answer
        assert supervisor.health()["status"] == "starting"
        assert not supervisor.health()["ready"]
        await supervisor.ready()
        worker = supervisor.health()["workers"][0]
        assert worker["state"] == "ready"
        os.kill(worker["pid"], 0)
        running = supervisor.begin("!time.sleep(0.2)")
        assert supervisor.health()["workers"][0]["state"] == "busy"
        assert supervisor.health()["in_flight"] == 1
        await running.done
        assert supervisor.health()["workers"][0]["state"] == "ready"
        assert supervisor.health()["in_flight"] == 0

        mood.write_text("raise OSError('no weights')")
        assert await supervisor.code("!os._exit(1)") == "worker.crashed"
        assert supervisor.health()["status"] == "starting"
        assert supervisor.health()["workers"][0]["pid"] is None
        await supervisor.until_status("broken")
        assert supervisor.health()["workers"][0]["last_error"]["message"] == "OSError: no weights"
        assert not supervisor.health()["ready"]

        mood.write_text("")
        await supervisor.until_status("ready")
        assert (await supervisor.ask("mended")).status == "succeeded"
        await supervisor.drain(5)
        assert supervisor.health()["status"] == "draining"
        assert said == ["ready", "starting", "broken", "ready", "draining"]

    served.run(scenario)


HOPELESS = {
    "raise OSError('no weights')": "no weights",
    "import missing_module": "missing_module",
    "raise SystemExit(4)": "sys.exit(4)",
    "os._exit(4)": "status 4",
    "import ctypes; ctypes.string_at(0)": "SIGSEGV",
}


@pytest.mark.parametrize("mood", HOPELESS)
def test_a_model_that_cannot_be_loaded_answers_those_who_wait_with_the_reason_and_the_log(moody, mood):
    served, _ = moody(mood)

    async def scenario(supervisor):
        waiting = [supervisor.begin() for _ in range(3)]
        with pytest.raises(WorkerUnavailable) as failed:
            await supervisor.ready()
        assert HOPELESS[mood] in failed.value.message
        for execution in waiting:
            await execution.done
            assert isinstance(execution.error, WorkerUnavailable)
            assert HOPELESS[mood] in execution.error.message
            assert f"loading: {mood}" in execution.error.details["log"]
        with pytest.raises(WorkerUnavailable):
            supervisor.begin()
        assert supervisor.health()["queue_depth"] == 0
        assert supervisor.health()["in_flight"] == 0

    served.run(scenario)


def test_tries_come_with_longer_and_longer_pauses():
    found = failures.Failures(5, 1.0)
    assert [found.add() for _ in range(7)] == [
        1.0,
        2.0,
        4.0,
        8.0,
        failures.LONGEST_PAUSE,
        *[failures.LONGEST_PAUSE] * 2,
    ]
    assert found.broken
    found.forget()
    assert not found.broken
    assert found.add() == 1.0
    patient = failures.Failures(10_000, 1.0)
    assert max(patient.add() for _ in range(5000)) == failures.LONGEST_PAUSE


def test_a_worker_that_never_becomes_ready_is_ended(moody):
    served, _ = moody("import time; time.sleep(600)", start_timeout_seconds=0.5, max_retries=2)

    async def scenario(supervisor):
        with pytest.raises(WorkerUnavailable, match=r"not loaded within 0\.5 seconds") as failed:
            await supervisor.ready()
        assert "loading: import time" in failed.value.details["log"]

    served.run(scenario)


def test_a_model_that_dies_as_soon_as_it_is_ready_is_broken_and_not_started_without_end(moody):
    served, _ = moody("import threading; threading.Timer(0.1, lambda: os._exit(5)).start()")

    async def scenario(supervisor):
        await supervisor.until_status("broken")
        assert supervisor.counters["restarts_total"] == 2
        assert "status 5" in supervisor.health()["workers"][0]["last_error"]["message"]

    served.run(scenario)


def test_one_worker_that_cannot_start_leaves_the_others_ready(serve, tmp_path):
    source = """
        import os, pathlib

        class Say:
            def setup(self):
                if "workers/1/" in os.environ["SPI_WORK_DIR"]:
                    raise OSError("no second one")

            def predict(self, prompt):
                return prompt
    """

    async def scenario(supervisor):
        await supervisor.until(lambda: supervisor.health()["workers"][1]["last_error"])
        await supervisor.until(lambda: supervisor.health()["workers"][0]["state"] == "ready")
        assert supervisor.health()["status"] == "ready"
        assert supervisor.health()["workers"][1]["state"] in ("starting", "backing_off", "ending")
        assert (await supervisor.ask()).status == "succeeded"

    serve(source, MANIFEST, workers=2, plan={"backoff_seconds": 0.1}).run(scenario)


def test_a_model_that_has_ended_between_two_calls_is_started_again_before_the_next_one(moody):
    served, _ = moody()

    async def scenario(supervisor):
        assert (await supervisor.ask()).status == "succeeded"
        os.kill(supervisor.health()["workers"][0]["pid"], signal.SIGKILL)
        await supervisor.until_state("starting")
        await supervisor.until_status("ready")
        assert supervisor.health()["workers"][0]["restarts"] == 1
        assert "SIGKILL" in supervisor.health()["workers"][0]["last_error"]["message"]

    served.run(scenario)


HEALTH = """
    inputs: [{name: prompt, type: string, required: true}]
    outputs: [{name: said, type: string, required: true}]
    execution:
      entry_point: {callable: "code_of:say"}
      health_check: {callable: "code_of:check", interval_seconds: 0.1, timeout_seconds: 0.3, retries: 2}
"""
ILL = {
    "return False": "returned False",
    "raise ValueError('ill')": "ill",
    "time.sleep(600)": "took longer than 0.3 seconds",
}


@pytest.mark.parametrize("illness", ILL)
def test_a_model_that_is_not_well_is_started_again(serve, illness):
    source = f"""
        import time
        ill = False

        def check():
            if ill:
                {illness}
            return True

        def say(prompt):
            global ill
            ill = prompt == "be ill"
            return prompt
    """

    async def scenario(supervisor):
        assert (await supervisor.ask()).status == "succeeded"
        await asyncio.sleep(0.5)
        assert supervisor.counters["restarts_total"] == 0
        assert (await supervisor.ask("be ill")).status == "succeeded"
        await supervisor.until(lambda: supervisor.counters["restarts_total"] == 1)
        assert ILL[illness] in supervisor.health()["workers"][0]["last_error"]["message"]
        assert (await supervisor.ask()).status == "succeeded"

    serve(source, HEALTH).run(scenario)


def test_after_idling_it_sleeps_and_the_next_call_wakes_it(moody):
    served, _ = moody(idle_seconds=0.3)

    async def scenario(supervisor):
        assert (await supervisor.ask()).status == "succeeded"
        await supervisor.until_status("idle")
        assert supervisor.health()["ready"]
        await supervisor.until_state("stopped")
        await supervisor.until_nothing_runs()
        assert (await supervisor.ask()).status == "succeeded"
        await supervisor.until_status("idle")
        assert (await supervisor.ask()).status == "succeeded"  # while the last life is still ending
        assert supervisor.counters["restarts_total"] == 0

    served.run(scenario)


def test_a_long_call_is_no_idling(moody):
    served, _ = moody(idle_seconds=0.2)

    async def scenario(supervisor):
        assert (await supervisor.ask("!time.sleep(1)")).status == "succeeded"

    served.run(scenario)


def test_draining_lets_those_that_are_there_finish(moody):
    served, _ = moody()

    async def scenario(supervisor):
        await supervisor.ready()
        executions = [supervisor.begin("!time.sleep(0.3)") for _ in range(3)]
        draining = asyncio.ensure_future(supervisor.drain(30))
        await asyncio.sleep(0)
        assert supervisor.health()["status"] == "draining"
        with pytest.raises(Draining):
            supervisor.begin()
        with pytest.raises(Draining):
            await supervisor.ready()
        await draining
        assert [execution.status for execution in executions] == ["succeeded"] * 3
        assert supervisor.health()["workers"][0]["state"] == "stopped"

    served.run(scenario)


def test_draining_ends_what_does_not_finish(moody):
    served, _ = moody()

    async def scenario(supervisor):
        await supervisor.ready()
        executions = [supervisor.begin("!time.sleep(600)") for _ in range(2)]
        await supervisor.drain(0.3)
        assert [execution.error.error_code for execution in executions] == ["serving.draining"] * 2

    served.run(scenario)


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 0.2])
def test_closing_at_any_moment_of_a_start_leaves_nothing(moody, seconds):
    served, _ = moody("import time; time.sleep(0.1)")

    async def scenario(supervisor):
        execution = supervisor.begin()
        await asyncio.sleep(seconds)
        await supervisor.close()
        await supervisor.close()
        assert execution.ended

    served.run(scenario)


def test_a_supervisor_that_was_never_started_can_be_closed(moody):
    from nova_spi.serving.supervisor import Supervisor

    served, _ = moody()
    supervisor = Supervisor(served.plan, served.engine)
    assert supervisor.health()["status"] == "starting"
    asyncio.run(supervisor.close())
