"""This machine refuses the server something: one call fails and says why, and the worker goes on."""

import errno
import os
import sys
import threading

from nova_spi.serving.supervisor import worker

MANIFEST = """
    inputs: [{name: prompt, type: string, required: true}]
    outputs:
      - {name: picture, type: file, mime_types: [text/plain]}
      - {name: said, type: string}
    execution: {entry_point: {callable: "code_of:work"}, timeout_seconds: 30}
"""
MODEL = """
    import os, pathlib

    def work(prompt):
        if prompt != "file":
            return {"said": prompt}
        path = pathlib.Path(os.environ["SPI_OUTPUT_DIR"]) / "a.txt"
        path.write_text("a")
        return {"picture": path}
"""


def test_where_no_process_can_be_begun_to_look_into_a_file_the_call_fails_and_the_worker_goes_on(serve, monkeypatch):
    served = serve(MODEL, MANIFEST)

    async def scenario(supervisor):
        await supervisor.ready()
        with monkeypatch.context() as refusing:
            refusing.setattr(sys, "executable", "/nowhere/python")
            execution = await supervisor.ask("file")
        assert execution.error.error_code == "run.system"
        assert "No such file" in execution.error.message
        assert await supervisor.code("again") is None
        assert (await supervisor.ask("file")).files["picture"][0].media_type == "text/plain"
        assert supervisor.counters["restarts_total"] == 0

    served.run(scenario)


def test_where_there_is_no_descriptor_for_a_worker_it_is_begun_again_and_health_says_why(serve, monkeypatch):
    served = serve(MODEL, MANIFEST, plan={"backoff_seconds": 0.05})
    pipe, refused = os.pipe, []

    def once():
        if threading.current_thread() is not threading.main_thread() or refused:
            return pipe()
        refused.append(True)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pipe", once)

    async def scenario(supervisor):
        await supervisor.ready()
        assert refused
        assert await supervisor.code() is None
        (worker,) = supervisor.health()["workers"]
        assert worker["restarts"] == 1
        assert worker["last_error"]["code"] == "run.system"
        assert "Too many open files" in worker["last_error"]["message"]

    served.run(scenario)


def test_a_call_that_a_worker_never_read_is_another_ones_however_long_its_end_takes(serve, monkeypatch):
    model = """
        import subprocess, time

        def work(prompt):
            if prompt == "leave":
                subprocess.Popen(["sleep", "60"])
                time.sleep(30)
            return {"said": prompt}
    """
    served = serve(model, MANIFEST)
    monkeypatch.setattr(worker, "CLOSED_SECONDS", 0.0)  # its processes take longer than that to end

    async def scenario(supervisor):
        await supervisor.ready()
        left, waits = supervisor.begin("leave", timeout_seconds=0.3), supervisor.begin("waits")
        assert (await left.done).error.error_code == "run.timeout"
        assert (await waits.done).error is None
        assert supervisor.counters["restarts_total"] == 1

    served.run(scenario)
