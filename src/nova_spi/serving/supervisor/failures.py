"""How often a worker has failed to start, and when it tries again."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries at most: a model that counts as broken is tried so often, and mends itself."""
STABLE_SECONDS = 10.0
"""A worker that dies sooner after it was ready, with no call in hand and none answered, has failed to start."""


class Failures:
    """Starts of one worker that failed in a row.

    Args:
        most: So many, and it counts as broken.
        pause: Seconds after the first; it doubles up to `LONGEST_PAUSE`.

    Attributes:
        count: How many there were.
    """

    def __init__(self, most: int, pause: float) -> None:
        self.count = 0
        self._most = max(1, most)
        self._pause = pause

    @property
    def broken(self) -> bool:
        """Whether there were too many."""
        return self.count >= self._most

    def add(self) -> float:
        """One more; returns the seconds until the next try."""
        self.count += 1
        if self.broken:
            return LONGEST_PAUSE
        return float(min(LONGEST_PAUSE, self._pause * 2 ** min(self.count - 1, 32)))

    def forget(self) -> None:
        """The worker works."""
        self.count = 0
