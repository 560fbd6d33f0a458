"""How far a batch is, for people: rate, failures, time left."""

from collections import deque

SECONDS = 30.0
"""The rate is that of so long ago until now: a model that has become slow is seen soon, one slow item is not."""


class Pace:
    """How fast items are done, from looks at the clock."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, now: float, done: int) -> float | None:
        """Notes how many are done by now; items a second, or None as long as that is not known."""
        self._looks.append((now, done))
        while len(self._looks) > 2 and now - self._looks[0][0] > SECONDS:
            self._looks.popleft()
        began, before = self._looks[0]
        return (done - before) / (now - began) if now > began and done > before else None


def told(rate: float | None, failed: int, left: int) -> str:
    """``items, 41.2/s, 3 failed, 2 min left``: what stands behind how many are done."""
    parts = ["items"]
    if rate is not None:
        parts.append(f"{rate:.0f}/s" if rate >= 100 else f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
    if failed:
        parts.append(f"{failed} failed")
    if rate is not None and left:
        parts.append(f"{duration(left / rate)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
