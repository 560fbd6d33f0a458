"""The queue by itself: order, bound, batches, and the word to those who come when it is full."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.errors import QueueFull
from nova_spi.serving.calls import Call, Execution
from nova_spi.serving.supervisor.alarm import NEVER, Alarm
from nova_spi.serving.supervisor.waiting import Waiting


@pytest.fixture(scope="module")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def put(waiting, loop, command="a", now=0.0, stream=False):
    execution = Execution(Call(command, stream=stream), loop)
    waiting.put(execution, now, 0, 1)
    return execution


@given(commands=st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30), size=st.integers(1, 5))
def test_whatever_comes_leaves_in_order_and_batches_are_of_one_command(loop, commands, size):
    waiting = Waiting(100, size, 1.0)
    waiting.batched = frozenset("ab")
    executions = [put(waiting, loop, command, stream=stream) for command, stream in commands]
    taken = []
    while waiting:
        batch = waiting.take()
        assert 1 <= len(batch) <= size
        assert len(batch) == 1 or {one.call.command for one in batch} in ({"a"}, {"b"})
        assert len(batch) == 1 or not any(one.call.stream for one in batch)
        taken += batch
    assert taken == executions


def test_it_is_bounded_with_those_who_wait_elsewhere(loop):
    waiting = Waiting(3)
    put(waiting, loop)
    put(waiting, loop)
    with pytest.raises(QueueFull):
        waiting.put(Execution(Call("a"), loop), 0.0, 1, 1)
    put(waiting, loop)
    with pytest.raises(QueueFull):
        put(waiting, loop)
    waiting.take()
    put(waiting, loop)


def test_when_to_come_back_follows_what_calls_have_taken(loop):
    waiting = Waiting(100)
    for _ in range(100):
        put(waiting, loop)
    assert waiting.seconds_until_room(1) == 1
    for _ in range(100):
        waiting.took(2.0)
    assert 190 <= waiting.seconds_until_room(1) <= 200
    assert 95 <= waiting.seconds_until_room(2) <= 100
    for _ in range(100):
        waiting.took(1e6)
    assert waiting.seconds_until_room(1) == 600


def test_a_batch_waits_to_fill_and_no_longer(loop):
    waiting = Waiting(100, 3, 0.5)
    waiting.batched = frozenset("a")
    put(waiting, loop, now=10.0)
    put(waiting, loop, now=10.2)
    assert waiting.due() == 10.5
    put(waiting, loop, now=10.3)
    assert waiting.due() == 10.0
    assert len(waiting.take()) == 3
    put(waiting, loop, "b", now=11.0)
    assert waiting.due() == 11.0


def test_what_comes_back_is_first_and_waits_for_nobody(loop):
    waiting = Waiting(2, 4, 5.0)
    waiting.batched = frozenset("a")
    first, second = put(waiting, loop), put(waiting, loop)
    taken = waiting.take()
    last = put(waiting, loop, now=100.0)
    waiting.put_back(taken, 100.0)
    assert waiting.due() <= 100.0
    assert waiting.take() == [first, second, last]


def test_an_alarm_that_is_put_off_rings_once_and_at_the_last_moment_that_was_said():
    async def scenario():
        loop, rang = asyncio.get_running_loop(), []
        alarm = Alarm(loop, lambda: rang.append(loop.time()))
        begun = loop.time()
        for number in range(100):
            alarm.set(begun + 0.05 + number / 1000)
        await asyncio.sleep(0.5)
        assert len(rang) == 1
        assert rang[0] >= begun + 0.14
        alarm.set(loop.time() + 100)
        alarm.set(loop.time() + 0.01)
        await asyncio.sleep(0.1)
        assert len(rang) == 2
        alarm.set(loop.time() + 0.01)
        alarm.set(NEVER)
        alarm.set(loop.time() + 0.01)
        alarm.close()
        await asyncio.sleep(0.1)
        assert len(rang) == 2

    asyncio.run(scenario())
