"""A server in a process of its own, and somebody who asks all the time whether it is ready."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_stage import HANGS

LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Look:
    """One question to ``/readyz``: when it was asked, when it was answered, and how.

    Attributes:
        asked, answered: By the monotonic clock.
        status: Of HTTP.
        said: The body.
    """

    asked: float
    answered: float
    status: int
    said: dict[str, Any]

    @property
    def ready(self) -> bool:
        """Whether it said so."""
        return self.status == 200

    def within(self, begin: float, end: float) -> bool:
        """Whether all of it was between these moments."""
        return begin < self.asked and self.answered < end


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        sent, received: When, by the monotonic clock.
        status: Of HTTP.
        headers: By lower-case name.
        body: An execution.
    """

    sent: float
    received: float
    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def seen(self) -> dict[str, Any]:
        """Who answered."""
        found: dict[str, Any] = self.body["outputs"]["seen"]
        return found


class Client:
    """One connection, which stays."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANGS)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request."""
        sent = time.monotonic()
        self._connection.request(method, path, None if body is None else json.dumps(body), JSON)
        answer = self._connection.getresponse()
        found = json.loads(answer.read())
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(sent, time.monotonic(), answer.status, headers, found)

    def close(self) -> None:
        """Closes it."""
        self._connection.close()


class Watch(threading.Thread):
    """Asks for readiness on a connection of its own, until it is told to stop.

    Attributes:
        looks: What it has seen.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.looks: list[Look] = []
        self._client = Client(port)
        self._over = threading.Event()

    def run(self) -> None:
        """See `threading.Thread.run`."""
        while not self._over.wait(LOOK_SECONDS):
            found = self._client.ask("GET", "/readyz")
            self.looks.append(Look(found.sent, found.received, found.status, found.body))

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(HANGS)
        self._client.close()


JSON = {"content-type": "application/json"}


@contextmanager
def serving(project: Path, folder: Path, cache: Path, *options: str):
    """The port of a server of the project; afterwards it has ended by itself, without a word of an error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOVA_SPI_")}
    words = ["serve", str(project), "--port", "0", "--engine", "process", "--output-format", "json", *options]
    with (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "nova_spi", *words],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=kept | {"NOVA_SPI_CACHE_DIR": str(cache), "PYTHONWARNINGS": "error"},
        )
        with process:
            try:
                yield _port(process)
            finally:
                process.terminate()
                process.communicate(timeout=HANGS)
        errors.seek(0)
        assert "Traceback" not in errors.read()
        assert process.returncode == 0


def _port(process: subprocess.Popen) -> int:
    for line in process.stdout or ():
        said = json.loads(line)
        if said["event"] == "serving":
            return int(said["url"].rsplit(":", 1)[1])
    raise AssertionError("It ended.")
