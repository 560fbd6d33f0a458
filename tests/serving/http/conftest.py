import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

PROJECTS = Path(__file__).parent / "projects"
WAIT = 60
"""Seconds until something hangs, and is not only slow."""


class Server:
    """A real server of a project, in a process of its own; `nova-spi serve` began it.

    Attributes:
        process: It.
        project: The copy of the project that it serves.
        said: What it said of itself as it began to serve.
        errors: Where its standard error goes.
    """

    def __init__(self, process, project, errors):
        self.process = process
        self.project = project
        self.errors = errors
        self.told = False
        self.said = self.until_it_says("serving")
        self.url = self.said["url"]
        self.host, self.port = (
            self.url.removeprefix("http://").rsplit(":", 1)[0].strip("[]"),
            int(self.url.rsplit(":", 1)[1]),
        )

    @property
    def folder(self):
        """The server's own folder in the project."""
        return next(path.parent for path in self.project.glob(".nova-spi/serving/*/lock"))

    def until_it_says(self, event):
        for line in self.process.stdout:
            said = json.loads(line)
            if said["event"] == event:
                return said
            assert said["event"] != "failed", said
        raise AssertionError(f"It ended with {self.process.wait()}: {self.errors.read_text()}")

    def client(self, **options):
        return httpx.Client(base_url=self.url, timeout=WAIT, **options)

    def connect(self):
        """A raw connection."""
        return Raw(socket.create_connection((self.host, self.port), timeout=WAIT))

    def tell(self, number):
        """Sends a signal, after which it ends by itself."""
        self.told = True
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Ends it, where it has not been told to already; its exit status."""
        if not self.told:
            self.process.send_signal(number)
        self.process.communicate(timeout=WAIT)
        assert "Traceback" not in self.errors.read_text(), self.errors.read_text()
        return self.process.returncode


class Raw:
    """A connection, byte by byte."""

    def __init__(self, connected):
        self.socket = connected
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def post(self, path, body, *headers):
        """A whole request with a JSON body."""
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
        return self.send(head + body)

    def until(self, end):
        """What comes, up to and with ``end``."""
        while end not in self.bytes:
            self._more()
        found, _, self.bytes = self.bytes.partition(end)
        return found + end

    def answer(self):
        """One answer: status, headers, body."""
        lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        length = int(headers.get("content-length", 0))
        while len(self.bytes) < length:
            self._more()
        body, self.bytes = self.bytes[:length], self.bytes[length:]
        return int(lines[0].split()[1]), headers, body

    def status_of(self, pieces):
        """The status that is answered to what comes in these pieces; None where the connection just ends."""
        try:
            for piece in pieces:
                self.send(piece)
            return self.answer()[0]
        except ConnectionError:
            return None

    def closed(self):
        """Whether the other side has closed; waits until it has said something."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionAbortedError(f"after {self.bytes!r}")
        self.bytes += piece


def words_of(options):
    """``queue_size=1`` as the words of the command line."""
    for name, value in options.items():
        yield f"--{name.replace('_', '-')}"
        if value is not True:
            yield str(value)


@contextmanager
def serving(project, folder, cache, *, ready=True, killed=False, open_files=None, **options):
    """A server of a copy of ``project``, made in ``folder``; afterwards it has ended, and left nothing.

    Unless it is ``killed`` in between.
    """
    limited = [] if open_files is None else ["sh", "-c", 'ulimit -n "$0"; exec "$@"', str(open_files)]
    copy = folder / project.name
    if not copy.exists():
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".nova-spi", "__pycache__"))
    errors = folder / "stderr.txt"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOVA_SPI_")}
    options = {"port": 0, "host": "127.0.0.1", "engine": "process", "output_format": "json"} | options
    with errors.open("wb") as log:
        process = subprocess.Popen(
            [*limited, sys.executable, "-m", "nova_spi", "serve", str(copy), *words_of(options)],
            stdout=subprocess.PIPE,
            stderr=log,
            env=kept | {"NOVA_SPI_CACHE_DIR": str(cache), "PYTHONWARNINGS": "error"},
        )
    with process:
        try:
            server = Server(process, copy, errors)
            if ready:
                server.until_it_says("ready")
            yield server
        except BaseException:
            process.kill()
            raise
        server.told |= killed
        server.end()
    assert killed or not list(copy.glob(".nova-spi/serving/*/lock"))


@pytest.fixture(scope="module")
def serve(tmp_path_factory, shared_cache):
    """Serves a project until the module's end; asked again for the same, it gives the same server."""
    servers, ends = {}, []

    def begin(project=PROJECTS / "plain", **options):
        key = project, tuple(options.items())
        if key not in servers:
            running = serving(project, tmp_path_factory.mktemp("served"), shared_cache, **options)
            servers[key] = running.__enter__()
            ends.append(running)
        return servers[key]

    yield begin
    for running in reversed(ends):
        running.__exit__(None, None, None)


@pytest.fixture
def begin(tmp_path, shared_cache):
    """A context: a server for one test, which may do with it what it likes."""

    def begun(project=PROJECTS / "plain", **options):
        return serving(project, tmp_path, shared_cache, **options)

    return begun


@pytest.fixture(scope="module")
def server(serve):
    """A server of the plain project that nobody harms, with two workers."""
    return serve(workers=2)


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def until():
    """Waits until something is so."""

    def wait(so, seconds=WAIT):
        end = time.monotonic() + seconds
        while not (found := so()):
            assert time.monotonic() < end, "It has not come to that."
            time.sleep(0.02)
        return found

    return wait
