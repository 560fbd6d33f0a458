"""Matching of string patterns by an automaton: every place that the pattern can be at is followed at once.

Thompson's construction, searched by Pike's simulation; each step is remembered, so that plain text costs one look-up a
character. Time is bounded by characters times places, whatever the pattern and the text.
"""

from __future__ import annotations

from functools import lru_cache

from .characters import WORD, contains
from .syntax import MAX_STATES, PatternInvalid, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MATCH = 0
_MAX_REMEMBERED = 20_000


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Automaton:
    """The automaton of a pattern.

    Raises:
        PatternInvalid: The pattern is not allowed.
    """
    return Automaton(parse(pattern))


class Automaton:
    """The places of one pattern. Place 0 is the match."""

    def __init__(self, tree: Any) -> None:
        self._sets: dict[int, tuple[Any, int]] = {}
        self._asserts: dict[int, tuple[str, int]] = {}
        self._splits: dict[int, tuple[int, ...]] = {}
        self._count = 1
        self._start = self._build(tree, _MATCH)
        self._steps: dict[tuple[frozenset[int], int, str], frozenset[int] | None] = {}

    def found_in(self, text: str) -> bool:
        """Whether the pattern matches anywhere in ``text``."""
        places: frozenset[int] = frozenset()
        context = 1  # bit 0: at the beginning; bit 1: a word character stands before
        steps = self._steps
        for char in text:
            key = (places, context, char)
            reached = steps[key] if key in steps else self._step(key)
            if reached is None:
                return True
            places = reached
            context = 2 if char.isascii() and (char.isalnum() or char == "_") else 0
        return _MATCH in self._closure(places, context, "")

    def _step(self, key: tuple[frozenset[int], int, str]) -> frozenset[int] | None:
        places, context, char = key
        closure = self._closure(places, context, char)
        found: frozenset[int] | None = None
        if _MATCH not in closure:
            code = ord(char)
            reached = (self._sets[place] for place in closure if place in self._sets)
            found = frozenset(after for ranges, after in reached if contains(ranges, code))
        if len(self._steps) >= _MAX_REMEMBERED:
            self._steps.clear()
        self._steps[key] = found
        return found

    def _closure(self, places: frozenset[int], context: int, ahead: str) -> set[int]:
        """All places that are reached without reading a character; a match may begin anywhere."""
        found: set[int] = set()
        waiting = [self._start, *places]
        while waiting:
            place = waiting.pop()
            if place in found:
                continue
            found.add(place)
            if place in self._splits:
                waiting.extend(self._splits[place])
            elif place in self._asserts:
                kind, after = self._asserts[place]
                if _holds(kind, context, ahead):
                    waiting.append(after)
        return found

    def _new(self) -> int:
        self._count += 1
        if self._count > MAX_STATES:
            raise PatternInvalid(f"it is too large (more than {MAX_STATES} places); use max_length for long counts")
        return self._count - 1

    def _build(self, node: Any, after: int) -> int:
        """Add the places of ``node`` in front of the place ``after``; the answer is where they begin."""
        kind = node[0]
        if kind == "seq":
            for child in reversed(node[1]):
                after = self._build(child, after)
            return after
        if kind == "rep":
            return self._repeat(node[1], node[2], node[3], after)
        place = self._new()
        if kind == "set":
            self._sets[place] = (node[1], after)
        elif kind == "assert":
            self._asserts[place] = (node[1], after)
        else:
            self._splits[place] = tuple(self._build(child, after) for child in node[1])
        return place

    def _repeat(self, node: Any, least: int, most: int | None, after: int) -> int:
        begin = after
        if most is None:
            begin = self._new()
            self._splits[begin] = (self._build(node, begin), after)
        for _ in range((most or 0) - least):
            begin = self._optional(node, begin, after)
        for _ in range(least):
            before = begin
            begin = self._build(node, before)
            if begin == before:
                break  # An empty group repeated is still empty.
        return begin

    def _optional(self, node: Any, begin: int, after: int) -> int:
        place = self._new()
        self._splits[place] = (self._build(node, begin), after)
        return place


def _holds(kind: str, context: int, ahead: str) -> bool:
    if kind == "^":
        return bool(context & 1)
    if kind == "$":
        return not ahead
    at_boundary = bool(context & 2) != (bool(ahead) and contains(WORD, ord(ahead)))
    return at_boundary == (kind == "b")
