"""What one call wrote: its beginning and its end, within bounds, however much it is."""

FIRST, LAST = 32 * 1024, 96 * 1024
"""Bytes that are kept of a log that is longer than both together."""


class CallLog:
    """The log of one call.

    Attributes:
        size: How many bytes came, kept or not.
    """

    __slots__ = ("_first", "_last", "size")

    def __init__(self) -> None:
        self.size = 0
        self._first = b""
        self._last: bytearray | None = None

    def write(self, chunk: bytes) -> None:
        """Takes in what came; a long log costs no more than a short one."""
        self.size += len(chunk)
        room = FIRST - len(self._first)
        if room > 0:
            self._first += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        if self._last is None:
            self._last = bytearray()
        self._last += chunk[-LAST:]
        if len(self._last) > 2 * LAST:
            del self._last[:-LAST]

    def text(self) -> str:
        """All that was kept, with one line where something is missing; bytes that are no UTF-8 are replaced."""
        last = self._end()
        missing = self.size - len(self._first) - len(last)
        gap = b"\n[... %d bytes are not kept ...]\n" % missing if missing else b""
        return (self._first + gap + last).decode("utf-8", "replace")

    def tail(self, limit: int = 4096) -> str:
        """The last of it, at most so many bytes."""
        last = self._end()
        whole = last if len(last) >= limit or self.size > FIRST + LAST else self._first + last
        return whole[-limit:].decode("utf-8", "replace")

    def _end(self) -> bytes:
        return bytes(self._last[-LAST:]) if self._last else b""
