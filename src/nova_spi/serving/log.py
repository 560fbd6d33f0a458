"""What one call wrote: its beginning and its end, within bounds, however much it is."""

FIRST, LAST = 32 * 1024, 96 * 1024
"""Bytes that are kept of a log that is longer than both together."""


class CallLog:
    """The log of one call."""

    __slots__ = ("_first", "_last", "size")

    def __init__(self) -> None:
        self.size = 0
        self._first = b""
        self._last = b""

    def write(self, chunk: bytes) -> None:
        """Takes in what came."""
        self.size += len(chunk)
        room = FIRST - len(self._first)
        if room > 0:
            self._first += chunk[:room]
            chunk = chunk[room:]
        if chunk:
            self._last = (self._last + chunk)[-LAST:]

    def text(self) -> str:
        """All that was kept, with one line where something is missing; bytes that are no UTF-8 are replaced."""
        missing = self.size - len(self._first) - len(self._last)
        gap = b"\n[... %d bytes are not kept ...]\n" % missing if missing else b""
        return (self._first + gap + self._last).decode("utf-8", "replace")

    def tail(self, limit: int = 4096) -> str:
        """The last of it, at most so many bytes."""
        return (self._first + self._last if self.size <= FIRST + LAST else self._last)[-limit:].decode(
            "utf-8", "replace"
        )
