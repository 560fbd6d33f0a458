"""HTTP over the engine's socket for bodies that are made while they are sent, and answers that come piece by piece.

The docker SDK takes a body only as a whole or from an iterator, and where an engine refuses in the middle of one, its
reason is lost behind the broken pipe. Standard library only.
"""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PIECE = 256 * 1024
MAX_LINE_BYTES = 1024 * 1024
MAX_REASON_BYTES = 64 * 1024


class Refused(Exception):
    """The engine says no; the text is its reason, in its own words."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket.

    Args:
        path: Of the socket.
        timeout: In seconds, of each step.
    """

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connects to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Upload:
    """A body on its way, as something to write to."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        """Sends some bytes, or keeps them until there are more."""
        self._waiting += data
        if len(self._waiting) >= PIECE:
            self._send()
        return len(data)

    def answer(self) -> http.client.HTTPResponse:
        """Ends the body.

        Returns:
            What the engine says to it.

        Raises:
            Refused: It says no.
        """
        if self._waiting:
            self._send()
        self._connection.send(b"0\r\n\r\n")
        return _accepted(self._connection.getresponse())

    def _send(self) -> None:
        self._connection.send(b"%x\r\n%b\r\n" % (len(self._waiting), bytes(self._waiting)))
        self._waiting.clear()


@contextmanager
def posting(host: str, path: str, *, headers: dict[str, str] | None = None, timeout: float = 600.0) -> Iterator[Upload]:
    """A POST whose body is written within the block; one that is left by an error never counts as whole.

    Args:
        host: The engine's address, ``unix:///...``.
        path: With the API's version and the query.
        headers: Beside those that say how the body comes.
        timeout: In seconds, of each step: an engine takes a large body as fast as its disk does.

    Raises:
        Refused: The engine says no, maybe before it has read everything.
        OSError: It is gone, or hangs.
        http.client.HTTPException: It answers something else than HTTP.
    """
    connection = UnixConnection(host.removeprefix("unix://"), timeout)
    try:
        connection.putrequest("POST", path, skip_accept_encoding=True)
        for name, value in {"Transfer-Encoding": "chunked", **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            yield Upload(connection)
        except (BrokenPipeError, ConnectionResetError):
            _accepted(connection.getresponse())  # what made it hang up, where it said so
            raise
    finally:
        connection.close()


@contextmanager
def getting(host: str, path: str, *, timeout: float = 600.0) -> Iterator[http.client.HTTPResponse]:
    """A GET whose answer is read within the block.

    Raises:
        Refused: The engine says no.
        OSError: It is gone, or hangs.
        http.client.HTTPException: It answers something else than HTTP.
    """
    connection = UnixConnection(host.removeprefix("unix://"), timeout)
    try:
        connection.request("GET", path)
        yield _accepted(connection.getresponse())
    finally:
        connection.close()


def messages(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """What an engine says while it works: one JSON object a line.

    Raises:
        Refused: One of them is an error, or no JSON.
    """
    while line := answer.readline(MAX_LINE_BYTES):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Refused(f"it answers what cannot be read: {line[:200]!r}") from error
        if not isinstance(found, dict):
            raise Refused(f"it answers what cannot be read: {line[:200]!r}")
        if reason := reason_in(found):
            raise Refused(reason)
        yield found


def reason_in(message: dict[str, Any]) -> str:
    """The error that a message tells of; empty where it tells of none."""
    detail = message.get("errorDetail")
    told = detail.get("message") if isinstance(detail, dict) else None
    return str(told or message.get("error") or "")[:4000]


def _accepted(answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
    if answer.status == http.client.OK:
        return answer
    data = answer.read(MAX_REASON_BYTES)
    try:
        found = json.loads(data)
        reason = str(found.get("message") or found.get("cause") or "") if isinstance(found, dict) else ""
    except (ValueError, RecursionError):
        reason = data.decode("utf-8", "replace")
    raise Refused(reason.strip()[:4000] or f"it answers {answer.status}")
