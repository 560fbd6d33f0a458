"""What takes long and is no work for the loop's own thread: files that are copied, large answers that are read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Some threads, made when the first of them is needed.

    Args:
        loop: The supervisor's.
        most: How many at most.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self._loop = loop
        self._most = most
        self._pool: ThreadPoolExecutor | None = None
        self._running: set[asyncio.Future[Any]] = set()

    def run(self, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Calls something in one of them; `close` waits for it, whether anybody else does or not."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._most, "serving")
        future = self._loop.run_in_executor(self._pool, partial(function, *arguments))
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    async def close(self) -> None:
        """Waits for everything that was begun, and ends the threads."""
        while self._running:
            await asyncio.wait(tuple(self._running))
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
