"""When a worker had better begin anew: after a call that has taken from it what the next one needs."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

FULL = "spi: This worker begins anew: its disk is full, and a new one has an empty folder.\n"
ALONE = "spi: This worker begins anew: the call that was ended has left processes behind.\n"
_NO_ROOM = frozenset((errno.ENOSPC, errno.EFBIG, errno.EDQUOT))
_LONGEST_CHAIN = 20
_GRACE = 0.2  # seconds


def is_full(exception: Optional[BaseException]) -> bool:
    """Whether a call failed because it could write no more; what it has written stays for as long as the worker."""
    for _ in range(_LONGEST_CHAIN):
        if exception is None:
            break
        if isinstance(exception, OSError) and exception.errno in _NO_ROOM:
            return True
        exception = exception.__cause__ or exception.__context__
    return False


class Children:
    """The processes that a model has started while it was loaded: they are its own, and stay.

    Those of a call that returns stay too. One that was ended has had no time to end its own, and nobody wants them.
    """

    def __init__(self) -> None:
        self._had = _has_any()
        self._known = _numbers()

    def stay(self) -> bool:
        """Whether there are others now that do not end in a moment, as one that an earlier call has begun may do.

        Returns:
            False where the machine does not tell and there were some before. One that has ended and that nobody has
            waited for is none: it does nothing any more.
        """
        until = time.monotonic() + _GRACE
        while self._are_more():
            if time.monotonic() > until:
                return True
            time.sleep(0.01)
        return False

    def _are_more(self) -> bool:
        if not _has_any():
            return False
        now = _numbers()
        return any(not _has_ended(number) for number in now - self._known) or not (now or self._had)


def _has_any() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except (AttributeError, OSError):
        return False  # a machine without it
    return True


def _numbers() -> set[str]:
    """Their process ids; a sandbox without /proc tells none."""
    found: set[str] = set()
    with suppress(OSError):
        for task in os.listdir("/proc/self/task"):
            with suppress(OSError), open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
                found.update(file.read().split())
    return found


def _has_ended(number: str) -> bool:
    """The state stands behind the name, which may hold anything, in brackets (proc(5), /proc/pid/stat)."""
    try:
        with open(f"/proc/{number}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])
    except OSError:
        return True
