"""A fault among several workers, in a batch, in a process per call, while idling and while draining."""

import asyncio
from dataclasses import replace

import pytest
from fault_stage import HANGS, Stage

from nova_spi.serving.preparing.jobs import PER_CALL

pytestmark = pytest.mark.parametrize("place", ["process", "docker"], indirect=True)


def run(place, scenario, changes=None, alter=None, **options):
    """Runs ``scenario(stage)`` with a supervisor of its own."""
    with place.plan(changes, **options) as plan, Stage(place, alter(plan) if alter else plan) as stage:
        stage.run(scenario(stage))


async def ended(execution):
    """Waits for the end of a call; its error's code."""
    await asyncio.wait_for(asyncio.shield(execution.done), HANGS)
    return None if execution.error is None else execution.error.error_code


def process_per_call(plan):
    """The same plan, each call in a fork of its worker."""
    slots = (replace(slot.job, variables={**slot.job.variables, PER_CALL: "1"}) for slot in plan.slots)
    return replace(plan, slots=tuple(map(lambda slot, job: replace(slot, job=job), plan.slots, slots)))


IN_FORKS = {
    "raise BaseException": "model.error",
    "os._exit": "worker.crashed",
    "segfault": "worker.crashed",
    "sleep": "run.timeout",
    "ignore SIGTERM": "run.timeout",
    "close its output": "model.error",
    "forked children, exit": "worker.crashed",
    "forked children, hang": "run.timeout",
    "daemon, raise": "model.error",
}


def test_where_each_call_has_a_process_no_fault_of_one_costs_the_loaded_model(place):
    async def scenario(stage):
        first = await stage.answered()
        for do, code in IN_FORKS.items():
            execution = stage.begin(do)
            assert await ended(execution) == code, do
            assert execution.log.text().startswith(f"before {do}\n")
            if "daemon" not in do:
                await stage.until(lambda: stage.left() == [])
            following = await stage.answered()
            assert (following["life"], following["pid"] != first["pid"]) == (first["life"], True), do
            assert stage.supervisor.health()["ready"], do
        assert stage.supervisor.counters["restarts_total"] == 0

    run(place, scenario, {"grace_seconds": 5.0}, process_per_call)


def test_a_fault_wakes_a_model_that_sleeps_and_does_not_keep_it_awake(place):
    async def scenario(stage):
        health = stage.supervisor.health
        first = await stage.answered()
        for do, code in {"os._exit": "worker.crashed", "exit while idle": None}.items():
            await stage.until(lambda: health()["status"] == "idle")
            assert health()["ready"]
            await stage.until(lambda: health()["workers"][0]["state"] == "stopped")
            assert stage.place.containers() == []
            assert await ended(stage.begin(do)) == code
            following = await stage.answered()
            assert following["life"] != first["life"]

    run(place, scenario, {"idle_seconds": 0.3})


def test_a_fault_in_one_worker_is_nothing_to_the_others(place):
    async def scenario(stage):
        supervisor = stage.supervisor
        for count, do in enumerate(("os._exit", "endless C call", "out of memory"), 1):
            await stage.until(lambda: all(each["state"] == "ready" for each in supervisor.health()["workers"]))
            fault = stage.begin(do)
            lives = {(await stage.answered())["life"]}
            while not fault.ended:
                assert supervisor.health()["ready"], do
                lives.add((await stage.answered())["life"])
            assert fault.error is not None
            assert len(lives) == 1, do
            await stage.until(lambda count=count: supervisor.counters["restarts_total"] == count)

    run(place, scenario, workers=2)


def test_a_faulty_item_of_a_batch_is_its_own_and_one_that_ends_the_worker_everybodys(place):
    async def scenario(stage):
        first = await stage.answered()
        calls = [stage.begin(do) for do in ("nothing", "raise", "nothing")]
        assert [await ended(call) for call in calls] == [None, "model.error", None]
        assert {call.value()["seen"]["life"] for call in calls if call.error is None} == {first["life"]}
        calls = [stage.begin(do) for do in ("nothing", "os._exit", "nothing")]
        assert [await ended(call) for call in calls] == ["worker.crashed"] * 3
        calls = [stage.begin("nothing") for _ in range(3)]
        assert [await ended(call) for call in calls] == [None] * 3
        assert {call.value()["seen"]["life"] for call in calls} != {first["life"]}

    run(place, scenario, {"max_batch_size": 3, "max_batch_delay_seconds": 0.5})


@pytest.mark.parametrize("do", ["os._exit", "forked children, hang"])
def test_draining_while_a_fault_happens_lets_the_others_finish(place, do):
    async def scenario(stage):
        await stage.answered()
        fault, others = stage.begin(do), [stage.begin() for _ in range(3)]
        draining = asyncio.ensure_future(stage.supervisor.drain(HANGS))
        await asyncio.sleep(0)
        assert (stage.supervisor.health()["status"], stage.supervisor.health()["ready"]) == ("draining", False)
        await asyncio.wait_for(draining, HANGS)
        assert fault.error is not None
        assert fault.error.error_code != "serving.draining"
        assert [other.status for other in others] == ["succeeded"] * 3
        assert stage.supervisor.health()["workers"][0]["state"] == "stopped"
        assert stage.left() == []

    run(place, scenario)


def test_draining_does_not_wait_for_a_model_that_does_not_end(place):
    async def scenario(stage):
        await stage.answered()
        fault, other = stage.begin("all of it, hang"), stage.begin()
        await stage.until(lambda: len(stage.left()) == 4)
        await asyncio.wait_for(stage.supervisor.drain(0.2), HANGS)
        assert [await ended(fault), await ended(other)] == ["serving.draining"] * 2
        assert stage.left() == []

    run(place, scenario)
