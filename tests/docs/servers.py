"""The server that a page starts and then asks, while its other commands run.

A page says port 8000, as its reader has it. A test takes a free one instead: the server is started with ``--port 0``,
and wherever the page's commands, programs and shown lines say 8000, the real port is meant.
"""

import re
import subprocess
import time
from pathlib import Path

PORT = re.compile(r"\b(127\.0\.0\.1|localhost):8000\b")
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
START_SECONDS, END_SECONDS = 120, 60


class Server:
    """What goes on in the background of one page: nothing, or one server.

    Args:
        log: Where what it writes goes.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen | None = None
        self._port = ""

    def start(self, words: list[str], ready: str, **how) -> str:
        """Starts it in the place of the one before, waits until it says that it is ready, and gives what it wrote."""
        self.end()
        with self._log.open("wb") as log:
            words = [*words, "--port", "0"]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)
        until = time.monotonic() + START_SECONDS
        while ready not in (said := self._log.read_text()):
            if (status := self._process.poll()) is not None:
                self._process = None
                raise AssertionError(f"It ended with {status}:\n{said}")
            assert time.monotonic() < until, f"it never said {ready!r}:\n{said}"
            time.sleep(0.02)
        self._port = ADDRESS.search(said)[1]
        return self.as_the_page_says(said)

    def asked(self, text: str) -> str:
        """A command or a program of the page, for the real port."""
        return PORT.sub(rf"\1:{self._port}", text) if self._port else text

    def as_the_page_says(self, text: str) -> str:
        """What came of it, with the page's port."""
        return text.replace(f":{self._port}", ":8000") if self._port else text

    def end(self) -> None:
        """Ends it as a reader does, and holds it to a clean end."""
        process, self._process, self._port = self._process, None, ""
        if process is None:
            return
        process.terminate()
        try:
            status = process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        said = self._log.read_text()
        assert status == 0, said
        assert "Traceback" not in said, said
