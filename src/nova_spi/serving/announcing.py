"""What the server says on its way: one line each, for people or as JSON."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TextIO

from nova_spi.errors import NovaSpiError

SCHEMA_VERSION = "1"
"""Of the JSON, as that of every command (docs/json.md)."""


class Announcer:
    """Says it.

    Args:
        machine: A program reads standard output.
        silent: Only errors.

    Attributes:
        speak: Does the saying; where something else waits for the same readers, in its turn after that.
    """

    def __init__(self, *, machine: bool, silent: bool) -> None:
        self._machine = machine
        self._silent = silent
        self.speak: Callable[[Callable[[], None]], None] = at_once

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """Something happened: ``text`` for people, ``event`` with ``facts`` for programs."""
        if self._machine:
            self._put(sys.stdout, json.dumps({"schema_version": SCHEMA_VERSION, "event": event, **facts}))
        elif not self._silent:
            self._put(sys.stdout, text)

    def log(self, source: str, line: str) -> None:
        """A line that a model wrote; said at once, for as long as that may take."""
        if self._machine:
            facts = {"event": "log", "from": source, "text": line}
            _put(sys.stdout, json.dumps({"schema_version": SCHEMA_VERSION, **facts}))
        elif not self._silent:
            _put(sys.stderr, f"{source} | {line}")

    def warn(self, text: str) -> None:
        """A remark."""
        if not self._silent:
            self._put(sys.stderr, f"! {text}")

    def fail(self, error: NovaSpiError, event: str = "failed") -> None:
        """Something failed."""
        if self._machine:
            document = {"schema_version": SCHEMA_VERSION, "event": event, "ok": False, "error": error.to_dict()}
            self._put(sys.stdout, json.dumps(document))
            return
        lines = [f"✗ {_indented(error.message)} [{error.error_code}]"]
        lines += [f"  why: {_indented(error.why)}"] if error.why else []
        lines += [f"  | {line}" for line in str(error.details.get("log", "")).splitlines()[-20:]]
        lines += [f"  mend: {_indented(error.mend)}"] if error.mend else []
        self._put(sys.stderr, "\n".join(lines))

    def _put(self, stream: TextIO, text: str) -> None:
        self.speak(partial(_put, stream, text))


def at_once(say: Callable[[], None]) -> None:
    """Says it."""
    say()


def _indented(text: str) -> str:
    """Text whose further lines cannot be taken for lines of ours: a model may have written it."""
    return "\n    ".join(text.splitlines())


def _put(stream: TextIO, text: str) -> None:
    """One write, so that lines stay whole; what a model wrote may not move the cursor, and nobody may be there.

    Nothing of it waits in a buffer: a thread that is held up here may be left alone when the program ends.
    """
    plain = (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)
    )
    left = (plain + "\n").encode(stream.encoding or "utf-8", "backslashreplace")
    try:
        while left:
            left = left[os.write(stream.fileno(), left) :]
    except OSError:  # the reader is gone; what comes now goes nowhere
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
