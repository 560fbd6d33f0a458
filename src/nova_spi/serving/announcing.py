"""What the server says on its way: one line each, for people or as JSON."""

import json
import os
import sys
from contextlib import suppress
from typing import Any

from nova_spi.errors import NovaSpiError

SCHEMA_VERSION = "1"
"""Of the JSON, as that of every command (docs/json.md)."""


class Announcer:
    """Says it.

    Args:
        machine: A program reads standard output.
        silent: Only errors.
    """

    def __init__(self, *, machine: bool, silent: bool) -> None:
        self._machine = machine
        self._silent = silent

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """Something happened: ``text`` for people, ``event`` with ``facts`` for programs."""
        if self._machine:
            _put(sys.stdout, json.dumps({"schema_version": SCHEMA_VERSION, "event": event, **facts}))
        elif not self._silent:
            _put(sys.stdout, text)

    def warn(self, text: str) -> None:
        """A remark."""
        if not self._silent:
            _put(sys.stderr, f"! {text}")

    def fail(self, error: NovaSpiError, event: str = "failed") -> None:
        """Something failed."""
        if self._machine:
            document = {"schema_version": SCHEMA_VERSION, "event": event, "ok": False, "error": error.to_dict()}
            _put(sys.stdout, json.dumps(document))
            return
        lines = [f"✗ {_indented(error.message)} [{error.error_code}]"]
        lines += [f"  why: {_indented(error.why)}"] if error.why else []
        lines += [f"  | {line}" for line in str(error.details.get("log", "")).splitlines()[-20:]]
        lines += [f"  mend: {_indented(error.mend)}"] if error.mend else []
        _put(sys.stderr, "\n".join(lines))


def _indented(text: str) -> str:
    """Text whose further lines cannot be taken for lines of ours: a model may have written it."""
    return "\n    ".join(text.splitlines())


def _put(stream: Any, text: str) -> None:
    """One write, so that lines stay whole; what a model wrote may not move the cursor, and nobody may be there."""
    plain = "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)
    encoded = (plain + "\n").encode(stream.encoding or "utf-8", "backslashreplace")
    try:
        stream.buffer.write(encoded)
        stream.flush()
    except OSError:  # the reader is gone; what is left in the buffer goes nowhere, and does not complain at the end
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
