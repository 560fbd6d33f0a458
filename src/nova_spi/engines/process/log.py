"""What a program writes: the first so many bytes are kept, the rest is read and thrown away."""

import os
import sys
import time
from pathlib import Path

from nova_spi.progress import Progress

CHUNK_BYTES = 64 * 1024
DRAIN_BYTES = PIPE_BYTES = 1024 * 1024
GATHER_SECONDS = 0.002
DRAIN_SECONDS = 0.005
"""With a pipe of 1 MiB: a program may throw away 200 MB a second, which costs us some 5 % of a core."""


class Log:
    """A log file with an upper size.

    Attributes:
        truncated: True once something has been thrown away.
        due: Before this moment, by the monotonic clock, reading is not worth while: little lines come together then,
            and what is thrown away costs next to nothing.
    """

    def __init__(self, path: Path, limit: int, progress: Progress) -> None:
        """Opens ``path`` to append.

        Args:
            path: The log file.
            limit: Bytes that are kept.
            progress: Hears what is kept, as it comes.
        """
        self.truncated = False
        self.due = 0.0
        self._left = self._limit = limit
        self._progress = progress
        self._file = path.open("ab", buffering=0)
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._at_line_start = True

    def pump(self, descriptor: int) -> int:
        """Moves one chunk from the pipe; returns its size, 0 where there is nothing now or never again."""
        try:
            if self.truncated:
                return self._throw_away(descriptor)
            chunk = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        if len(chunk) < CHUNK_BYTES:
            self.due = time.monotonic() + GATHER_SECONDS
        self.take(chunk)
        return len(chunk)

    def take(self, chunk: bytes) -> None:
        """Keeps what still fits of a piece that has come, by a pipe or otherwise."""
        if self.truncated:
            return
        if len(chunk) > self._left:
            self._keep(chunk[: self._left])
            self._cut()
        else:
            self._keep(chunk)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        os.close(self._nowhere)

    def _keep(self, chunk: bytes) -> None:
        if chunk:
            self._left -= len(chunk)
            self._at_line_start = chunk.endswith(b"\n")
            self._write(chunk)

    def _cut(self) -> None:
        self.truncated = True
        start = b"" if self._at_line_start else b"\n"
        self._write(start + b"[nova-spi] log cut at %d bytes\n" % self._limit)

    def _write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._progress.log(chunk)

    def _throw_away(self, descriptor: int) -> int:
        """On Linux the bytes never enter this process."""
        self.due = time.monotonic() + DRAIN_SECONDS
        if sys.platform == "linux":
            return os.splice(descriptor, self._nowhere, DRAIN_BYTES, flags=os.SPLICE_F_NONBLOCK)
        return len(os.read(descriptor, DRAIN_BYTES))
