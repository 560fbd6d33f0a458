"""Calls that a worker takes together: each with its own answer, its own deadline, its own end."""

import asyncio

import pytest

from nova_spi.serving.calls import InputFile

MANIFEST = """
    inputs: [{name: prompt, type: string, required: true}]
    outputs: [{name: said, type: string, required: true}]
    execution:
      entry_point: {callable: "code_of:Say"}
      concurrency: {max_batch_size: 8, max_batch_delay_ms: 100}
"""
MODEL = """
    import os, time

    class Say:
        def predict(self, prompt):
            return f"{prompt} alone"

        def predict_batch(self, items):
            print("together", len(items))
            for item in items:
                if item["prompt"].startswith("!"):
                    exec(item["prompt"][1:])
            return [
                ValueError("not this one") if item["prompt"] == "bad" else f"{item['prompt']} of {len(items)}"
                for item in items
            ]
"""


def test_calls_that_wait_go_together_and_each_has_its_own_answer(serve):
    async def scenario(supervisor):
        executions = [supervisor.begin(str(number)) for number in range(20)]
        await asyncio.gather(*(execution.done for execution in executions))
        said = [execution.value()["said"] for execution in executions]
        assert said == [f"{n} of {8 if n < 16 else 4}" for n in range(20)]

    serve(MODEL, MANIFEST).run(scenario)


def test_a_single_call_waits_no_longer_than_the_delay_and_is_called_alone(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        execution = await supervisor.ask("one")
        assert execution.value()["said"] == "one alone"
        assert 0.05 < execution.started_at - execution.created_at < 5

    serve(MODEL, MANIFEST).run(scenario)


def test_one_that_fails_is_one_that_fails(serve):
    async def scenario(supervisor):
        executions = [supervisor.begin(word) for word in ("a", "bad", "c")]
        await asyncio.gather(*(execution.done for execution in executions))
        assert [execution.status for execution in executions] == ["succeeded", "failed", "succeeded"]
        assert executions[1].error.error_code == "model.error"
        assert "not this one" in executions[1].error.message
        assert executions[0].log.text().startswith("together 3\n")

    serve(MODEL, MANIFEST).run(scenario)


@pytest.mark.parametrize("end", ["raise ValueError('all')", "os._exit(1)"])
def test_one_that_ends_all_fails_all_and_the_next_batch_works(serve, end):
    async def scenario(supervisor):
        executions = [supervisor.begin(word) for word in ("a", f"!{end}", "c")]
        await asyncio.gather(*(execution.done for execution in executions))
        assert {execution.error.error_code for execution in executions} <= {"model.error", "worker.crashed"}
        executions[0].error.details["log"] += "changed"
        assert not executions[1].error.details["log"].endswith("changed")
        assert (await supervisor.ask("next")).status == "succeeded"

    serve(MODEL, MANIFEST).run(scenario)


def test_a_deadline_or_a_cancel_of_one_leaves_the_others_their_answers(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        short = supervisor.begin("short", timeout_seconds=0.5)
        cancelled = supervisor.begin("cancelled")
        patient = supervisor.begin("!time.sleep(1.5)")
        await supervisor.until(lambda: cancelled.status == "running")
        cancelled.cancel()
        assert cancelled.status == "cancelled"
        await short.done
        assert short.error.error_code == "run.timeout"
        assert patient.status == "running"
        await patient.done
        assert patient.status == "succeeded"
        assert (short.status, cancelled.status) == ("failed", "cancelled")
        assert supervisor.counters["restarts_total"] == 0

    serve(MODEL, MANIFEST).run(scenario)


def test_a_batch_that_nobody_waits_for_is_ended(serve):
    async def scenario(supervisor):
        await supervisor.ready()
        executions = [supervisor.begin("!time.sleep(600)", timeout_seconds=0.4 + number / 5) for number in range(3)]
        await asyncio.gather(*(execution.done for execution in executions))
        assert {execution.error.error_code for execution in executions} == {"run.timeout"}
        assert (await supervisor.ask("next")).status == "succeeded"

    serve(MODEL, MANIFEST).run(scenario)


def test_a_model_that_takes_no_batches_is_called_one_by_one_and_that_is_said_once(serve):
    async def scenario(supervisor):
        executions = [supervisor.begin(str(number)) for number in range(5)]
        await asyncio.gather(*(execution.done for execution in executions))
        assert [execution.value()["said"] for execution in executions] == [str(number) for number in range(5)]
        assert len(supervisor.warnings) == 1
        assert "predict_batch" in supervisor.warnings[0]

    serve("class Say:\n    def predict(self, prompt): return prompt", MANIFEST).run(scenario)


def test_streams_are_no_part_of_batches_and_nobody_is_overtaken(serve):
    async def scenario(supervisor):
        words = [("a", False), ("b", False), ("c", True), ("d", False)]
        executions = [supervisor.begin(word, stream=stream) for word, stream in words]
        await asyncio.gather(*(execution.done for execution in executions))
        said = [execution.value()["said"] for execution in executions]
        assert said == ["a of 2", "b of 2", "c alone", "d alone"]

    serve(MODEL, MANIFEST).run(scenario)


def test_files_of_a_batch_stay_with_their_calls(serve, tmp_path):
    manifest = """
        inputs: [{name: page, type: file, required: true, constraints: {max_files: 1}}]
        outputs: [{name: copy, type: file, file_pattern: "*.txt", required: true, constraints: {max_files: 1}}]
        execution:
          entry_point: {callable: "code_of:Copy"}
          concurrency: {max_batch_size: 4, max_batch_delay_ms: 100}
    """
    source = """
        import os, pathlib

        class Copy:
            def predict(self, page):
                return self.predict_batch([{"page": page}])[0]

            def predict_batch(self, items):
                found = []
                for number, item in enumerate(items):
                    out = pathlib.Path(os.environ["SPI_OUTPUT_DIR"], f"{number}.txt")
                    out.write_text(item["page"].read_text().upper())
                    found.append(out)
                return found
    """

    async def scenario(supervisor):
        executions = []
        for number in range(4):
            path = tmp_path / f"page{number}"
            path.write_text(f"page {number}")
            files = {"page": (InputFile(path, "page.txt"),)}
            executions.append(supervisor.begin(inputs=b"{}", files=files))
        await asyncio.gather(*(execution.done for execution in executions))
        assert [execution.error and execution.error.to_dict() for execution in executions] == [None] * 4
        assert [execution.files["copy"][0].path.read_text() for execution in executions] == [
            f"PAGE {n}" for n in range(4)
        ]

    serve(source, manifest).run(scenario)
