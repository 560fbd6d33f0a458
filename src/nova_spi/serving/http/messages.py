"""A request and the answers to it, as the faces see them: thin over ASGI, so that nothing is copied or parsed twice."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from nova_spi.errors import NovaSpiError, QueueFull, UsageError
from nova_spi.serving.http.statuses import TOO_LARGE, retry_after, status_of

Headers = tuple[tuple[bytes, bytes], ...]
JSON: Headers = ((b"content-type", b"application/json"),)
MOST_QUERY_FIELDS = 100
SINGLE = frozenset((b"host", b"authorization", b"content-type", b"content-length", b"origin", b"idempotency-key"))
"""Headers that mean nothing when they come twice, and trouble when two readers take different ones."""


class Connection(Protocol):
    """What the server tells of a connection beside ASGI, so that no task has to wait for its end."""

    gone: Callable[[], object] | None
    """Called once when the client has gone; whoever waits for an answer sets it, and clears it afterwards."""
    lost: bool
    """The client has gone."""

    def abort(self) -> None:
        """Ends the connection at once."""
        ...

    def answer(self, cycle: object, body: bytes) -> bool:
        """Answers with 200 and JSON, faster than ASGI does; False where it has to be done ASGI's way."""
        ...


class Budget:
    """What the bodies of all requests together may take of the memory, while they are read and answered.

    Args:
        most: In bytes.
    """

    __slots__ = ("_most", "used")

    def __init__(self, most: int) -> None:
        self._most = most
        self.used = 0

    def take(self, size: int) -> None:
        """Counts a piece of a body.

        Raises:
            QueueFull: It is too much.
        """
        if self.used + size > self._most:
            raise QueueFull(
                "The bodies of other requests take all the memory that they may.",
                why=f"They may take {self._most} bytes together.",
                mend="come back in a moment, or send what is large as files",
            )
        self.used += size


class ClientGone(Exception):
    """The client went away while its request was still being read; there is nobody to answer."""


class Request:
    """One request.

    Attributes:
        method: ``GET``, ``POST``, ...
        path: Decoded; starts with ``/``.
        headers: By lower-case name; of one that came several times all values, joined by a comma.
        connection: Tells when the client goes; None where the server cannot tell.
        cycle: What `Connection.answer` wants to know.
        complete: The body has been read to its end.
        doubled: A header that may come once and came twice; such a request is refused.
        trusted: The caller knows the token, or there is none; only what is public is answered without.
    """

    __slots__ = (
        "_budget",
        "_held",
        "_query",
        "_receive",
        "complete",
        "connection",
        "cycle",
        "doubled",
        "headers",
        "method",
        "path",
        "trusted",
    )

    def __init__(self, scope: Mapping[str, Any], receive: Callable[[], Any], budget: Budget | None = None) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.connection: Connection | None = scope.get("nova_spi.connection")
        self.cycle: object = scope.get("nova_spi.cycle")
        self.complete = False
        self.trusted = False
        self.doubled: bytes | None = None
        self._query: bytes = scope["query_string"]
        self._receive = receive
        self._budget = budget
        self._held = 0
        pairs = scope["headers"]
        self.headers: Mapping[bytes, bytes] = dict(pairs)
        if len(self.headers) != len(pairs):
            self.headers = _joined(pairs)
            self.doubled = _doubled(pairs)

    @property
    def query(self) -> Mapping[str, str]:
        """The fields of the query; of one that came several times the last.

        Raises:
            UsageError: There are more than a hundred.
        """
        if not self._query:
            return {}
        try:
            return dict(
                parse_qsl(self._query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_QUERY_FIELDS)
            )
        except ValueError as error:
            raise UsageError("The query of the address cannot be read.", why=str(error)) from error

    def header(self, name: bytes, default: bytes = b"") -> bytes:
        """A header by its lower-case name."""
        return self.headers.get(name, default)

    @property
    def wants_events(self) -> bool:
        """Whether the answer is wanted as server-sent events."""
        accept = self.headers.get(b"accept")
        return accept is not None and b"text/event-stream" in accept.lower()

    def length(self) -> int | None:
        """What the body says its length is, in bytes; None where it comes in chunks or there is none."""
        said = self.headers.get(b"content-length")
        return int(said) if said is not None and said.isdigit() and len(said) < 20 else None

    async def body(self, limit: int) -> bytes:
        """The whole body, read at most to ``limit`` bytes.

        Raises:
            UsageError: It is longer (``usage.too_large``).
            QueueFull: The bodies of all requests are too much together.
            ClientGone: The client went away.
        """
        if (self.length() or 0) > limit:
            raise too_large(limit)
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone
        body: bytes = message["body"]
        if len(body) > limit:
            raise too_large(limit)
        if not message["more_body"]:
            self.complete = True
            return body
        whole = bytearray(body)
        async for chunk in self.chunks():
            self._hold(len(chunk))
            whole += chunk
            if len(whole) > limit:
                raise too_large(limit)
        return bytes(whole)

    def _hold(self, size: int) -> None:
        if self._budget is not None:
            self._budget.take(size)
            self._held += size

    def release(self) -> None:
        """Once it is answered: its body counts no more."""
        if self._budget is not None and self._held:
            self._budget.used -= self._held
            self._held = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            ClientGone: The client went away.
        """
        while not self.complete:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone
            self.complete = not message["more_body"]
            if message["body"]:
                yield message["body"]

    async def gone(self) -> None:
        """Waits until the client has gone or has been answered; only once the body has been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _joined(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        found[name] = b"%b, %b" % (found[name], value) if name in found else value
    return found


def _doubled(pairs: list[tuple[bytes, bytes]]) -> bytes | None:
    names = [name for name, _ in pairs]
    return next((name for name in names if name in SINGLE and names.count(name) > 1), None)


def too_large(limit: int) -> UsageError:
    """The error for a body over ``limit`` bytes."""
    return UsageError(
        f"The body is larger than {limit} bytes.",
        mend="send files as multipart/form-data, or serve with a larger --max-body-size",
        code=TOO_LARGE,
    )


@dataclass(slots=True)
class Response:
    """An answer that is whole.

    Attributes:
        status: The HTTP status.
        body: Its bytes; the length is added to the headers.
        headers: With lower-case names.
    """

    status: int = 200
    body: bytes = b""
    headers: Headers = JSON

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Headers = ()) -> "Response":
        """``value`` as JSON."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return cls(status, body.encode("utf-8", "backslashreplace"), JSON + headers)

    @classmethod
    def failed(cls, error: NovaSpiError, **more: Any) -> "Response":
        """An error in the one shape that all errors have: ``{"error": {code, message, why?, mend?, details?}}``.

        Args:
            error: What went wrong; it decides the status.
            more: What else the object says, before the error.
        """
        after = retry_after(error)
        headers: Headers = () if after is None else ((b"retry-after", b"%d" % after),)
        return cls.json({**more, "error": error.to_dict()}, status_of(error), headers)


@dataclass(slots=True)
class Streamed:
    """An answer that comes piece by piece; ``chunks`` is closed when the client has gone."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]


@dataclass(slots=True)
class FileAnswer:
    """A file of this machine as an answer; it is opened without following a link."""

    path: Path
    headers: Headers
