"""Podman asked for a container in the moment of its end: it stumbles, and the run's outcome must not."""

import contextlib
import json
import re
import select
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.docker.inspecting import inspected
from nova_spi.engines.port import Recipe
from nova_spi.progress import Silent

STUMBLES = "read /proc/4711/cgroup: no such process"
ASKS = re.compile(rb"^GET \S*/containers/[^/ ]+/json ")
MB = 1 << 20


class Stumbling:
    """Stands before an engine and passes everything on, but for so many questions about a container."""

    def __init__(self, address: str, folder: Path, times: int, words: str) -> None:
        self.address = f"unix://{folder}/s"
        self.left = times
        self._to = address.removeprefix("unix://")
        self._answer = json.dumps({"cause": words, "message": words, "response": 500}).encode()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(f"{folder}/s")
        self._server.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                thread = threading.Thread(target=self._pass_on, args=(self._server.accept()[0],))
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, caller: socket.socket) -> None:
        with caller, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect(self._to)
            while True:
                for ready in select.select([caller, engine], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is caller and self.left and ASKS.match(data):
                        self.left -= 1
                        head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
                        caller.sendall(f"{head}Content-Length: {len(self._answer)}\r\n\r\n".encode() + self._answer)
                    else:
                        (engine if ready is caller else caller).sendall(data)


@pytest.fixture
def stumbling(host):
    """Makes such ones."""
    folder, made = Path(tempfile.mkdtemp(prefix="nova-spi-", dir="/tmp")), []

    def make(times: int, words: str = STUMBLES) -> Stumbling:
        made.append(Stumbling(host, folder, times, words))
        return made[-1]

    yield make
    for each in made:
        each.close()
    shutil.rmtree(folder)


class Started(Silent):
    """Does one thing when the program has said something."""

    def __init__(self, act) -> None:
        self._act = [act]

    def log(self, chunk):
        if self._act:
            self._act.pop()()


HUNGRY = "import time; print('on', flush=True); time.sleep(0.3); x = bytearray(1 << 30)"


def test_a_stumble_over_the_end_is_no_loss_of_the_engine(stumbling, small_image, make_harbour, tmp_path):
    before = stumbling(0)
    engine = DockerEngine(before.address)
    environment = engine.provide(Recipe(Path("/"), image=small_image), Silent())
    own = make_harbour(engine, environment, tmp_path / "other")
    job = own.job(HUNGRY, limits={"memory_bytes": 100 * MB})
    outcome = own.run(job, Started(lambda: setattr(before, "left", 3)))
    assert (outcome.reason, outcome.signal) == ("out_of_memory", 9)
    assert before.left == 0
    before.left = 3
    assert own.python("print('fine')").exit_code == 0  # nor over the start
    assert own.text().endswith("fine\n")
    assert own.containers() == []
    engine.close()


def test_another_refusal_is_told_at_once(stumbling):
    from docker.errors import APIError

    before = stumbling(2, "no space left on device")
    engine = DockerEngine(before.address)
    with pytest.raises(APIError, match="no space"):
        inspected(engine.connection.client.api, "it")
    engine.close()
    assert before.left == 1


def test_whoever_asks_while_programs_are_killed_for_their_memory_hears_how_they_ended(harbour):
    heard, threads = [], []

    def ask(name: str) -> None:
        engine = DockerEngine(harbour.engine.connection.host)
        try:
            while heard.append(inspected(engine.connection.client.api, name)["State"]["Status"]) is None:
                pass
        except Exception as error:  # noqa: BLE001  # the engines say in many ways that one is gone
            heard.append(str(error))
        engine.close()

    def begin() -> None:
        name = harbour.containers()[0].lstrip("/")
        threads.extend(threading.Thread(target=ask, args=(name,)) for _ in range(2))
        for thread in threads[-2:]:
            thread.start()

    for _ in range(3):
        outcome = harbour.run(harbour.job(HUNGRY, limits={"memory_bytes": 100 * MB}), Started(begin))
        assert (outcome.reason, outcome.signal) == ("out_of_memory", 9)
    for thread in threads:
        thread.join(20)
    assert "running" in heard
    assert not [each for each in heard if "no such process" in each]
