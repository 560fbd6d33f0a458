"""The first and the fourth promise: a deadline that really ends a call, and cancelling, whatever the code does."""

import asyncio
import time

import pytest

from nova_spi.errors import RunCancelled, RunTimeout

# Each hangs for good once it is told to; told anything else it answers.
WAITS = {
    "a sleep": "time.sleep(600)",
    "a loop of Python": "while True: pass",
    "an endless match": "re.match(r'(a*)*b', 'a' * 64)",
    "a sleep in C": "ctypes.CDLL(None).sleep(600)",
    "C without the lock": "ctypes.PyDLL(None).sleep(600)",
    "one that swallows everything": "[stubborn() for _ in iter(int, 1)]",
}
MODEL = """
    import ctypes, os, re, signal, subprocess, sys, threading, time

    def stubborn():
        try:
            time.sleep(600)
        except BaseException:
            pass

    def say(prompt):
        print("before it hangs", flush=True)
        if prompt == "hang":
            {0}
        return f"{{prompt}} {{os.getpid()}}"
"""


@pytest.mark.parametrize("name", WAITS)
def test_the_caller_has_a_typed_error_with_the_log_at_the_deadline_and_the_next_call_works(serve, name):
    async def scenario(supervisor):
        await supervisor.ready()
        begun = time.monotonic()
        execution = await supervisor.ask("hang", timeout_seconds=0.3)
        assert time.monotonic() - begun < 10
        assert isinstance(execution.error, RunTimeout)
        assert execution.status == "failed"
        assert execution.error.details["timeout_seconds"] == 0.3
        assert execution.error.details["log"] == "before it hangs\n"
        assert (await supervisor.ask("next")).value()["said"].startswith("next ")

    serve(MODEL.format(WAITS[name])).run(scenario)


@pytest.mark.parametrize("name", WAITS)
def test_cancelling_ends_it_and_the_next_call_works(serve, name):
    async def scenario(supervisor):
        await supervisor.ready()
        execution = supervisor.begin("hang")
        await supervisor.until(lambda: execution.log.size > 0 or name == "C without the lock")
        execution.cancel()
        execution.cancel()
        async with asyncio.timeout(10):
            await execution.done
        assert isinstance(execution.error, RunCancelled)
        assert execution.status == "cancelled"
        execution.cancel()
        assert (await supervisor.ask("next")).value()["said"].startswith("next ")
        assert execution.status == "cancelled"

    serve(MODEL.format(WAITS[name])).run(scenario)


def test_a_model_that_comes_back_stays_warm(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        process = supervisor.health()["workers"][0]["pid"]
        assert await supervisor.code("hang", timeout_seconds=0.2) == "run.timeout"
        assert (await supervisor.ask("next")).value()["said"] == f"next {process}"
        assert supervisor.counters["restarts_total"] == 0

    serve(MODEL.format("time.sleep(600)"), plan={"grace_seconds": 30.0}).run(scenario)


def test_a_model_that_does_not_come_back_is_ended_with_all_that_it_has_forked(serve):
    source = MODEL.format(
        """
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for session in (False, True):
                subprocess.Popen(
                    [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"],
                    start_new_session=session,
                )
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(600)
                os._exit(0)
            ctypes.PyDLL(None).sleep(600)
        """.strip()
    )

    async def scenario(supervisor):
        await supervisor.ready()
        old = supervisor.health()["workers"][0]["pid"]
        assert await supervisor.code("hang", timeout_seconds=0.5) == "run.timeout"
        assert (await supervisor.ask("next")).value()["said"] != f"next {old}"
        worker = supervisor.health()["workers"][0]
        assert worker["restarts"] == 1
        assert "did not come back" in worker["last_error"]["message"]

    serve(source).run(scenario)


def test_the_deadline_is_told_before_the_model_is_ended(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        execution = await supervisor.ask("hang", timeout_seconds=0.3)
        assert execution.finished_at - execution.started_at < 5
        assert supervisor.health()["workers"][0]["state"] == "busy"

    serve(MODEL.format("ctypes.PyDLL(None).sleep(600)"), plan={"grace_seconds": 5.0}).run(scenario)


def test_a_call_that_waits_has_its_whole_time_once_a_worker_takes_it(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        first, second = supervisor.begin("1", timeout_seconds=30), supervisor.begin("2", timeout_seconds=1.5)
        await asyncio.gather(first.done, second.done)
        assert (first.status, second.status) == ("succeeded", "succeeded")

    serve("import time\ndef say(prompt): time.sleep(1); return prompt").run(scenario)


def test_a_waiting_call_is_cancelled_at_once(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        running, waiting, last = (supervisor.begin(str(number)) for number in range(3))
        waiting.cancel()
        assert waiting.status == "cancelled"
        assert waiting.error.error_code == "run.cancelled"
        assert supervisor.health()["queue_depth"] == 1
        await asyncio.gather(running.done, last.done)
        assert (running.status, last.status) == ("succeeded", "succeeded")

    serve("import time\ndef say(prompt): time.sleep(0.3); return prompt").run(scenario)


def test_what_a_model_writes_after_the_deadline_is_still_the_call_s_and_not_the_next_one_s(serve):
    source = """
        import time

        def say(prompt):
            try:
                print(prompt)
                time.sleep(600 if prompt == "first" else 0)
            finally:
                print("cleaned up after", prompt)
            return prompt
    """

    async def scenario(supervisor):
        await supervisor.ready()
        first = await supervisor.ask("first", timeout_seconds=0.3)
        assert first.error.details["log"] == "first\n"
        second = await supervisor.ask("second")
        assert second.log.text() == "second\ncleaned up after second\n"
        assert "cleaned up after first" in first.log.text()

    serve(source, plan={"grace_seconds": 30.0}).run(scenario)
