"""Frames out of a stream that comes in pieces, whatever a worker sends. See `nova_spi_runtime.frames`."""

from nova_spi_runtime import frames
from nova_spi_runtime.frames import FrameInvalid

SMALL = 64 * 1024
"""Bytes that what a worker says of itself may have; an error may have sixteen times as many."""
LIMITS = {
    frames.READY: SMALL,
    frames.PIECE: frames.MAX_PAYLOAD,
    frames.PROGRESS: SMALL,
    frames.RESULT: frames.MAX_PAYLOAD,
    frames.RESULTS: frames.MAX_PAYLOAD,
    frames.ERROR: 16 * SMALL,
    frames.WELL: SMALL,
}
"""The kinds that a worker may send, and the bytes that each may have."""

Frame = tuple[bytes, int, bytes]
"""Kind, number, payload."""
_HEAD = frames.HEADER.size


class FrameReader:
    """Takes frames out of what comes. It holds one incomplete frame at most, and what came with it."""

    __slots__ = ("_at", "_buffer")

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Takes in the next piece; `next` is to be asked until it has no more."""
        if self._at == len(self._buffer):
            self._buffer, self._at = data, 0  # the usual case: one frame is one piece, and nothing is copied twice
            return
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer)
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._buffer)

    def next(self) -> Frame | None:
        """The next frame that is complete, or None.

        Raises:
            FrameInvalid: What comes is no frame of a worker, or one that is too large.
        """
        missing = len(self._buffer) - self._at
        if missing < _HEAD:
            return None
        length, kind, number = frames.HEADER.unpack_from(self._buffer, self._at)
        limit = LIMITS.get(kind)
        if limit is None:
            raise FrameInvalid(f"it sent a frame of the kind {kind!r}, which a worker does not send")
        if length > limit:
            raise FrameInvalid(f"it sent a frame of {length} bytes; one of the kind {kind!r} may have {limit}")
        if missing < _HEAD + length:
            return None
        begin = self._at + _HEAD
        self._at = begin + length
        payload = bytes(memoryview(self._buffer)[begin : self._at])
        if self._at == len(self._buffer):
            self._buffer, self._at = b"", 0
        return kind, number, payload
