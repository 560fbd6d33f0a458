"""What a supervisor is to a worker, for tests: starts the real program, speaks frames, reads the log."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import nova_spi_runtime
from nova_spi_runtime import frames

SOURCE = Path(nova_spi_runtime.__file__).parent.parent
LONG = 60.0


class Driver:
    """One worker in a folder with a manifest and code.

    Args:
        root: The work folder.
        python: Its interpreter.
        slowly: Leave the log unread, until `flow`.
    """

    def __init__(self, root: Path, *, python: str = sys.executable, slowly: bool = False, **variables: str) -> None:
        self.root = root
        self.number = 0
        self.log = b""
        self.calls, theirs = socket.socketpair()
        self.control, control = socket.socketpair()
        self._read, write = os.pipe()
        self.calls.settimeout(LONG)
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "LANG", "COVERAGE_"))}
        environment = {
            **kept,
            "PYTHONPATH": str(SOURCE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "error",
            "SPI_WORK_DIR": str(root),
            "SPI_WORKER": str(theirs.fileno()),
            "TMPDIR": str(root.parent),
            **variables,
        }
        self.process = subprocess.Popen(
            [python, "-m", "nova_spi_runtime.worker"],
            cwd=root,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=write,
        )
        theirs.close()
        socket.send_fds(self.calls, [frames.HAND_OVER], [control.fileno(), write])
        control.close()
        os.close(write)
        self._reader = threading.Thread(target=self._drain)
        if not slowly:
            self.flow()

    def flow(self) -> None:
        """Begin to read the log."""
        self._reader.start()

    def _drain(self) -> None:
        while chunk := os.read(self._read, 65536):
            self.log += chunk

    def receive(self):
        """The next frame: its kind, number and value; None at the end."""
        frame = frames.receive(self.calls)
        if frame is None:
            return None
        kind, number, payload = frame
        return kind.decode(), number, json.loads(payload)

    def ready(self) -> dict:
        """Wait until it is ready."""
        kind, number, value = self.receive()
        assert (kind, number) == ("A", 0), value
        return value

    def send(self, kind: bytes, value=None) -> int:
        """Send a frame under the next number."""
        self.number += 1
        frames.send(self.calls, kind, self.number, b"" if value is None else json.dumps(value).encode())
        return self.number

    def ask(self, inputs=None, *, command="run", files=None, stream=False, timeout=30.0, id="call") -> int:
        """Send one call."""
        document = {"id": id, "command": command, "inputs": inputs or {}, "files": files or {}, "stream": stream}
        return self.send(frames.CALL, {**document, "timeout_seconds": timeout})

    def batch(self, *inputs, command="run") -> list:
        """The results of several calls together."""
        calls = [{"id": f"c{at}", "inputs": each, "files": {}, "timeout_seconds": 9} for at, each in enumerate(inputs)]
        number = self.send(frames.BATCH, {"command": command, "calls": calls})
        kind, answered, value = self.receive()
        assert answered == number
        assert kind == "S", value
        return value

    def answer(self, number: int | None = None):
        """The last frame of a call: its kind and value; pieces before it are left out."""
        while True:
            frame = self.receive()
            assert frame is not None, "the worker has ended"
            kind, answered, value = frame
            assert answered == (number or self.number)
            if kind in "RSEW":
                return kind, value

    def call(self, inputs=None, **more) -> dict:
        """The outputs of one call."""
        kind, value = self.answer(self.ask(inputs, **more))
        assert kind == "R", value
        return value

    def failure(self, inputs=None, **more) -> dict:
        """The error of one call."""
        kind, value = self.answer(self.ask(inputs, **more))
        assert kind == "E", value
        return value

    def cancel(self, number: int | None = None) -> None:
        """Ask for the end of a call."""
        frames.send(self.control, frames.CANCEL, number or self.number)

    def said(self, text: str) -> None:
        """Wait until the log holds a text."""
        for _ in range(3000):
            if text.encode() in self.log:
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"{text!r} is not in the log: {self.log[-2000:]!r}")

    def ended(self) -> int:
        """Wait for its end; the exit status."""
        return self.process.wait(LONG)

    def close(self) -> int:
        """Go away, as a supervisor does; the exit status of the worker."""
        if self.calls.fileno() < 0:
            return self.process.wait(LONG)
        self.calls.close()
        self.control.close()
        try:
            return self.process.wait(LONG)
        finally:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
            if self._reader.ident is not None:
                self._reader.join(LONG)
            os.close(self._read)
