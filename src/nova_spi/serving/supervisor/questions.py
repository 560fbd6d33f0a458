"""Whether a worker that has nothing to do is well: asked from time to time, where the manifest has a check."""

import asyncio
import json
from typing import Protocol

from nova_spi.serving.plan import Health
from nova_spi_runtime import frames

LONGEST = 500
"""Characters of a failed check's words that are passed on."""


class Asked(Protocol):
    """The worker that is asked."""

    def may_be_asked(self) -> bool:
        """Whether it is ready and has nothing to do."""
        ...

    def next_number(self) -> int:
        """A number for the question."""
        ...

    def send(self, kind: bytes, number: int, *pieces: bytes) -> None:
        """Sends it a frame."""
        ...

    def interrupt(self, number: int) -> None:
        """Asks it to end what has this number."""
        ...

    def well(self) -> None:
        """It has answered, and takes calls again."""
        ...

    def unwell(self, why: str) -> None:
        """It has failed too often, or answers no more: it is to be ended."""
        ...


class Questions:
    """Asks one worker, from its being ready to its end.

    Args:
        health: How often, and how long an answer may take.
        grace: Seconds that a worker gets to come back from a check that has taken too long.
        loop: The supervisor's.
        asked: The worker.

    Attributes:
        number: Of the question that has no answer yet; 0 where there is none.
    """

    def __init__(self, health: Health, grace: float, loop: asyncio.AbstractEventLoop, asked: Asked) -> None:
        self.number = 0
        self._health = health
        self._grace = grace
        self._loop = loop
        self._asked = asked
        self._failed = 0
        self._said = ""
        self._timer = loop.call_later(health.interval_seconds, self._ask)

    def close(self) -> None:
        """Asks no more."""
        self._timer.cancel()
        self.number = 0

    def hear(self, kind: bytes, payload: bytes) -> str | None:
        """The answer came; returns what is wrong where it is none."""
        if kind not in (frames.WELL, frames.ERROR):
            return f"it answered a health check by a frame of the kind {kind!r}"
        late, self._timer = self._said != "", self._next()
        self.number = 0
        well, message = _read(payload) if kind == frames.WELL else (False, "Its health check was ended.")
        if late or not well:
            self._failed += 1
            if self._failed >= self._health.retries:
                self._asked.unwell(self._said or message)
                return None
        else:
            self._failed = 0
        self._asked.well()
        return None

    def _next(self) -> asyncio.TimerHandle:
        self._timer.cancel()
        return self._loop.call_later(self._health.interval_seconds, self._ask)

    def _ask(self) -> None:
        self._timer = self._next()
        if self._asked.may_be_asked():
            self._timer.cancel()
            self._timer = self._loop.call_later(self._health.timeout_seconds, self._late)
            self._said = ""
            self.number = self._asked.next_number()
            self._asked.send(frames.HEALTH, self.number)

    def _late(self) -> None:
        self._said = f"Its health check took longer than {self._health.timeout_seconds:g} seconds."
        self._asked.interrupt(self.number)
        self._timer = self._loop.call_later(self._grace, self._asked.unwell, self._said)


def _read(payload: bytes) -> tuple[bool, str]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return False, "Its answer to a health check cannot be read."
    return found.get("ok") is True, str(found.get("message") or "Its health check failed.")[:LONGEST]
