"""A server that runs: started, waited for, looked at, and ended with everything that it started."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.serving.client import REFUSED, Answer, Request, ask
from bench.serving.environments import ROOT
from bench.serving.peers import Model, Peer, Place

TEXT = "The quick brown fox jumps over the lazy dog, and nobody knows why it does so on every single day now."


class NotReady(Exception):
    """A server gave no good answer in time; the message holds the end of its log."""


@dataclass(slots=True)
class Server:
    """One that runs.

    Attributes:
        peer: Who it is.
        place: Where it runs.
        process: Its command.
        log: What it writes.
        cold: Seconds from the command to the first good answer.
        seen: Every process that was seen below it.
    """

    peer: Peer
    place: Place
    process: "subprocess.Popen[bytes]"
    log: Path
    cold: float = 0.0
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.place.port

    def family(self) -> list[psutil.Process]:
        """The server and all processes below it, as they are now."""
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            for process in (top, *top.children(recursive=True)):
                self.seen[process.pid] = process
        return [process for process in self.seen.values() if _alive(process)]

    def health(self, timeout: float = 2.0) -> str:
        """``well``, ``unwell`` or ``silent``: what it says of itself."""
        found = ask(self.port, Request(self.peer.health), timeout)
        if found.status <= 0:
            return "silent"
        try:
            return "well" if self.peer.well(found) else "unwell"
        except ValueError:
            return "unwell"

    def ask(self, text: str = TEXT, timeout: float = 15.0, tries: int = 1) -> Answer:
        """One call; one that is refused is tried again."""
        found = ask(self.port, self.peer.echo(text), timeout)
        while found.status in REFUSED and tries > 1:
            time.sleep(0.02)
            tries -= 1
            found = ask(self.port, self.peer.echo(text), timeout)
        return found

    def good(self, timeout: float = 15.0) -> bool:
        """Whether a call is answered as it should be."""
        request = self.first_request()
        found = ask(self.port, request, timeout)
        return found.status == 200 and request.expected in found.body

    def first_request(self) -> Request:
        """What the model that is served is asked first."""
        return self.peer.echo(TEXT) if self.place.model == "echo" else self.peer.file(b"first")

    def end(self) -> None:
        """Asks it to end, then ends whatever is left, each by its own number."""
        family = self.family()
        with suppress(ProcessLookupError):
            self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=5)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def served(
    peer: Peer, bin_: Path, model: Model = "echo", deadline: int = 60, patience: float = 60.0
) -> Iterator[Server]:
    """A server that has answered one call.

    Raises:
        NotReady: It has not within ``patience`` seconds.
    """
    with ExitStack() as held:
        ROOT.mkdir(parents=True, exist_ok=True)
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="served-", dir=ROOT)))
        place = Place(folder / "model", bin_, _free_ports(3), model, deadline)
        place.folder.mkdir()
        peer.lay_out(place)
        server = _start(peer, place, folder / "server.log")
        held.callback(server.end)
        _wait(server, patience)
        yield server


def _start(peer: Peer, place: Place, log: Path) -> Server:
    home = log.parent / "home"
    home.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if name in ("LANG", "SSL_CERT_FILE") or name[:4] == "PIP_"
    }
    variables = {**kept, "PATH": f"{place.bin}:{os.defpath}", "HOME": str(home), **peer.variables(place)}
    with log.open("wb") as out:
        begun = time.perf_counter()
        process = subprocess.Popen(
            peer.words(place),
            cwd=place.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    return Server(peer, place, process, log, begun)


def _wait(server: Server, patience: float) -> None:
    begun = server.cold
    while time.perf_counter() - begun < patience:
        if server.good(timeout=5.0):
            server.cold = time.perf_counter() - begun
            server.family()
            return
        if server.process.poll() is not None:
            break
        time.sleep(0.01)
    raise NotReady(f"{server.peer.name}: no answer; {server.log.read_bytes()[-2000:].decode('utf-8', 'replace')}")


def _free_ports(count: int) -> tuple[int, ...]:
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return tuple(each.getsockname()[1] for each in sockets)
