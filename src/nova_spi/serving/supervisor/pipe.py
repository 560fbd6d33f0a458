"""What a worker writes, as it comes through its pipe: read in bounded pieces, so that a flood slows nobody else."""

import asyncio
import os
from collections.abc import Callable

CHUNK_BYTES = 256 * 1024
PAUSE_SECONDS = 0.002
"""Between two pieces: little lines come together, and a flood of more than 128 MB a second waits in its own pipe."""
DRAIN_BYTES = 1024 * 1024
"""What a pipe can hold, and so what may have been in it at a certain moment."""


class LogPipe:
    """Our end of a worker's standard output and error.

    Args:
        descriptor: To read from; it is ours from now on, and never blocks.
        loop: The supervisor's.
        heard: Is given what comes.
    """

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop, heard: Callable[[bytes], None]) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._loop = loop
        self._heard = heard
        self._pause: asyncio.TimerHandle | None = None
        self._open = True
        self._ended = False
        loop.add_reader(descriptor, self._readable)

    def drain(self, limit: int = DRAIN_BYTES) -> None:
        """Takes what is there by now, and waits for nothing."""
        while limit > 0 and not self._ended and (chunk := self._read()):
            limit -= len(chunk)
            self._heard(chunk)

    def close(self) -> None:
        """Takes what is left, and closes."""
        if not self._open:
            return
        self.drain(2 * DRAIN_BYTES)
        self._stop()
        if self._pause is not None:
            self._pause.cancel()
        self._open = False
        os.close(self._descriptor)

    def _read(self) -> bytes:
        try:
            chunk = os.read(self._descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return b""
        self._ended = not chunk
        return chunk

    def _readable(self) -> None:
        self._stop()
        if chunk := self._read():
            self._pause = self._loop.call_later(PAUSE_SECONDS, self._again)
            self._heard(chunk)
        elif not self._ended:
            self._again()

    def _again(self) -> None:
        self._pause = None
        if self._open and not self._ended:
            self._loop.add_reader(self._descriptor, self._readable)

    def _stop(self) -> None:
        self._loop.remove_reader(self._descriptor)
