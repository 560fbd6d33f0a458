"""How text reaches the terminal: colours where they are wanted, JSON where a program reads, never an encoding error."""

import json
import os
import sys
from typing import Any, TextIO


def colours(stream: TextIO) -> bool:
    """True on a terminal that is not dumb, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Paint:
    """Colours for one stream; plain text where there are none."""

    def __init__(self, stream: TextIO) -> None:
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


def write(stream: TextIO, text: str) -> None:
    """Writes a line; what the stream's encoding cannot show becomes ``?`` instead of an error."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def say(text: str = "") -> None:
    """Writes a line to standard output."""
    write(sys.stdout, text)


def note(text: str) -> None:
    """Writes a line to standard error: progress and remarks, beside the result."""
    write(sys.stderr, text)


def print_json(value: Any) -> None:
    """Writes JSON to standard output; paths and decimals become strings."""
    write(sys.stdout, json.dumps(value, indent=2, ensure_ascii=False, default=str))
