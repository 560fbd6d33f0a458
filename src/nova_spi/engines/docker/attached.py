"""What a container writes, as its engine sends it: frames of standard output and error in one stream.

A frame is a byte for the stream, three of zero, four with the length (big-endian), and that many bytes
(Docker Engine API, "Attach to a container").
"""

import os
import select
import time
from typing import Any

from nova_spi.engines.process.log import CHUNK_BYTES, DRAIN_BYTES, GATHER_SECONDS, Log

HEADER_BYTES = 8
FLOOD_SECONDS = 0.001
"""Between two readings of what is thrown away; a socket holds some 200 KB, so that is 200 MB a second."""


class Frames:
    """Takes the frames' headers out of a stream that comes in pieces."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """The content in the next piece."""
        found = []
        while data:
            if self._left:
                content, data = data[: self._left], data[self._left :]
                self._left -= len(content)
                found.append(content)
                continue
            wanted = HEADER_BYTES - len(self._header)
            self._header, data = self._header + data[:wanted], data[wanted:]
            if len(self._header) == HEADER_BYTES:
                self._left = int.from_bytes(self._header[4:], "big")
                self._header = b""
        return b"".join(found)


class Attached:
    """The stream of one container, into its log.

    Args:
        stream: What the SDK's ``attach_socket`` gave, before the container was started.
        log: Where its content goes.

    Attributes:
        ended: The stream has ended: the container has, or its output is closed, or the daemon is gone.
        due: Before this moment, by the monotonic clock, reading is not worth while; see `Log.due`.
        head: The first bytes that came.
    """

    HEAD_BYTES = 512

    def __init__(self, stream: Any, log: Log) -> None:
        self.ended = False
        self.due = 0.0
        self.head = b""
        self._stream = stream
        self._log = log
        self._frames = Frames()
        os.set_blocking(stream.fileno(), False)

    def fileno(self) -> int:
        """The socket."""
        return int(self._stream.fileno())

    def pump(self) -> int:
        """Moves one piece into the log; returns its size, 0 where there is nothing now or never again."""
        flood = self._log.truncated
        try:
            data = os.read(self.fileno(), DRAIN_BYTES if flood else CHUNK_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""  # the daemon is gone, which the next question to it will tell
        self.ended = not data
        if flood:
            self.due = time.monotonic() + FLOOD_SECONDS
            return len(data)
        if len(data) < CHUNK_BYTES:
            self.due = time.monotonic() + GATHER_SECONDS
        content = self._frames.feed(data)
        if len(self.head) < self.HEAD_BYTES:
            self.head += content[: self.HEAD_BYTES]
        self._log.take(content)
        return len(data)

    def drain(self, until: float) -> None:
        """Moves what is still to come, until the stream ends or that moment, by the monotonic clock."""
        poller = select.poll()
        poller.register(self, select.POLLIN)
        while not self.ended:
            left = until - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                return
            self.pump()

    def close(self) -> None:
        """Closes the socket, and so the daemon's part of it."""
        close(self._stream)


def close(stream: Any) -> None:
    """Closes what the SDK's ``attach_socket`` gave, and the answer that it belongs to."""
    response = getattr(stream, "_response", None)
    if response is not None:
        response.close()  # first: the reader below it flushes, and must not find itself closed
    stream.close()
