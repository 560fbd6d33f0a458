"""What an engine sends for as long as it likes: frames of standard output and error, each with its stream's number.

A frame is a byte for the stream, three of zero, four with the length (big-endian), and that many bytes (Docker Engine
API, "Attach to a container"). The docker SDK leaves such connections open when their reader goes; here they end with
it.
"""

import http.client
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nova_spi.engines.docker.wire import UnixConnection
from nova_spi.errors import EngineUnavailable

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

OUT, ERR = 1, 2
ANSWER_SECONDS = 60.0
PIECE = 64 * 1024
MAX_REASON_BYTES = 64 * 1024
_HEADER_BYTES = 8


def frames(
    connection: "Connection", method: str, path: str, body: dict[str, Any] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Asks, and gives what comes: the stream's number and some bytes, until the engine ends it.

    Args:
        connection: The engine.
        method: ``GET`` or ``POST``.
        path: With its query, ``/containers/ID/logs?stdout=1``.
        body: Sent as JSON.

    Raises:
        EngineUnavailable: The engine refuses, or does not answer.
    """
    wire = UnixConnection(connection.host.removeprefix("unix://"), ANSWER_SECONDS)
    with connection.speaking("reading what a container writes"):
        try:
            wire.connect()
            socket = wire.sock
            text = None if body is None else json.dumps(body).encode()
            version = connection.client.api.api_version
            wire.request(method, f"/v{version}{path}", text, {"Content-Type": "application/json"})
            answer = wire.getresponse()
            _accepted(connection, answer)
            socket.settimeout(None)  # from here on it may be silent for as long as the container is
            try:
                yield from _read(answer)
            finally:
                answer.close()
        finally:
            wire.close()


def _read(answer: http.client.HTTPResponse) -> Iterator[tuple[int, bytes]]:
    while len(header := answer.read(_HEADER_BYTES)) == _HEADER_BYTES:
        left = int.from_bytes(header[4:], "big")
        while left:
            piece = answer.read(min(left, PIECE))
            if not piece:
                return
            left -= len(piece)
            yield header[0], piece


def _accepted(connection: "Connection", answer: http.client.HTTPResponse) -> None:
    if answer.status < http.HTTPStatus.BAD_REQUEST:
        return
    said = answer.read(MAX_REASON_BYTES)
    try:
        words = str(json.loads(said)["message"])
    except (ValueError, LookupError, TypeError):
        words = said.decode("utf-8", "replace")
    raise EngineUnavailable(
        "The container engine refuses to show what a container writes.",
        why=words.strip()[:600],
        engine=connection.engine,
    )
