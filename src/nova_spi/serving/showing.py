"""The model's log as it comes, on the server's own output; whoever does not read it loses lines, and stops nobody."""

import threading
import time
from collections import deque
from collections.abc import Callable

MAX_WAITING = 1024 * 1024
"""Bytes that may wait to be shown; what comes beyond them is not shown, and it is said how much that was."""
MAX_CHUNKS = 10_000
"""The same, of pieces however short."""
MAX_LINE = 16 * 1024
"""Bytes of a line that is shown before it has ended."""
PIECE_BYTES = 64 * 1024
PAUSE_SECONDS = 0.01
"""Between two pieces: what a flood costs stays small beside the calls, which matter more."""
CLOSING_SECONDS = 1.0

Put = Callable[[str, str], None]


class LogShown:
    """Takes what models write, and shows it line by line from a thread of its own.

    Args:
        put: Shows one line of one source; it may block for as long as it likes.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self._begun: dict[str, bytes] = {}
        self._waiting: deque[tuple[str, bytes] | Callable[[], None]] = deque()
        self._bytes = 0
        self._missing: dict[str, int] = {}
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._show, name="nova-spi-log", daemon=True)
        self._thread.start()

    def write(self, source: str, chunk: bytes) -> None:
        """Takes in what a source wrote; never waits."""
        with self._changed:
            room = MAX_WAITING - self._bytes if len(self._waiting) < MAX_CHUNKS else 0
            if len(chunk) > room:
                self._missing[source] = self._missing.get(source, 0) + len(chunk) - room
            if not room:
                return
            self._waiting.append((source, chunk[:room]))
            self._bytes += min(len(chunk), room)
            self._changed.notify()

    def say(self, word: Callable[[], None]) -> None:
        """Says something else in its turn: a few words that must not be lost, and may have to wait as lines do."""
        with self._changed:
            self._waiting.append(word)
            self._changed.notify()

    def close(self) -> None:
        """Shows what is left, as far as somebody reads it within `CLOSING_SECONDS`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSING_SECONDS)

    def _show(self) -> None:
        while taken := self._take():
            for each in taken:
                if isinstance(each, tuple):
                    self._lines(*each)
                else:
                    each()
            self._tell_missing()
            if not self._closed:
                time.sleep(PAUSE_SECONDS)
        for source, rest in self._begun.items():
            self._put(source, _text(rest))

    def _take(self) -> list[tuple[str, bytes] | Callable[[], None]]:
        """What came meanwhile, at most `PIECE_BYTES` of it; empty at the end."""
        taken: list[tuple[str, bytes] | Callable[[], None]] = []
        room = PIECE_BYTES
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            while self._waiting and room:
                each = self._waiting.popleft()
                if not isinstance(each, tuple):
                    taken.append(each)
                    continue
                source, chunk = each
                if len(chunk) > room:
                    self._waiting.appendleft((source, chunk[room:]))
                    chunk = chunk[:room]
                room -= len(chunk)
                taken.append((source, chunk))
            self._bytes -= PIECE_BYTES - room
        return taken

    def _tell_missing(self) -> None:
        with self._changed:
            missing, self._missing = self._missing, {}
        for source, count in missing.items():
            self._put(source, f"[... {count} bytes are not shown ...]")

    def _lines(self, source: str, chunk: bytes) -> None:
        text = self._begun.pop(source, b"") + chunk
        # A carriage return ends a line too: a bar that paints itself anew is a line each time.
        held = text[-1:] if text.endswith(b"\r") else b""
        *lines, rest = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._put(source, _text(line))
        while len(rest) > MAX_LINE:
            self._put(source, _text(rest[:MAX_LINE]))
            rest = rest[MAX_LINE:]
        if rest or held:
            self._begun[source] = rest + held


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
