"""How a program that fails says so: one line on standard error, and the typed error in ``SPI_ERROR_FILE``."""

from __future__ import annotations

import os
import sys

from .errors import SPIError
from .places import write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traceback import TracebackException
    from types import TracebackType
    from typing import Any

MAX_MESSAGE = 2000
MAX_TRACEBACK = 32 * 1024
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


def install(error_file: str) -> None:
    """From now on an uncaught exception leaves its typed error in ``error_file``.

    An `SPIError` prints one line in place of a traceback; any other exception of the model keeps its own on standard
    error. Python ends with status 1 in both cases.
    """
    previous = sys.excepthook
    if isinstance(previous, _Hook):
        previous.error_file = error_file
    else:
        sys.excepthook = _Hook(error_file, previous)


class _Hook:
    def __init__(self, error_file: str, previous: Any) -> None:
        self.error_file = error_file
        self.previous = previous

    def __call__(self, kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if isinstance(value, SPIError):
            report(value, self.error_file)
            return
        self.previous(kind, value, trace)
        if isinstance(value, Exception):
            record(model_error(value), self.error_file)


def report(error: SPIError, error_file: str) -> None:
    """Print the error's line on standard error and write its record."""
    record(error, error_file)
    _say(f"{error.code}: {one_line(error.message)}")


def record(error: SPIError, error_file: str) -> None:
    """Write the typed error; where that is impossible, say so and go on."""
    from .json_text import write_json

    found = error.to_dict()
    found["message"] = one_line(error.message)
    try:
        # Half a surrogate pair, as in the name of a file that is not UTF-8, must not lose us the error.
        write_atomically(error_file, write_json(found).encode("utf-8", "replace").decode())
    except OSError as problem:
        _say(f"{error_file} cannot be written: {problem.strerror}")


def _say(text: str) -> None:
    sys.stderr.write(f"spi: {text}\n")
    sys.stderr.flush()


def one_line(message: str) -> str:
    """A message without line breaks and control characters, at most `MAX_MESSAGE` long."""
    text = " ".join(message[: MAX_MESSAGE * 4].split())
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 3] + "..."


def model_error(exception: BaseException) -> SPIError:
    """The typed error for an exception of the model's own code, with the frames of that code."""
    name = type(exception).__name__
    try:
        text = str(exception)
    except Exception:  # noqa: BLE001  # `__str__` is the model's code too
        text = "(its message cannot be shown)"
    return SPIError("model.error", f"{name}: {text}" if text else name, traceback=trimmed(exception))


def trimmed(exception: BaseException) -> str:
    """The traceback of an exception as text, without the frames of the runtime and of Python's import.

    Files of the project are named as they are in it: the folder that it runs in, a copy, is nobody's business.
    """
    from traceback import TracebackException

    whole = TracebackException(type(exception), exception, exception.__traceback__)
    _trim(whole)
    text = "".join(whole.format())
    if len(text) > MAX_TRACEBACK:
        text = text[: MAX_TRACEBACK // 4] + "\n[...]\n" + text[-MAX_TRACEBACK * 3 // 4 :]
    return text


def _trim(whole: TracebackException) -> None:
    waiting: list[TracebackException | None] = [whole]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.stack[:] = [frame for frame in each.stack if not _is_ours(frame.filename)]
        for part in (*each.stack, each):
            # The lines of the source have been read by now, and only a SyntaxError has a name of its own.
            if isinstance(getattr(part, "filename", None), str):
                part.filename = _in_project(part.filename)
        waiting += [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())]


def _in_project(filename: str) -> str:
    work_dir = os.environ.get("SPI_WORK_DIR", "").rstrip(os.sep) + os.sep
    return filename[len(work_dir) :] if filename.startswith(work_dir) and work_dir != os.sep else filename


def _is_ours(filename: str) -> bool:
    if filename.startswith(("<frozen importlib", "<frozen runpy", _OURS)):
        return True
    parts = filename.replace(os.sep, "/").rsplit("/", 2)
    return parts[-1] == "runpy.py" or parts[-2:] == ["importlib", "__init__.py"]
