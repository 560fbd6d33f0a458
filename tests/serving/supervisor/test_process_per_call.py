"""Calls in processes of their own, and calls that are cancelled, at every level of isolation."""

import pytest

MODEL = """
import os, sys, time
from pathlib import Path
class Model:
    def setup(self):
        self.calls = 0
    def predict(self, prompt):
        self.calls += 1
        if prompt == "die":
            os.kill(os.getpid(), 9)
        if prompt == "sleep":
            try:
                print("begun", flush=True)
                time.sleep(600)
            finally:
                Path(os.environ["TMPDIR"], "closed").touch()
        return f"{self.calls} {Path(os.environ['TMPDIR'], 'closed').exists()}"
"""
MANIFEST = """
inputs:
  - {{name: prompt, type: string, required: true, description: What to do}}
outputs:
  - {{name: said, type: string, required: true, description: How often it was asked}}
execution:
  entry_point: {{callable: "code_of:Model"}}
  concurrency: {{process_per_call: {forks}}}
"""


@pytest.mark.parametrize("level", ["process", "landlock", "sandbox"])
@pytest.mark.parametrize("forks", ["true", "false"])
def test_a_cancelled_call_ends_by_itself_and_its_worker_lives_on(serve, level_engine, level, forks):
    served = serve(MODEL, MANIFEST.format(forks=forks), engine=level_engine(level))

    async def scenario(supervisor):
        assert (await supervisor.ask()).value() == {"said": "1 False"}
        process = supervisor.health()["workers"][0]["pid"]
        sleeping = supervisor.begin("sleep")
        await supervisor.until(lambda: "begun" in sleeping.log.text())
        sleeping.cancel()
        assert (await sleeping.done).error.error_code == "run.cancelled"
        assert (await supervisor.ask()).value() == {"said": "1 True" if forks == "true" else "3 True"}
        if forks == "true":
            assert await supervisor.code("die") == "worker.crashed"
            assert (await supervisor.ask()).value() == {"said": "1 True"}
        worker = supervisor.health()["workers"][0]
        assert (worker["pid"], worker["restarts"]) == (process, 0)

    served.run(scenario)
