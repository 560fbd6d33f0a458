"""The second promise: a crash is one failed call with its reason and its log, and the next call works."""

import asyncio
import os
import signal
import socket

import pytest

MODEL = """
    import ctypes, os, signal, sys, time

    def say(prompt):
        print("before", prompt)
        if prompt.startswith("!"):
            exec(prompt[1:])
        return f"{prompt} {os.getpid()}"
"""
KEPT = {
    "raise ValueError('no')": ("model.error", "ValueError: no"),
    "sys.exit(3)": ("model.error", "sys.exit(3)"),
    "sys.exit()": ("model.error", "sys.exit"),
    "raise KeyboardInterrupt": ("model.error", "KeyboardInterrupt"),
    "raise MemoryError": ("model.error", "MemoryError"),
}
ENDED = {
    "os._exit(0)": ("worker.crashed", "status 0"),
    "os._exit(3)": ("worker.crashed", "status 3"),
    "os._exit(137)": ("worker.crashed", "status 137"),
    "ctypes.string_at(0)": ("worker.crashed", "SIGSEGV"),
    "os.abort()": ("worker.crashed", "SIGABRT"),
    "os.kill(os.getpid(), signal.SIGKILL)": ("worker.crashed", "SIGKILL"),
    "os.killpg(0, signal.SIGKILL)": ("worker.crashed", "SIGKILL"),
    "os.closerange(3, 2048); time.sleep(600)": ("worker.crashed", "closed the socket"),
}


@pytest.mark.parametrize("source", [*KEPT, *ENDED])
def test_one_call_fails_with_its_reason_and_the_next_one_works(serve, source):
    async def scenario(supervisor):
        await supervisor.ready()
        process = supervisor.health()["workers"][0]["pid"]
        for _ in range(2):
            execution = await supervisor.ask(f"!{source}")
            expected, words = (KEPT | ENDED)[source]
            assert execution.error.error_code == expected, execution.error.to_dict()
            assert words in f"{execution.error.message} {execution.error.why}"
            assert execution.error.details["log"].startswith(f"before !{source}\n")
            said = (await supervisor.ask("next")).value()["said"]
            assert (said == f"next {process}") == (source in KEPT)
        assert supervisor.counters["restarts_total"] == (0 if source in KEPT else 2)

    serve(MODEL).run(scenario)


def test_an_exception_comes_with_the_models_own_frames(serve):
    async def scenario(supervisor):
        execution = await supervisor.ask("!{}['missing']")
        assert "KeyError: 'missing'" in execution.error.details["traceback"]
        assert "nova_spi_runtime" not in execution.error.details["traceback"]

    serve(MODEL).run(scenario)


def test_out_of_memory_is_one_failed_call_that_says_so(serve):
    manifest = """
        inputs: [{name: prompt, type: string, required: true}]
        outputs: [{name: said, type: string, required: true}]
        execution: {entry_point: {callable: "code_of:say"}, resources: {memory: 200Mi}}
    """

    async def scenario(supervisor):
        await supervisor.ready()
        execution = await supervisor.ask(
            "!x = []\nwhile True: x.append(bytearray(b'x' * 4_000_000)); time.sleep(0.005)"
        )
        assert execution.error.error_code == "worker.out_of_memory"
        assert execution.error.details["memory_bytes"] == 200 * 1024 * 1024
        assert (await supervisor.ask("next")).status == "succeeded"

    serve(MODEL, manifest).run(scenario)


def test_forked_children_that_are_left_behind_are_ended_with_their_worker(serve):
    async def scenario(supervisor):
        assert await supervisor.code("!os.fork() or (os.setsid(), time.sleep(600)); os._exit(1)") == "worker.crashed"
        assert (await supervisor.ask("next")).status == "succeeded"

    serve(MODEL).run(scenario)


def test_a_worker_that_dies_with_nothing_to_do_costs_no_call(serve):
    """It is killed just before a call is sent: the call was never read, so another life answers it."""

    async def scenario(supervisor):
        await supervisor.ready()
        assert (await supervisor.ask("first")).status == "succeeded"
        for _ in range(5):
            await supervisor.until_state("ready")
            process = supervisor.health()["workers"][0]["pid"]
            os.kill(process, signal.SIGSTOP)
            execution = supervisor.begin("next")
            await asyncio.sleep(0.05)
            os.kill(process, signal.SIGKILL)
            async with asyncio.timeout(30):
                await execution.done
            assert execution.status == "succeeded", execution.error.to_dict()
            assert execution.value()["said"] != f"next {process}"

    serve(MODEL).run(scenario)


def test_a_crash_in_one_worker_is_nothing_to_another(serve):
    async def scenario(supervisor):
        await supervisor.until(lambda: all(w["state"] == "ready" for w in supervisor.health()["workers"]))
        crash = supervisor.begin("!time.sleep(0.3); os._exit(1)")
        for _ in range(100):
            assert (await supervisor.ask("next")).status == "succeeded"
        await crash.done
        assert crash.error.error_code == "worker.crashed"
        assert supervisor.health()["ready"]

    serve(MODEL, workers=2).run(scenario)


GARBAGE = {
    "no frame": "wire.sendall(b'x' * 100)",
    "a frame that is too large": "wire.sendall(frames.HEADER.pack(2**31, b'R', channel.open))",
    "a kind that only we send": "frames.send(wire, b'C', channel.open, b'{}')",
    "an answer for another call": "frames.send(wire, b'R', channel.open + 1, b'{}')",
    "that it is ready, again": "frames.send(wire, b'A', 0, b'{}')",
    "results of a batch for one call": "frames.send(wire, b'S', channel.open, b'[]')",
    "a piece that nobody asked for": "frames.send(wire, b'P', channel.open, b'{}')",
    "an answer to a question that was not asked": "frames.send(wire, b'W', channel.open, b'{}')",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_worker_that_does_not_keep_to_the_protocol_is_ended(serve, name):
    source = """
        import gc, time
        from nova_spi_runtime import frames
        from nova_spi_runtime.channel import Channel

        def say(prompt):
            channel = next(found for found in gc.get_objects() if isinstance(found, Channel))
            wire = channel.calls
            if prompt != "next":
                exec(prompt)
                time.sleep(600)
            return prompt
    """

    async def scenario(supervisor):
        await supervisor.ready()
        execution = await supervisor.ask(GARBAGE[name])
        assert execution.error.error_code == "worker.crashed"
        assert "did not keep to" in execution.error.message
        assert (await supervisor.ask("next")).status == "succeeded"

    serve(source).run(scenario)


def test_a_flood_of_frames_slows_nobody_else(serve):
    source = """
        import time
        from nova_spi_runtime import progress

        def say(prompt):
            while prompt == "flood":
                progress(0.5, "x")
            return prompt
    """

    async def scenario(supervisor):
        await supervisor.until(lambda: all(w["state"] == "ready" for w in supervisor.health()["workers"]))
        flood = supervisor.begin("flood", timeout_seconds=20)
        flood.watch(lambda event: None)
        for _ in range(200):
            assert (await supervisor.ask("next")).status == "succeeded"
        flood.cancel()
        await flood.done
        assert (await supervisor.ask("next")).status == "succeeded"

    serve(source, workers=2).run(scenario)


def test_a_worker_that_dies_while_somebody_else_holds_its_socket_is_not_waited_for(serve, tmp_path):
    source = """
        import gc, os, socket
        from nova_spi_runtime.channel import Channel

        def say(prompt):
            if prompt == "next":
                return prompt
            channel = next(found for found in gc.get_objects() if isinstance(found, Channel))
            with socket.socket(socket.AF_UNIX) as other:
                other.connect(prompt)
                socket.send_fds(other, [b"x"], [channel.calls.fileno()])
            os._exit(1)
    """

    async def scenario(supervisor):
        await supervisor.ready()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            execution = supervisor.begin(str(tmp_path / "s"))
            connection, _ = await asyncio.to_thread(listener.accept)
            _, [held], _, _ = await asyncio.to_thread(socket.recv_fds, connection, 1, 1)
            async with asyncio.timeout(20):
                await execution.done
            assert execution.error.error_code == "worker.crashed"
            assert (await supervisor.ask("next")).status == "succeeded"
            os.close(held)
            connection.close()

    serve(source).run(scenario)
