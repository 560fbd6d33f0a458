"""What a model may change for itself in one call, and the next call needs as it was."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional, TextIO


class Surroundings:
    """Standard streams and their descriptors, the current folder, the variables of a call.

    Standard output and error become the log at once, and standard input is empty.

    Args:
        log: A descriptor of the log, out of the model's way.
    """

    def __init__(self, log: int) -> None:
        self._log = log
        self._folder = os.curdir
        self._work = -1
        self._environ = os.environ
        self._said: tuple[str, Any] = ("", None)
        self._flush_c: Optional[Callable[[], Any]] = None
        _be_silent_input()
        self._put_descriptors()
        self._streams = (_line_by_line(sys.stdout, 1), _line_by_line(sys.stderr, 2))
        sys.stdout, sys.stderr = self._streams

    def keep(self, folder: str) -> None:
        """From now on every call begins in this folder, with the streams of this moment: a model may set up its own."""
        self._folder = folder
        self._enter()
        self._streams = (sys.stdout, sys.stderr)
        self._flush_c = _flush_of_c()

    def announce(self, identifier: str, command: str, timeout: Any) -> None:
        """Set the variables that tell of the call."""
        environ = self._environ
        environ["SPI_EXECUTION_ID"] = identifier
        if self._said != (command, timeout) or environ.get("SPI_COMMAND") != command:
            environ["SPI_COMMAND"] = command
            if timeout is None:
                environ.pop("SPI_TIMEOUT_SECONDS", None)
            else:
                environ["SPI_TIMEOUT_SECONDS"] = str(int(timeout) if timeout % 1 == 0 else timeout)
            self._said = (command, timeout)

    def restore(self) -> None:
        """Bring what was written into the log, and put back what the call has changed."""
        out, error = self._streams
        if sys.stdout is not out or sys.stderr is not error:
            for replaced in (sys.stdout, sys.stderr):
                _flush(replaced)
            sys.stdout, sys.stderr = out, error
        if self._flush_c is not None:
            self._flush_c()
        whole = _flush(out) and _flush(error)
        self._put_descriptors()
        if not whole:
            self._renew()
        try:
            os.fchdir(self._work)
        except OSError:  # its descriptor was closed
            with suppress(OSError):
                self._enter()

    def _enter(self) -> None:
        self._work = _away(os.open(self._folder, os.O_RDONLY), self._log)
        os.fchdir(self._work)

    def _put_descriptors(self) -> None:
        os.dup2(self._log, 1)
        os.dup2(self._log, 2)

    def _renew(self) -> None:
        """The descriptors were closed or something else; what waits in the streams can be written now."""
        out, error = self._streams
        out = out if _flush(out) else _line_by_line(out, 1)
        error = error if _flush(error) else _line_by_line(error, 2)
        self._streams = sys.stdout, sys.stderr = out, error


def _flush(stream: Any) -> bool:
    try:
        stream.flush()
    except Exception:  # noqa: BLE001  # it may be an object of the model's own, or None
        return False
    return True


def _line_by_line(stream: Any, descriptor: int) -> TextIO:
    """A standard stream that writes each line at once, in UTF-8, whatever the locale says."""
    try:
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    except (AttributeError, ValueError):  # none, or closed
        stream = open(descriptor, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115  # for life
    found: TextIO = stream
    return found


def _be_silent_input() -> None:
    empty = os.open(os.devnull, os.O_RDONLY)
    if empty:
        os.dup2(empty, 0)
        os.close(empty)


def _away(descriptor: int, beside: int) -> int:
    """Move a descriptor to the large numbers, where another one is already."""
    import fcntl

    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beside)
    os.close(descriptor)
    return moved


def _flush_of_c() -> Optional[Callable[[], Any]]:
    """What empties C's own buffer of standard output, where a model has loaded C at all.

    To a pipe C writes in blocks: what a native library prints would come out in the middle of a later call. Standard
    output alone, since emptying all streams waits for those that another thread is using.
    """
    if "ctypes" not in sys.modules or sys.platform != "linux":
        return None
    import ctypes

    try:
        library = ctypes.CDLL(None)
        stream = ctypes.c_void_p.in_dll(library, "stdout")
        flush = library.fflush
    except (OSError, ValueError, AttributeError):
        return None
    return lambda: flush(stream)
