"""The sixth promise: no worker outlives its supervisor, whatever ends it."""

import signal
import subprocess
import sys
import time

import pytest

from nova_spi.serving import plan_text

PROGRAM = """
import asyncio, sys
from pathlib import Path
from nova_spi.serving import plan_text
from nova_spi.serving.calls import Call
from nova_spi.serving.engines import engine_of
from nova_spi.serving.supervisor import Supervisor


async def main():
    plan = plan_text.read(Path(sys.argv[1]))
    supervisor = Supervisor(plan, engine_of(plan))
    await supervisor.start()
    await supervisor.ready()
    execution = supervisor.submit(Call(plan.default.name, b'{"prompt": "hang"}'))
    while b"forked" not in execution.log.text().encode():
        await asyncio.sleep(0.01)
    print("running", flush=True)
    await execution.done


asyncio.run(main())
"""
MODEL = """
    import os, signal, subprocess, sys, time

    def say(prompt):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for session in (False, True):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=session)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 100)
                time.sleep(600)
            os._exit(0)
        print("forked", flush=True)
        while True:
            time.sleep(1)
"""


@pytest.mark.parametrize("level", ["process", "landlock", "sandbox"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_nothing_is_left_of_it(serve, level_engine, tmp_path, level, end, processes_of):
    served = serve(MODEL, engine=level_engine(level))
    path = tmp_path / "plan.json"
    plan_text.write(served.plan, path)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "running\n"
        until = time.monotonic() + 10
        while (count := len(processes_of(served.plan))) < 4:
            assert time.monotonic() < until, count
        process.send_signal(end)
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()
    until = time.monotonic() + 10
    while (left := processes_of(served.plan)) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []
