"""One worker and every kind of call, in plain Python 3.9: started under every Python that is there."""

import json
import os
import pathlib
import socket
import subprocess
import sys

RUNTIME, WORK = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(RUNTIME.parent))

from nova_spi_runtime import frames  # noqa: E402  # the path comes first

MODEL = """
import asyncio, decimal, os, pathlib, time
from nova_spi_runtime import progress
class Model:
    async def setup(self):
        await asyncio.sleep(0)
        self.calls = 0
    def predict(self, word, price=None, pictures=()):
        self.calls += 1
        if word == "sleep":
            time.sleep(600)
        if word == "raise":
            raise ValueError("own")
        if word == "fork" and os.fork() == 0:
            return "child"
        for picture in pictures:
            pathlib.Path("outputs", picture.name).write_bytes(picture.read_bytes())
        return {"text": f"{word} {type(price).__name__}", "price": price}
    def predict_batch(self, items):
        return [{"text": item["word"]} for item in items]
    async def talk(self, word):
        progress(0.5)
        for each in word:
            await asyncio.sleep(0)
            yield each
        if word == "wait":
            await asyncio.sleep(600)
"""
WORD = {"name": "word", "type": "string", "required": True}
TEXT = {"name": "text", "type": "string", "required": True}
ENTRY = {"callable": "model:Model"}
MANIFEST = {
    "execution": {"entry_point": ENTRY},
    "inputs": [WORD, {"name": "price", "type": "decimal"}, {"name": "pictures", "type": "file"}],
    "outputs": [TEXT, {"name": "price", "type": "decimal"}, {"name": "files", "type": "file"}],
    "commands": {"talk": {"entry_point": ENTRY, "inputs": [WORD], "outputs": [TEXT]}},
}
(WORK / "model.py").write_text(MODEL)
(WORK / "manifest.json").write_text(json.dumps(MANIFEST))
(WORK / "in.txt").write_text("in")


class Worker:
    def __init__(self, **variables):
        self.calls, theirs = socket.socketpair()
        self.control, control = socket.socketpair()
        self.calls.settimeout(60)
        self.number = 0
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(RUNTIME.parent),
            "PYTHONWARNINGS": "error",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SPI_WORK_DIR": str(WORK),
            "SPI_WORKER": str(theirs.fileno()),
            **variables,
        }
        program = [sys.executable, "-m", "nova_spi_runtime.worker"]
        self.process = subprocess.Popen(program, cwd=str(WORK), env=environment, pass_fds=[theirs.fileno()])
        socket.send_fds(self.calls, [frames.HAND_OVER], [control.fileno(), 2])
        theirs.close()
        control.close()
        assert self.receive()[0] == frames.READY

    def receive(self):
        kind, number, payload = frames.receive(self.calls)
        assert number in (0, self.number)
        return kind, json.loads(payload)

    def ask(self, word, command="run", **more):
        self.number += 1
        document = {"id": "a", "command": command, "inputs": {"word": word}, "files": {}, "stream": True, **more}
        frames.send(self.calls, frames.CALL, self.number, json.dumps(document).encode())

    def cancel(self):
        frames.send(self.control, frames.CANCEL, self.number)

    def close(self):
        self.calls.close()
        self.control.close()
        assert self.process.wait(60) == 0


for variables in ({}, {"SPI_WORKER_PROCESS_PER_CALL": "1"}):
    worker = Worker(**variables)
    for _ in range(3):
        worker.ask("a", inputs={"word": "a", "price": "1.10"}, files={"pictures": [str(WORK / "in.txt")]})
        assert worker.receive() == (b"R", {"text": "a Decimal", "price": "1.10", "files": ["outputs/in.txt"]})
        assert (WORK / "calls" / str(worker.number) / "outputs" / "in.txt").read_text() == "in"
        worker.ask("raise")
        error = worker.receive()[1]
        assert (error["code"], error["message"]) == ("model.error", "ValueError: own"), error
        assert 'File "model.py", line 13, in predict\n    raise ValueError("own")\n' in error["traceback"]
        worker.ask("hi", "talk")
        assert worker.receive() == (b"G", {"fraction": 0.5, "message": ""})
        assert [worker.receive() for _ in "hi"] == [(b"P", {"text": "h"}), (b"P", {"text": "i"})]
        assert worker.receive() == (b"R", {"text": "hi"})
        worker.ask("fork")
        assert worker.receive()[0] == b"R"
        worker.ask("sleep")
        worker.cancel()
        assert worker.receive()[1]["code"] == "run.cancelled"
        worker.ask("wait", "talk")
        while worker.receive() != (b"P", {"text": "t"}):
            pass
        worker.cancel()
        assert worker.receive()[1]["code"] == "run.cancelled"
        worker.number += 1
        batch = {"command": "run", "calls": [{"id": each, "inputs": {"word": each}} for each in "xy"]}
        frames.send(worker.calls, frames.BATCH, worker.number, json.dumps(batch).encode())
        assert worker.receive() == (b"S", [{"outputs": {"text": each}} for each in "xy"])
    worker.close()
sys.stdout.write("complete {}.{}\n".format(*sys.version_info))
