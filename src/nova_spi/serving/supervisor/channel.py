"""Our end of the socket that a worker answers by."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from nova_spi.serving.supervisor.parsing import Frame, FrameReader
from nova_spi_runtime.frames import HEADER, FrameInvalid

FRAMES_A_TURN = 256
"""More than these wait for the loop's other work, and the worker for us."""
PAUSE_SECONDS = 0.001
JOINED_BYTES = 32 * 1024
"""Up to this size a frame is one string; above, copying costs more than handing over several."""


class Hearer(Protocol):
    """Who listens to a worker."""

    def hear(self, kind: bytes, number: int, payload: bytes) -> None:
        """A frame came."""
        ...

    def garbage(self, what: str) -> None:
        """What came is no frame; nothing comes any more."""
        ...

    def silence(self, *, unread: bool) -> None:
        """The worker's end is closed; ``unread`` where it had not read all that it was sent."""
        ...


class Channel(asyncio.Protocol):
    """One worker's socket, as long as its life.

    Args:
        hearer: Is told what comes, until it is closed.
        loop: The supervisor's.
        lost: Is called at the end in every case.

    Attributes:
        closed: It has come to its end.
    """

    def __init__(self, hearer: Hearer, loop: asyncio.AbstractEventLoop, lost: Callable[[], None]) -> None:
        self._hearer: Hearer | None = hearer
        self._lost = lost
        self._loop = loop
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending = self._unsent = False
        self.closed = False

    def send(self, kind: bytes, number: int, *pieces: bytes) -> None:
        """Sends one frame; to a worker that is gone nothing."""
        if self._transport is None or self.closed:
            return
        if self._ending:
            self._unsent = True
            return
        length = sum(map(len, pieces))
        head = HEADER.pack(length, kind, number)
        if length <= JOINED_BYTES:
            self._transport.write(head + b"".join(pieces))
        else:
            self._transport.writelines((head, *pieces))

    def close(self) -> None:
        """Closes it; nothing is heard any more."""
        self._hearer = None
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol.connection_made`."""
        self._transport = cast(asyncio.Transport, transport)
        if self._hearer is None:  # it was closed meanwhile
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol.data_received`."""
        self._reader.feed(data)
        if self._take():
            self._wait()

    def eof_received(self) -> None:
        """See `asyncio.Protocol.eof_received`.

        The loop tells of the end itself a turn later; what is sent in between, it would throw away without a word.
        """
        self._ending = True
        self._unsent = self._transport is not None and self._transport.get_write_buffer_size() > 0

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol.connection_lost`.

        The kernel says by ECONNRESET or EPIPE that something of what we sent had not been read.
        """
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            while self._take():
                continue
        hearer, self._hearer = self._hearer, None
        if hearer is not None:
            hearer.silence(unread=self._unsent or isinstance(exc, ConnectionError))
        self._lost()

    def _take(self) -> bool:
        """Passes on what is complete, as much as one turn of the loop may have; True where there may be more."""
        for _ in range(FRAMES_A_TURN):
            if self._hearer is None:
                return False
            try:
                frame: Frame | None = self._reader.next()
            except FrameInvalid as error:
                hearer, self._hearer = self._hearer, None
                hearer.garbage(str(error))
                return False
            if frame is None:
                return False
            self._hearer.hear(*frame)
            if self._reader.empty:
                return False
        return True

    def _wait(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
        self._timer = self._loop.call_later(PAUSE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        if self._take():
            self._timer = self._loop.call_later(PAUSE_SECONDS, self._go_on)
        elif self._transport is not None and self._hearer is not None and not self.closed:
            self._transport.resume_reading()
