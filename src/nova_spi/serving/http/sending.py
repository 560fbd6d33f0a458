"""Answers on their way out: whole, in pieces, or from a file."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from nova_spi.execution.failures import of_system
from nova_spi.serving.http.messages import JSON, FileAnswer, Headers, Request, Response, Streamed
from nova_spi.serving.http.routes import not_found

Send = Callable[[dict[str, Any]], Awaitable[None]]
_PIECE = 256 * 1024


async def send_whole(answer: Response, request: Request, send: Send) -> None:
    """Sends an answer that is whole."""
    body, connection = answer.body, request.connection
    plain = answer.headers is JSON and answer.status == 200 and request.method != "HEAD"
    if plain and connection is not None and connection.answer(request.cycle, body):
        return
    headers = [*answer.headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_stream(answer: Streamed, request: Request, send: Send) -> None:
    """Sends what comes, as it comes; whoever makes it is cancelled when the client goes."""
    cancel = _canceller()
    connection, watching = request.connection, None
    if connection is None:
        watching = asyncio.ensure_future(request.gone())
        watching.add_done_callback(lambda done: None if done.cancelled() else cancel())
    elif connection.lost:
        cancel()
    else:
        connection.gone = cancel
    try:
        await _start(answer.status, answer.headers, send)
        async for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if connection is not None and connection.lost:
                return
        _release(request, watching)
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        if connection is not None and not connection.lost:
            raise
    finally:
        _release(request, watching)
        if isinstance(answer.chunks, AsyncGenerator):
            with contextlib.suppress(asyncio.CancelledError):
                await answer.chunks.aclose()


def _canceller() -> Callable[[], object]:
    task = asyncio.current_task()
    return task.cancel if task is not None else lambda: None


def _release(request: Request, watching: "asyncio.Future[None] | None") -> None:
    if request.connection is not None:
        request.connection.gone = None
    elif watching is not None:
        watching.cancel()


async def _start(status: int, headers: Headers, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})


async def send_file(answer: FileAnswer, request: Request, send: Send) -> None:
    """Sends a file in pieces; a link is not followed."""
    try:
        opened = os.open(answer.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
        refused = not_found(request.path) if gone else of_system(OSError(error.errno, error.strerror))
        await send_whole(Response.failed(refused), request, send)
        return
    loop = asyncio.get_running_loop()
    try:
        left = 0 if request.method == "HEAD" else os.fstat(opened).st_size
        length = b"%d" % os.fstat(opened).st_size
        await _start(200, (*answer.headers, (b"content-length", length)), send)
        while left:
            piece = await loop.run_in_executor(None, os.read, opened, min(_PIECE, left))
            if not piece or (request.connection is not None and request.connection.lost):
                return
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        os.close(opened)
