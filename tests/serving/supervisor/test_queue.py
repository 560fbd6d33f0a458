"""The third promise: first in, first out, bounded, and a client that calls one after the other is never refused."""

import asyncio

import pytest
import uvloop

from nova_spi.errors import QueueFull

ECHO_MODEL = "def say(prompt): return prompt"
SLOW = "import time\ndef say(prompt): time.sleep(0.05 if prompt != 'hang' else 600); return prompt"


def test_ten_thousand_calls_one_after_the_other_are_never_refused(serve):
    async def scenario(supervisor):
        for number in range(10_000):
            execution = await supervisor.begin(str(number)).done
            assert execution.outputs == b'{"said":"%d"}' % number
        assert supervisor.counters == {"restarts_total": 0, "calls_total": 10_000, "refused_total": 0}

    serve(ECHO_MODEL, queue_size=1).run(scenario, uvloop.run)


def test_not_even_by_a_model_that_crashes_again_and_again(serve):
    source = "import os\ndef say(prompt): return os._exit(1) if prompt == '!' else prompt"

    async def scenario(supervisor):
        for number in range(30):
            assert await supervisor.code("!" if number % 3 == 0 else "x") == (
                "worker.crashed" if number % 3 == 0 else None
            )
        assert supervisor.counters["refused_total"] == 0

    serve(source, queue_size=1).run(scenario)


def test_a_full_queue_refuses_and_says_when_to_come_back(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        executions = [supervisor.begin() for _ in range(4)]
        assert supervisor.health()["queue_depth"] == 3
        assert supervisor.health()["in_flight"] == 1
        with pytest.raises(QueueFull) as refused:
            supervisor.begin()
        assert refused.value.details["retry_after_seconds"] >= 1
        assert supervisor.counters["refused_total"] == 1
        await asyncio.gather(*(execution.done for execution in executions))
        assert all(execution.status == "succeeded" for execution in executions)
        assert (await supervisor.ask()).status == "succeeded"

    serve(SLOW, queue_size=3).run(scenario)


def test_a_call_that_is_cancelled_makes_room(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        executions = [supervisor.begin() for _ in range(3)]
        executions[1].cancel()
        supervisor.begin()
        with pytest.raises(QueueFull):
            supervisor.begin()

    serve(SLOW, queue_size=2).run(scenario)


def test_nobody_is_overtaken(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        ended = []
        executions = [supervisor.begin(str(number)) for number in range(10)]
        for number, execution in enumerate(executions):
            execution.done.add_done_callback(lambda _, number=number: ended.append(number))
        await asyncio.gather(*(execution.done for execution in executions))
        assert ended == list(range(10))

    serve(SLOW).run(scenario)


def test_a_worker_that_hangs_does_not_hold_up_the_others(serve):
    async def scenario(supervisor):
        await supervisor.until(lambda: all(w["state"] == "ready" for w in supervisor.health()["workers"]))
        hanging = supervisor.begin("hang")
        for _ in range(10):
            assert (await supervisor.ask()).status == "succeeded"
        assert not hanging.ended

    serve(SLOW, workers=2).run(scenario)
