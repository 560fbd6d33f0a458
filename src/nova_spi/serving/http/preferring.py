"""What a client prefers (RFC 7240): ``Prefer: respond-async, wait=10``."""

import re
from typing import NamedTuple

_WAIT = re.compile(rb"^wait\s*=\s*\"?(\d{1,9})\"?$")
LONGEST_SECONDS = 3600


class Preference(NamedTuple):
    """How an answer is wanted.

    Attributes:
        asynchronous: An answer at once, and the result later.
        seconds: How long the client would wait for the result all the same.
    """

    asynchronous: bool
    seconds: float


SYNCHRONOUS = Preference(False, 0)


def preference(header: bytes) -> Preference:
    """Reads the header; what it does not know it ignores, as the RFC says."""
    if not header:
        return SYNCHRONOUS
    words = [word.partition(b";")[0].strip().lower() for word in header.split(b",")]
    waits = (found for word in words if (found := _WAIT.match(word)))
    wait = next(waits, None)
    seconds = 0.0 if wait is None else float(min(int(wait[1]), LONGEST_SECONDS))
    return Preference(b"respond-async" in words, seconds)
