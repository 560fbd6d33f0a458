"""Braces of file patterns, which Python's `glob` does not know: ``a{b,c{d,e}}`` is ab, acd and ace."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_PATTERN_LENGTH = 1024
MAX_ALTERNATIVES = 1024
"""How many patterns one may expand to."""
MAX_DEPTH = 16


class PatternInvalid(ValueError):
    """A file pattern that cannot be used; the message says why."""


def expand_braces(pattern: str) -> list[str]:
    """Every pattern without braces that one with braces stands for, in the order of a shell, each once.

    ``{a}`` is ``a``, ``{a,}`` is ``a`` or nothing. Braces come before brackets, so a class cannot hold a brace or,
    within braces, a comma.

    Raises:
        PatternInvalid: It is empty or too long, its braces do not close, or it stands for more than
            `MAX_ALTERNATIVES` patterns.
    """
    if not pattern or len(pattern) > MAX_PATTERN_LENGTH:
        raise PatternInvalid(f"it must have 1 to {MAX_PATTERN_LENGTH} characters")
    found, end = _sequence(pattern, 0, 0)
    if end < len(pattern):
        raise PatternInvalid("a '}' closes nothing")
    return list(dict.fromkeys(found))


def _sequence(pattern: str, at: int, depth: int) -> tuple[list[str], int]:
    """Everything up to the end, or up to the comma or brace that ends an alternative."""
    found = [""]
    literal = at
    while at < len(pattern) and pattern[at] != "}" and not (pattern[at] == "," and depth):
        if pattern[at] == "{":
            inner, after = _group(pattern, at + 1, depth + 1)
            found = _joined(_joined(found, [pattern[literal:at]]), inner)
            literal = at = after
        else:
            at += 1
    return _joined(found, [pattern[literal:at]]), at


def _group(pattern: str, at: int, depth: int) -> tuple[list[str], int]:
    if depth > MAX_DEPTH:
        raise PatternInvalid(f"its braces stand in each other more than {MAX_DEPTH} deep")
    found: list[str] = []
    while True:
        inner, at = _sequence(pattern, at, depth)
        found += inner
        _check_count(found)
        if at >= len(pattern):
            raise PatternInvalid("a '{' is not closed")
        at += 1
        if pattern[at - 1] == "}":
            return found, at


def _joined(first: list[str], second: list[str]) -> list[str]:
    _check_count(range(len(first) * len(second)))
    return [one + other for one in first for other in second]


def _check_count(alternatives: Any) -> None:
    if len(alternatives) > MAX_ALTERNATIVES:
        raise PatternInvalid(f"its braces stand for more than {MAX_ALTERNATIVES} patterns")
