"""Executions as server-sent events (HTML Living Standard, 9.2): what happens, as it happens.

Whoever reads too slowly is not waited for: what waits for him is bounded, and then the stream ends.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from nova_spi.serving.calls import Event, Execution
from nova_spi.serving.http.keeping import Kept
from nova_spi.serving.http.messages import Headers, Request, Response, Streamed
from nova_spi.serving.http.rendering import compact, document

HEADERS = ((b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"
MOST_WAITING_BYTES = 4 * 1024 * 1024


class Reader:
    """The events of one execution for one client, bounded.

    Args:
        execution: Whose events.
        chosen: What is sent for an event; nothing is sent for None.
        request: Whose connection ends where it reads too slowly.
    """

    def __init__(self, execution: Execution, chosen: Callable[[Event], bytes | None], request: Request) -> None:
        self._execution = execution
        self._chosen = chosen
        self._request = request
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._full = False
        self._stop = execution.watch(self._take)
        execution.done.add_done_callback(self._rouse)

    def _take(self, event: Event) -> None:
        self.put(self._chosen(event))

    def _rouse(self, _: object) -> None:
        self._wake.set()

    def put(self, chunk: bytes | None) -> None:
        """Lets a piece wait to be sent."""
        if not chunk or self._full:
            return
        self._waiting.append(chunk)
        self._bytes += len(chunk)
        self._wake.set()
        if self._bytes > MOST_WAITING_BYTES:
            self._full = True
            self._waiting.clear()
            if self._request.connection is not None:
                self._request.connection.abort()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What is sent until the execution has ended; a comment where nothing happens for a while."""
        while True:
            while self._waiting:
                chunk = b"".join(self._waiting)
                self._waiting.clear()
                self._bytes = 0
                yield chunk
            if self._full or self._execution.done.done():
                return
            self._wake.clear()
            try:
                # Not `asyncio.wait_for`, which before Python 3.12 may lose a cancellation that comes with an event.
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                yield HEARTBEAT

    def close(self) -> None:
        """Ends watching."""
        self._stop()
        self._execution.done.remove_done_callback(self._rouse)


def event(kind: str, data: bytes) -> bytes:
    """One event; JSON has no line break of its own, so that it is one line."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _data(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else compact(value)


def _log(text: str) -> bytes:
    return event("log", compact({"text": text}))


def follow(kept: Kept, request: Request, *, logs: bool = False, headers: Headers = ()) -> Streamed | Response:
    """The events of an execution, from what it wrote so far to its end.

    Args:
        kept: The execution; it is cancelled when the last client that waits for it goes.
        request: Who follows.
        logs: What it writes and its end alone.
        headers: More of the answer's.
    """
    execution = kept.execution
    location = (b"location", f"/v1/executions/{execution.id}".encode())
    if request.method == "HEAD":
        return Response(200, b"", (*HEADERS, location, *headers))
    started = event("started", compact({"id": execution.id, "command": execution.call.command}))

    def chosen(happened: Event) -> bytes | None:
        if happened.kind == "log":
            return _log(happened.data)
        if logs or happened.kind == "ended":
            return None
        return started if happened.kind == "started" else event(happened.kind, _data(happened.data))

    reader = Reader(execution, chosen, request)
    if execution.started_at is not None and not logs:
        reader.put(started)
    if execution.log.size:
        reader.put(_log(execution.log.text()))

    async def chunks() -> AsyncIterator[bytes]:
        try:
            with kept.awaited():
                async for chunk in reader.chunks():
                    yield chunk
            if execution.done.done():
                yield _last(kept, logs)
        finally:
            reader.close()

    return Streamed(200, (*HEADERS, location, *headers), chunks())


def _last(kept: Kept, logs: bool) -> bytes:
    execution = kept.execution
    if logs:
        return event("ended", compact({"status": execution.status}))
    return event("result" if execution.error is None else "error", document(kept))
