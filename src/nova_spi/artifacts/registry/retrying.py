"""When a request is worth another attempt, and how long to wait for it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from nova_spi.errors import RegistryError

ATTEMPTS = 4
LONGEST_WAIT = 30.0
"""Seconds; a registry that wants us to wait longer is asked sooner, and then given up."""

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What a registry answers when the same request may succeed later."""

MAX_DIGITS = 9
Result = TypeVar("Result")


class Broken(Exception):
    """An answer broke off, or the registry is busy; what has come counts, and asking again may help.

    Args:
        why: What happened, without a full stop.
        after: Seconds that the registry wants us to wait.
    """

    def __init__(self, why: str, *, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


def retry_after(header: str, now: datetime | None = None) -> float:
    """Seconds that ``Retry-After`` says, as a number or as a date (RFC 9110, section 10.2.3); 0 where it says none."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return float(header) if len(header) <= MAX_DIGITS else float(10**MAX_DIGITS)
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, IndexError, OverflowError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - (now or datetime.now(UTC))).total_seconds(), 0.0)


def pause_before(attempt: int, backoff: float, broken: Broken) -> float:
    """Seconds before the next attempt: twice as long each time, or what the registry says, and never for long.

    Args:
        attempt: How many came before that one, from 0.
        backoff: Seconds before the first.
        broken: What happened to the last.
    """
    return min(max(backoff * float(2**attempt), broken.after), LONGEST_WAIT)


def retried(
    host: str, backoff: float, once: Callable[[], Result], *, sleep: Callable[[float], object] = time.sleep
) -> Result:
    """Does something that may be done twice, until it succeeds or has failed often enough.

    Args:
        host: The registry, for messages.
        backoff: Seconds before the second attempt.
        once: What to do.
        sleep: Waits that long, or until nobody wants the result any more.

    Raises:
        RegistryError: The registry does not answer, or is too busy to.
    """
    for attempt in range(ATTEMPTS):
        try:
            return once()
        except Broken as broken:
            if attempt + 1 == ATTEMPTS:
                raise RegistryError(f"The registry {host} does not answer.", why=f"{broken}.") from broken
            sleep(pause_before(attempt, backoff, broken))
    raise AssertionError("the last attempt raises")
