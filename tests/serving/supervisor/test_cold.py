"""Commands that are programs: each call is a run of its own, with the same execution, deadline and log."""

import asyncio

import pytest

from nova_spi.errors import QueueFull
from nova_spi.serving.calls import InputFile

PROGRAM = """
    import json, os, pathlib, sys, time
    inputs = json.loads(pathlib.Path(os.environ["SPI_INPUT_FILE"]).read_text())
    print("asked", inputs["prompt"], flush=True)
    if inputs["prompt"].startswith("!"):
        exec(inputs["prompt"][1:])
    out = {"said": inputs["prompt"]}
    for page in inputs.get("pages") or ():
        name = pathlib.Path(os.environ["SPI_OUTPUT_DIR"], pathlib.Path(page).name)
        name.write_text(pathlib.Path(page).read_text().upper())
        out.setdefault("copies", []).append(str(name))
    pathlib.Path(os.environ["SPI_OUTPUT_FILE"]).write_text(json.dumps(out))
"""
MANIFEST = """
    inputs:
      - {name: prompt, type: string, required: true}
      - {name: pages, type: file, constraints: {max_files: 10}}
    outputs:
      - {name: said, type: string, required: true}
      - {name: copies, type: file, file_pattern: "*.txt"}
    execution: {entry_point: [python, code_of.py], timeout_seconds: 60}
"""


@pytest.fixture
def cold(serve, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return lambda **plan: serve(PROGRAM, MANIFEST, plan=plan)


def test_a_call_is_a_run(cold, tmp_path):
    served = cold()
    page = tmp_path / "page"
    page.write_text("text")

    async def scenario(supervisor):
        await supervisor.ready()
        assert supervisor.health()["status"] == "ready"
        execution = supervisor.begin("hi", files={"pages": (InputFile(page, "a[1].txt"),)})
        heard = []
        execution.watch(heard.append)
        await execution.done
        assert execution.error is None, execution.error.to_dict()
        assert execution.value() == {"said": "hi", "copies": ["a[1].txt"]}
        assert execution.files["copies"][0].path.read_text() == "TEXT"
        assert execution.files["copies"][0].path.is_relative_to(served.plan.store)
        assert execution.log.text() == "asked hi\n"
        assert [event.kind for event in heard] == ["started", "log", "ended"]
        await supervisor.until(lambda: not page.exists())

    served.run(scenario)


def test_what_fails_says_why_and_the_next_one_works(cold):
    async def scenario(supervisor):
        execution = await supervisor.ask("!os._exit(3)")
        assert execution.error.error_code == "worker.crashed"
        assert execution.error.details["log"] == "asked !os._exit(3)\n"
        assert (await supervisor.ask("fine")).status == "succeeded"

    cold().run(scenario)


def test_the_deadline_and_a_cancel_are_answered_at_once_and_the_program_is_ended(cold):
    async def scenario(supervisor):
        stubborn = "!import signal; signal.signal(15, signal.SIG_IGN); print('stays', flush=True); time.sleep(600)"
        execution = await supervisor.ask(stubborn, timeout_seconds=1.0)
        assert execution.error.error_code == "run.timeout"
        assert "stays" in execution.error.details["log"]
        execution = supervisor.begin(stubborn)
        await supervisor.until(lambda: b"stays\n" in execution.log.text().encode())
        execution.cancel()
        assert execution.status == "cancelled"
        assert (await supervisor.ask("next")).status == "succeeded"

    cold().run(scenario)


def test_they_wait_in_line_and_are_refused_where_it_is_full(cold):
    async def scenario(supervisor):
        executions = [supervisor.begin("!time.sleep(0.3)")]
        await supervisor.until(lambda: executions[0].status == "running")
        executions += [supervisor.begin(), supervisor.begin()]
        assert supervisor.health()["queue_depth"] == 2
        assert supervisor.health()["in_flight"] == 1
        with pytest.raises(QueueFull):
            supervisor.begin()
        executions[1].cancel()
        assert executions[1].status == "cancelled"
        await asyncio.gather(*(execution.done for execution in executions))
        assert [execution.status for execution in executions] == ["succeeded", "cancelled", "succeeded"]

    cold(queue_size=2).run(scenario)


def test_closing_ends_them(cold):
    async def scenario(supervisor):
        executions = [supervisor.begin("!time.sleep(600)") for _ in range(2)]
        await supervisor.until(lambda: executions[0].log.size > 0)
        await supervisor.drain(0.1)
        assert [execution.error.error_code for execution in executions] == ["serving.draining"] * 2

    cold().run(scenario)


def test_a_program_has_the_secrets_that_the_server_was_given_and_they_stand_in_no_log(serve):
    source = """
        import json, os, pathlib
        token = pathlib.Path(os.environ["SPI_SECRETS_DIR"], "TOKEN").read_text()
        print("the token is", token)
        pathlib.Path(os.environ["SPI_OUTPUT_FILE"]).write_text(json.dumps({"length": len(token)}))
    """
    manifest = """
        inputs: [{name: prompt, type: string, default: nothing}]
        outputs: [{name: length, type: integer, required: true}]
        execution: {entry_point: [python, code_of.py], secrets: [TOKEN]}
    """

    async def scenario(supervisor):
        execution = await supervisor.ask(inputs=b"{}")
        assert execution.value() == {"length": 19}
        assert execution.log.text() == "the token is [secret TOKEN]\n"
        assert b"".join(chunk for _, chunk in shown) == b"the token is [secret TOKEN]\n"
        assert {source for source, _ in shown} == {"run"}

    shown = []
    served = serve(source, manifest, secrets={"TOKEN": "the-token-of-a-test"})
    served.run(scenario, shown=lambda *what: shown.append(what))


def test_warm_and_cold_commands_are_served_side_by_side(serve):
    manifest = """
        inputs: [{name: prompt, type: string, required: true}]
        outputs: [{name: said, type: string, required: true}]
        execution: {entry_point: {callable: "code_of:say"}}
        commands:
          shout:
            description: Says it louder, by a program.
            entry_point: [python, shout.py]
            inputs: [{name: prompt, type: string, required: true}]
            outputs: [{name: said, type: string, required: true}]
    """
    shout = """
        import json, os, pathlib
        said = json.loads(pathlib.Path(os.environ["SPI_INPUT_FILE"]).read_text())["prompt"].upper()
        pathlib.Path(os.environ["SPI_OUTPUT_FILE"]).write_text(json.dumps({"said": said}))
    """

    async def scenario(supervisor):
        warm, cold = supervisor.begin("a"), supervisor.begin("b", command="shout")
        await asyncio.gather(warm.done, cold.done)
        assert warm.value() == {"said": "a"}
        assert cold.error is None, cold.error.to_dict()
        assert cold.value() == {"said": "B"}

    serve("def say(prompt): return prompt", manifest, files={"shout.py": shout}).run(scenario)


MEETING = """
    import json, os, pathlib, time
    meeting = pathlib.Path(json.loads(pathlib.Path(os.environ["SPI_INPUT_FILE"]).read_text())["prompt"])
    (meeting / str(os.getpid())).touch()
    until = time.monotonic() + 30
    while len(list(meeting.iterdir())) < 2:
        assert time.monotonic() < until, "nobody else came"
        time.sleep(0.01)
    pathlib.Path(os.environ["SPI_OUTPUT_FILE"]).write_text(json.dumps({"said": "met"}))
"""


def test_as_many_run_at_once_as_workers_were_asked_for_and_volumes_are_the_servers(serve, engine, tmp_path):
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    served = serve(MEETING, MANIFEST, workers=2)
    assert (served.plan.workers, served.plan.slots) == (2, ())
    assert served.plan.data_dir == tmp_path / "data"

    async def scenario(supervisor):
        both = [supervisor.begin(str(meeting)) for _ in range(2)]
        for execution in both:
            await execution.done
            assert execution.error is None, execution.log.text()

    served.run(scenario)
