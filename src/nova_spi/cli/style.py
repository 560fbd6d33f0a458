"""How text reaches the terminal: colours where they are wanted, JSON where a program reads, never an encoding error.

Much of what is shown was written by models and by strangers: names, messages, logs. Nothing of it may move the cursor,
rename the window or turn the line around, so characters that control a terminal are shown as escapes.
"""

import json
import os
import re
import sys
from typing import Any, TextIO

SCHEMA_VERSION = "1"
"""Of the JSON that commands print, as docs/json.md describes it; it changes where a key goes or changes its meaning."""

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, line separators, and the marks that turn the direction of writing."""
_CONTROL_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What json.dumps leaves as it is; half a surrogate pair stands for a byte of a name that is not UTF-8."""


def moves(stream: TextIO | None) -> bool:
    """True on a terminal that can do more than print lines."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def colours(stream: TextIO | None) -> bool:
    """True on such a terminal, unless NO_COLOR is set (no-color.org)."""
    return moves(stream) and not os.environ.get("NO_COLOR")


class Paint:
    """Colours for one stream; plain text where there are none."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.on = colours(stream)

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def red(self, text: str) -> str:
        """Errors."""
        return self._wrap("31", text)

    def green(self, text: str) -> str:
        """Success."""
        return self._wrap("32", text)

    def yellow(self, text: str) -> str:
        """Warnings."""
        return self._wrap("33", text)

    def bold(self, text: str) -> str:
        """What to type."""
        return self._wrap("1", text)

    def dim(self, text: str) -> str:
        """What matters less."""
        return self._wrap("2", text)


def harmless(text: str, *, colours: bool = False) -> str:
    """Text that controls no terminal.

    Args:
        text: What shall be shown.
        colours: Sequences that choose a colour stay; they are undone at the end.
    """
    if not colours:
        return _CONTROL.sub(_escape, text)
    parts = _COLOUR.split(text)
    parts[::2] = [_CONTROL.sub(_escape, part) for part in parts[::2]]
    left_on = len(parts) > 1 and parts[-2] not in ("\x1b[0m", "\x1b[m")
    return "".join(parts) + ("\x1b[0m" if left_on else "")


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def put(stream: TextIO | None, text: str) -> None:
    """Writes text as it is, with control characters shown as escapes; into nothing where the stream is closed.

    What the stream's encoding cannot show becomes ``?`` instead of an error.
    """
    if stream is None:  # as Python has it where the descriptor was closed before the start
        return
    encoding = stream.encoding or "utf-8"
    stream.write(harmless(text, colours=colours(stream)).encode(encoding, "replace").decode(encoding))
    stream.flush()


def write(stream: TextIO | None, text: str) -> None:
    """Writes a line; see `put`."""
    put(stream, text + "\n")


def say(text: str = "") -> None:
    """Writes a line to standard output."""
    write(sys.stdout, text)


def note(text: str) -> None:
    """Writes a line to standard error: progress and remarks, beside the result."""
    write(sys.stderr, text)


def folded(text: str, indent: int, stream: TextIO | None) -> str:
    """A sentence broken between its words where it is too long for a terminal; whole everywhere else.

    Args:
        text: One line.
        indent: How many columns stand before it, and before each further line.
        stream: Where it is shown.
    """
    if stream is None or not stream.isatty():
        return text
    import shutil
    import textwrap

    width = max(shutil.get_terminal_size().columns - indent, 20)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)


def print_json(value: Any) -> None:
    """Writes JSON to standard output; paths and decimals become strings, control characters JSON's own escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    write(sys.stdout, _CONTROL_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def size(count: int) -> str:
    """Bytes for people: ``12.3 MB``."""
    left = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if left < 1000:
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.1f} {unit}"
        left /= 1000
    return f"{left:.1f} TB"


def counted(count: int, what: str) -> str:
    """``1 layer``, ``2 layers``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
