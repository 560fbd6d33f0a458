"""The socket that is listened on: taken before anything else is done, so that a port in use costs no waiting."""

import errno
import resource
import socket
from contextlib import suppress

from nova_spi.errors import UsageError

PORT_IN_USE = "usage.port_in_use"
BACKLOG = 1024
MOST_FILES = 8192
"""Open files that the server asks the system for."""
SPARE_FILES = 256
"""Of these, what is not for connections: workers, files of calls."""


def bind(host: str, port: int) -> socket.socket:
    """A socket on ``host``; port 0 takes a free one. Until `listen` callers are refused, and do not wait.

    Raises:
        UsageError: The port is in use or not allowed, or the host is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"There is no address {host}.", why=str(error), mend="--host 127.0.0.1") from error
    family, kind, protocol, _, address = found[0]
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise _unavailable(host, port, error) from error
    return opened


def listen(bound: socket.socket) -> None:
    """Lets callers in.

    Raises:
        UsageError: Another program has begun to listen there.
    """
    try:
        bound.listen(BACKLOG)
    except OSError as error:
        host, port = bound.getsockname()[:2]
        raise _unavailable(host, port, error) from error


def _unavailable(host: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"Port {port} of {host} is in use.", mend="take another one: --port 0 takes a free one", code=PORT_IN_USE
        )
    return UsageError(
        f"Port {port} of {host} cannot be listened on.",
        why=error.strerror or str(error),
        mend="take a port of 1024 or above, and an address of this machine: --host 127.0.0.1",
    )


def url(listening: socket.socket) -> str:
    """Where callers on this machine reach it."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def most_connections() -> int:
    """How many connections there may be, after asking the system for as many files as it gives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(16, (MOST_FILES if soft == resource.RLIM_INFINITY else soft) - SPARE_FILES)
