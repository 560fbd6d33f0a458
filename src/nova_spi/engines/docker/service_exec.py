"""A further program in a container that runs: its output as it comes, its exit status, and the caller's terminal."""

import os
import select
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from nova_spi.engines.docker.service_streams import ERR, frames
from nova_spi.engines.docker.services import Service, must_run

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

PIECE = 64 * 1024
NOT_STARTED = 126
"""Docker's exit status where the program could not be started."""

Write = Callable[[bytes], None]


def execute(connection: "Connection", service: Service, words: tuple[str, ...], out: Write, err: Write) -> int:
    """Runs a program to its end; it reads nothing.

    Args:
        connection: The engine.
        service: Where.
        words: The program and its arguments.
        out: Gets its standard output.
        err: Gets its standard error.

    Returns:
        Its exit status; 126 or 127 where it could not be started, as Docker has it.

    Raises:
        UsageError: The container does not run.
    """
    must_run(service)
    api: Any = connection.client.api
    with connection.speaking("running a program in a container"):
        identity = api.exec_create(service.id, list(words), stdout=True, stderr=True)["Id"]
    for stream, piece in frames(connection, "POST", f"/exec/{identity}/start", {"Detach": False, "Tty": False}):
        (err if stream == ERR else out)(piece)
    with connection.speaking("running a program in a container"):
        return _status(api, identity)


def execute_on_terminal(connection: "Connection", service: Service, words: tuple[str, ...]) -> int:
    """Runs a program on the caller's terminal, which is given over to it until its end.

    Args:
        connection: The engine.
        service: Where.
        words: The program and its arguments.

    Returns:
        Its exit status.

    Raises:
        UsageError: The container does not run.
    """
    must_run(service)
    api: Any = connection.client.api
    with connection.speaking("running a program in a container"):
        environment = {"TERM": os.environ.get("TERM") or "xterm"}
        identity = api.exec_create(
            service.id, list(words), stdin=True, tty=True, stdout=True, stderr=True, environment=environment
        )["Id"]
        stream = api.exec_start(identity, tty=True, socket=True)
        socket = getattr(stream, "_sock", stream)
        try:
            with _raw(0), _resized(api, identity) as tell_size:
                _pass_on(socket.fileno(), socket, tell_size)
        finally:
            stream.close()
        return _status(api, identity)


def _status(api: Any, identity: str) -> int:
    found = api.exec_inspect(identity).get("ExitCode")
    return NOT_STARTED if found is None else int(found)


def _pass_on(descriptor: int, socket: Any, tell_size: Callable[[], None]) -> None:
    """What is typed goes in, what is written comes out, until the program ends."""
    waiting, heard = [0, descriptor], False
    while True:
        ready, _, _ = select.select(waiting, [], [])
        if descriptor in ready:
            told = os.read(descriptor, PIECE)
            if not told:
                return
            if not heard:
                heard = True
                tell_size()  # Podman forgets what it is told before the program runs
            while told:
                told = told[os.write(1, told) :]
        if 0 in ready:
            typed = os.read(0, PIECE)
            if typed:
                socket.sendall(typed)
            else:
                waiting = [descriptor]


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Every key goes to the program, Ctrl-C too."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _resized(api: Any, identity: str) -> Iterator[Callable[[], None]]:
    """The program knows how large the terminal is, also when that changes."""
    import fcntl
    import termios

    def tell(*_: object) -> None:
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8))
        with suppress(Exception):  # the size of a window is worth no error, whatever the engine says to it
            api.exec_resize(identity, height=rows, width=columns)

    before = signal.signal(signal.SIGWINCH, tell)
    try:
        tell()
        yield tell
    finally:
        signal.signal(signal.SIGWINCH, before)
