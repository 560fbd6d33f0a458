"""How far a model says it is: for whoever waits for a call, or for the log where nobody listens."""

from __future__ import annotations

import sys
import time

from .failures import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Optional

    Listener = Callable[[Optional[float], str], bool]

PAUSE = 0.02
"""Seconds between two reports that are passed on; what comes faster is left out, but never the end."""

_listeners: list[Listener] = []
_last: list[tuple[float, Optional[float]]] = [(0.0, None)]


def progress(fraction: Optional[float], message: str = "") -> None:
    """Say how far the call is. It never fails, and it may be said as often as one likes.

    Served, it goes to whoever waits for the call; in a run of its own it is a line of the log.

    Args:
        fraction: From 0 to 1; None where nobody can know.
        message: What is going on, in a few words.
    """
    share = None if fraction is None or fraction != fraction else min(max(float(fraction), 0.0), 1.0)
    now = time.monotonic()
    before, known = _last[0]
    if now - before < PAUSE and (share != 1.0 or known == 1.0):
        return
    _last[0] = (now, share)
    text = one_line(str(message))
    if not (_listeners and _listeners[0](share, text)):
        how_far = "progress" if share is None else f"progress {share:.0%}"
        sys.stderr.write(f"{how_far}: {text}\n" if text else f"{how_far}\n")
        sys.stderr.flush()


def begin() -> None:
    """A new call begins: its first report is passed on, however shortly it comes after another call's last."""
    _last[0] = (0.0, None)


def listen(listener: Optional[Listener]) -> None:
    """Hand every report to ``listener``, which says whether it could take it; None is nobody."""
    _listeners[:] = [] if listener is None else [listener]
