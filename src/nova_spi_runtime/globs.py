"""One segment of a file pattern: ``*``, ``?``, ``[...]`` and plain characters, matched without backtracking into time.

A segment is a tuple of tokens: None is ``*``, everything else the set of characters that may stand there.
"""

from __future__ import annotations

from .braces import PatternInvalid
from .characters import complement, contains, meet, merged, one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from .characters import Ranges

    Token = Optional[Ranges]
    Segment = tuple[Token, ...]

_ANY: Ranges = complement(one(ord("/")))


def parse_segment(text: str) -> Segment:
    """Read one segment. Two ``*`` beside each other count as one.

    Raises:
        PatternInvalid: A ``[`` is not closed, or a range is the wrong way round.
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "[":
            ranges, at = _class(text, at + 1)
            found.append(ranges)
            continue
        at += 1
        if char != "*":
            found.append(_ANY if char == "?" else one(ord(char)))
        elif not found or found[-1] is not None:
            found.append(None)
    return tuple(found)


def _class(text: str, at: int) -> tuple[Ranges, int]:
    """The class whose first character stands at ``at``; a ``]`` that comes first is one of its characters."""
    negated = text[at : at + 1] in ("!", "^")
    begin = at + negated
    end = text.find("]", begin + 1)
    if end < 0:
        raise PatternInvalid("a '[' is not closed")
    found = []
    at = begin
    while at < end:
        low = high = ord(text[at])
        if text[at + 1 : at + 2] == "-" and at + 2 < end:
            high = ord(text[at + 2])
            at += 2
        if low > high:
            raise PatternInvalid(f"the range '{text[at - 2 : at + 1]}' is the wrong way round")
        found.append((low, high))
        at += 1
    ranges = merged(found)
    return complement(merged([*ranges, *one(ord("/"))])) if negated else ranges, end + 1


def segment_matches(segment: Segment, name: str) -> bool:
    """Whether a name without ``/`` matches; letters after its last dot match whatever their case."""
    if name.startswith(".") and not (segment and segment[0] == one(ord("."))):
        return False
    dot = name.rfind(".")
    extension = dot if dot > 0 else len(name)
    at = begin = 0
    star = star_at = -1
    while begin < len(name):
        token = segment[at] if at < len(segment) else ()
        if token is None:
            star, star_at = at, begin
            at += 1
        elif _hits(token, name[begin], begin > extension):
            at += 1
            begin += 1
        elif star >= 0:
            star_at += 1
            at, begin = star + 1, star_at
        else:
            return False
    return all(token is None for token in segment[at:])


def _hits(token: Ranges, char: str, any_case: bool) -> bool:
    if contains(token, ord(char)):
        return True
    return any_case and any(len(other) == 1 and contains(token, ord(other)) for other in (char.lower(), char.upper()))


def segments_meet(first: Segment, second: Segment) -> bool:
    """Whether one name could match both; letters count as one whatever their case."""
    reached = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        here, there = waiting.pop()
        if (here, there) == (len(first), len(second)):
            return True
        for step in _steps(first, second, here, there):
            if step not in reached:
                reached.add(step)
                waiting.append(step)
    return False


def _steps(first: Segment, second: Segment, here: int, there: int) -> list[tuple[int, int]]:
    """Where the two can stand after one more character, or after a star that ends."""
    left, right = first[here : here + 1], second[there : there + 1]
    found = []
    if left == (None,):
        found.append((here + 1, there))
    if right == (None,):
        found.append((here, there + 1))
    if left and right:
        one_token, other = left[0], right[0]
        if one_token is None or other is None or meet(_folded(one_token), _folded(other)):
            found.append((here if one_token is None else here + 1, there if other is None else there + 1))
    return found


def _folded(ranges: Ranges) -> Ranges:
    """The set without regard to case: both cases of ASCII letters; a letter beyond ASCII stands for all of those."""
    found = list(ranges)
    for low, high in ranges:
        for begin, end, distance in ((65, 90, 32), (97, 122, -32)):
            if low <= end and begin <= high:
                found.append((max(low, begin) + distance, min(high, end) + distance))
        if high > 127 and not (low == high and chr(low).lower() == chr(low).upper()):
            found.append((128, 0x10FFFF))
    return merged(found)
