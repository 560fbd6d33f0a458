"""A timer that is set for every call, and nearly never goes off."""

import asyncio
import math
from collections.abc import Callable

NEVER = math.inf
EARLY_SECONDS = 0.002
"""A loop may call a little before its time."""


class Alarm:
    """One moment at which something is called. Putting it off costs nothing: the loop's own timer stays as it was.

    Args:
        loop: Its time counts.
        ring: Is called.
    """

    __slots__ = ("_loop", "_ring", "_rings_at", "_timer", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._when = NEVER
        self._rings_at = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def set(self, when: float) -> None:
        """Calls at this moment, and not at the one that was set before; `NEVER` is never."""
        self._when = when
        if when < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._rings_at = when
            self._timer = self._loop.call_at(when, self._look)

    def close(self) -> None:
        """Calls no more, and leaves nothing in the loop."""
        self._when = self._rings_at = NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        when = self._when
        self._timer, self._rings_at = None, NEVER
        if when == NEVER:
            return
        if self._loop.time() + EARLY_SECONDS < when:
            self.set(when)
            return
        self._when = NEVER
        self._ring()
