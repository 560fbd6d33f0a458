"""A model that is loaded once answers call after call."""

import asyncio
import json
import subprocess
import sys

import pytest
import uvloop

from nova_spi.errors import InputInvalid, UsageError
from nova_spi.serving.calls import Call
from nova_spi.serving.supervisor import served as served_module

COUNTING = """
    class Echo:
        loaded = 0

        def setup(self):
            Echo.loaded += 1

        def predict(self, prompt):
            return f"{prompt} {Echo.loaded}"
"""
ECHO_CLASS = """
    inputs: [{name: prompt, type: string, required: true}]
    outputs: [{name: said, type: string, required: true}]
    execution: {entry_point: {callable: "code_of:Echo"}}
"""


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_it_is_loaded_once_and_answers_in_its_own_words(serve, runner):
    async def scenario(supervisor):
        for word in ("one", "two", "three"):
            execution = await supervisor.ask(word)
            assert execution.value() == {"said": f"{word} 1"}
            assert execution.status == "succeeded"
            assert execution.created_at <= execution.started_at <= execution.finished_at
        assert supervisor.health()["workers"][0]["calls"] == 3

    serve(COUNTING, ECHO_CLASS).run(scenario, runner)


def test_a_call_that_comes_while_it_is_loading_waits(serve):
    async def scenario(supervisor):
        assert supervisor.health()["status"] == "starting"
        execution = supervisor.begin()
        assert execution.status == "queued"
        await execution.done
        assert execution.value() == {"said": "hello 1"}

    serve(COUNTING, ECHO_CLASS).run(scenario)


def test_ready_waits_for_the_first_worker(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        assert supervisor.health()["ready"]

    serve(COUNTING, ECHO_CLASS).run(scenario)


def test_a_large_answer_comes_whole(serve):
    async def scenario(supervisor):
        execution = await supervisor.ask("x" * 3_000_000)
        assert execution.value()["said"] == "x" * 3_000_000 + " 1"

    serve(COUNTING, ECHO_CLASS).run(scenario)


def test_outputs_that_do_not_meet_the_manifest_are_refused_and_the_next_call_works(serve):
    manifest = """
        inputs: [{name: prompt, type: string, required: true}]
        outputs: [{name: count, type: integer, required: true}]
        execution: {entry_point: {callable: "code_of:say"}}
    """

    async def scenario(supervisor):
        assert await supervisor.code("none") == "output.missing"
        assert await supervisor.code("text") == "output.invalid"
        assert (await supervisor.ask("3")).value() == {"count": 3}
        assert supervisor.counters["restarts_total"] == 0

    source = "def say(prompt): return {'none': None, 'text': 'many'}.get(prompt, 3)"
    serve(source, manifest).run(scenario)


def test_a_worker_that_lies_about_its_outputs_is_found_out(serve):
    """The model's process has the socket, so what it says by it is the model's word and not the runtime's."""
    source = """
        import gc
        from nova_spi_runtime.channel import Channel

        def say(prompt):
            channel = next(found for found in gc.get_objects() if isinstance(found, Channel))
            channel.answer(b"R", channel.open, prompt.encode())
            return "and the runtime answers too"
    """

    async def scenario(supervisor):
        for lie in ("{", "[]", '{"said": 1}', '{"other": "x"}', '{"said": "x", "said": "y"}', '{"said": NaN}', "{}"):
            assert await supervisor.code(lie) in ("output.invalid", "output.missing"), lie
            await supervisor.until_state("starting")
            await supervisor.ready()

    serve(source).run(scenario)


def test_an_output_meets_its_schema(serve):
    manifest = """
        inputs: [{name: prompt, type: string, required: true}]
        outputs:
          - name: found
            type: object
            required: true
            schema: {type: object, required: [a], properties: {a: {type: integer}}}
        execution: {entry_point: {callable: "code_of:say"}}
    """

    async def scenario(supervisor):
        execution = await supervisor.ask("{}")
        assert execution.error.error_code == "output.invalid"
        assert "'a' is a required property" in execution.error.message
        assert (await supervisor.ask('{"a": 1}')).value() == {"found": {"a": 1}}

    serve("import json\ndef say(prompt): return {'found': json.loads(prompt)}", manifest).run(scenario)


def test_what_makes_no_sense_is_refused_at_once(serve, monkeypatch):
    monkeypatch.setattr(served_module, "MAX_INPUTS", 100)

    async def scenario(supervisor):
        with pytest.raises(UsageError, match="no command 'other'"):
            supervisor.submit(Call("other"))
        with pytest.raises(InputInvalid, match="is the most"):
            supervisor.begin("x" * 200)
        assert supervisor.health()["in_flight"] == 0

    serve(COUNTING, ECHO_CLASS).run(scenario)


def test_pieces_of_a_stream_come_as_they_are_made_and_the_whole_at_the_end(serve):
    source = """
        def say(prompt):
            for word in prompt.split():
                yield word
    """
    manifest = """
        inputs: [{name: prompt, type: string, required: true}]
        outputs: [{name: said, type: string, required: true}]
        execution: {entry_point: {callable: "code_of:say"}}
    """

    async def scenario(supervisor):
        await supervisor.ready()
        execution = supervisor.begin("a b c", stream=True)
        heard = []
        execution.watch(heard.append)
        await execution.done
        assert [event.data for event in heard if event.kind == "output"] == [{"said": word} for word in "abc"]
        assert heard[-1].kind == "ended"
        assert execution.value() == {"said": "abc"}
        assert (await supervisor.ask("d e")).value() == {"said": "de"}

    serve(source, manifest).run(scenario)


def test_progress_is_told_and_the_last_word_of_it_always(serve):
    source = """
        from nova_spi_runtime import progress

        def say(prompt):
            for step in range(2001):
                progress(step / 2000, f"step {step}")
            return prompt
    """

    async def scenario(supervisor):
        await supervisor.ready()
        execution = supervisor.begin()
        heard = []
        execution.watch(heard.append)
        await execution.done
        told = [event.data for event in heard if event.kind == "progress"]
        assert told[-1] == {"fraction": 1.0, "message": "step 2000"}
        assert len(told) < 1000

    serve(source).run(scenario)


def test_several_workers_take_calls_in_the_order_that_they_came(serve):
    source = """
        import os, time

        def say(prompt):
            time.sleep(0.02)
            return f"{prompt} {os.getpid()}"
    """

    async def scenario(supervisor):
        await supervisor.until(lambda: [w["state"] for w in supervisor.health()["workers"]] == ["ready"] * 3)
        executions = [supervisor.begin(str(number)) for number in range(30)]
        await asyncio.gather(*(execution.done for execution in executions))
        started = [execution.started_at for execution in executions]
        assert started == sorted(started)
        assert len({json.loads(execution.outputs)["said"].split()[1] for execution in executions}) == 3

    serve(source, workers=3).run(scenario)


def test_a_listener_that_fails_is_no_trouble_for_the_model(serve):
    async def scenario(supervisor):
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))

        def fail(said):
            raise OSError("a listener's own trouble")

        supervisor.on_end.append(fail)
        await supervisor.ready()
        execution = supervisor.begin()
        execution.watch(fail)
        await execution.done
        assert execution.status == "succeeded"
        assert (await supervisor.ask()).status == "succeeded"
        assert len(told) == 3
        assert supervisor.health()["in_flight"] == 0

    serve(COUNTING, ECHO_CLASS).run(scenario)


def test_a_caller_who_gives_up_waiting_leaves_the_call_alone(serve):
    async def scenario(supervisor):
        execution = supervisor.begin("!")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(execution.done, 0.001)
        await supervisor.until(lambda: execution.ended)
        assert execution.status == "succeeded"

    serve(COUNTING, ECHO_CLASS).run(scenario)


def test_it_loads_nothing_heavy():
    """A server of warm models has the manifest's models, and what reads them, in another process."""
    program = """
import sys
import nova_spi.serving.supervisor, nova_spi.serving.engines, nova_spi.serving.plan_text, nova_spi.serving.slots
import nova_spi.engines.process.engine
heavy = {"pydantic", "ruamel", "jsonschema", "rich", "httpx", "PIL", "av", "docker", "ray", "uvicorn", "puremagic"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
