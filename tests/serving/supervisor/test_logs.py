"""The fifth promise: what is written belongs to the call that wrote it, whatever writes it and however much it is."""

import asyncio
import resource
import time

from nova_spi.serving.log import FIRST, LAST

MODEL = """
    import ctypes, os, subprocess, sys, threading, time

    print("while it is loaded")

    def say(prompt):
        if prompt.startswith("!"):
            exec(prompt[1:])
        return prompt
"""


def test_each_call_has_its_own(serve):
    async def scenario(supervisor):
        for word in ("one", "two", "three"):
            assert (await supervisor.ask(f"!print('{word}')")).log.text() == f"{word}\n"
        assert (await supervisor.ask("quiet")).log.text() == ""

    serve(MODEL).run(scenario)


def test_what_c_and_child_processes_write_is_the_calls_too(serve):
    async def scenario(supervisor):
        libc = "!c = ctypes.CDLL(None); c.puts(b'by puts'); c.printf(b'by printf'); c.write(2, b'raw\\n', 4)"
        text = (await supervisor.ask(libc)).log.text()
        assert "by puts" in text
        assert "by printf" in text
        assert "raw" in text
        child = "!subprocess.run([sys.executable, '-c', 'print(1 + 1)'])"
        assert (await supervisor.ask(child)).log.text() == "2\n"
        assert (await supervisor.ask("quiet")).log.text() == ""

    serve(MODEL).run(scenario)


def test_a_failed_call_has_it_in_its_error(serve):
    async def scenario(supervisor):
        execution = await supervisor.ask("!print('so far'); raise ValueError('no')")
        assert execution.error.details["log"].startswith("so far\n")
        assert "ValueError: no" in execution.error.details["log"]
        execution = await supervisor.ask("!print('so far'); sys.stdout.flush(); os._exit(1)")
        assert execution.error.details["log"] == "so far\n"

    serve(MODEL).run(scenario)


def test_what_comes_between_two_calls_is_nobodys(serve):
    async def scenario(supervisor):
        late = "!threading.Timer(0.2, lambda: print('too late', flush=True)).start()"
        assert (await supervisor.ask(late)).log.text() == ""
        await asyncio.sleep(0.5)
        assert (await supervisor.ask("!print('mine')")).log.text() == "mine\n"

    serve(MODEL).run(scenario)


def test_a_long_log_keeps_its_beginning_and_its_end(serve):
    async def scenario(supervisor):
        execution = await supervisor.ask("!print('first'); print('x' * 5_000_000); print('last')")
        assert execution.log.size == 5_000_012
        text = execution.log.text()
        assert text.startswith("first\nxxx")
        assert text.endswith("xxx\nlast\n")
        assert f"[... {5_000_012 - FIRST - LAST} bytes are not kept ...]" in text

    serve(MODEL).run(scenario)


def test_a_flood_takes_no_memory_and_slows_no_other_worker(serve):
    flood = "!end = time.monotonic() + 3\nwhile time.monotonic() < end: os.write(1, b'x' * 65536)"

    async def scenario(supervisor):
        await supervisor.until(lambda: all(w["state"] == "ready" for w in supervisor.health()["workers"]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        flooding = supervisor.begin(flood)
        heard = []
        flooding.watch(heard.append)
        longest = 0.0
        while not flooding.ended:
            begun = time.monotonic()
            assert (await supervisor.ask("next")).status == "succeeded"
            longest = max(longest, time.monotonic() - begun)
            await asyncio.sleep(0.01)
        assert flooding.status == "succeeded"
        assert flooding.log.size > 10_000_000
        assert longest < 2
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
        assert len([event for event in heard if event.kind == "log"]) < 100

    serve(MODEL, workers=2).run(scenario)


def test_a_child_that_floods_after_the_answer_harms_nobody(serve):
    child = "!subprocess.Popen(['sh', '-c', 'exec timeout 3 yes'])"

    async def scenario(supervisor):
        await supervisor.ask(child)
        for _ in range(50):
            assert (await supervisor.ask("next")).status == "succeeded"

    serve(MODEL).run(scenario)


def test_watchers_hear_it_while_it_is_written(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        execution = supervisor.begin("!\nfor n in range(4): print('line', n, 'äöü'); time.sleep(0.2)")
        heard = []
        execution.watch(lambda event: heard.append((execution.status, event)))
        await execution.done
        logs = [(status, event.data) for status, event in heard if event.kind == "log"]
        assert "".join(text for _, text in logs) == "".join(f"line {n} äöü\n" for n in range(4))
        assert len(logs) >= 3
        assert logs[0][0] == "running"
        assert heard[-1][1].kind == "ended"

    serve(MODEL).run(scenario)


def test_the_values_of_secrets_are_taken_out_of_logs_and_errors(serve):
    manifest = """
        inputs:
          - {name: prompt, type: string, required: true}
          - {name: key, type: string, secret: true}
        outputs: [{name: said, type: string, required: true}]
        execution: {entry_point: {callable: "code_of:say"}, secrets: [TOKEN]}
    """
    source = """
        import os, pathlib

        def say(prompt, key):
            token = pathlib.Path(os.environ["SPI_SECRETS_DIR"], "TOKEN").read_text()
            print(token[:10], end="", flush=True)
            print(token[10:], key)
            if prompt == "fail":
                raise ValueError(f"not {token} and not {key}")
            return prompt
    """

    async def scenario(supervisor):
        inputs = b'{"prompt": "%b", "key": "a-key-of-the-caller"}'
        execution = await supervisor.ask(inputs=inputs % b"fine")
        assert execution.log.text() == "[secret TOKEN] [secret key]\n"
        assert b"".join(chunk for _, chunk in shown) == b"[secret TOKEN] [secret key]\n"
        assert {source for source, _ in shown} == {"worker 0"}
        execution = await supervisor.ask(inputs=inputs % b"fail")
        assert execution.error.message == "ValueError: not [secret TOKEN] and not [secret key]"
        for secret in ("the-token-of-a-test", "a-key-of-the-caller"):
            assert secret not in str(execution.error.to_dict())

    shown = []
    served = serve(source, manifest, secrets={"TOKEN": "the-token-of-a-test"})
    served.run(scenario, shown=lambda *what: shown.append(what))
