r"""The syntax of string patterns: ECMA-262 regular expressions as JSON Schema uses them, read into a tree."""

from __future__ import annotations

from .characters import DIGITS, DOT, SPACES, WORD, complement, merged, one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from .characters import Ranges

MAX_PATTERN_LENGTH = 4096
"""Code points of a pattern."""
MAX_STATES = 2500
"""Places of the automaton; a counted repetition takes as many as it counts."""
MAX_GROUP_DEPTH = 50

_CLASSES = {"d": DIGITS, "w": WORD, "s": SPACES}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_HEX = frozenset("0123456789abcdefABCDEF")


class PatternInvalid(ValueError):
    """A pattern that is not of the dialect, or not allowed; the message says why."""


def parse(pattern: str) -> Any:
    """Read a pattern into its tree.

    A node is ``("set", ranges)``, ``("seq", nodes)``, ``("alt", nodes)``, ``("rep", node, least, most or None)`` or
    ``("assert", which)`` with one of ``^``, ``$``, ``b``, ``B``.

    Raises:
        PatternInvalid: It is not of the dialect, or not allowed; see `regular`.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise PatternInvalid(f"it is longer than {MAX_PATTERN_LENGTH} characters")
    reader = _Reader(pattern)
    node = reader.alternatives(0)
    if reader.peek():
        raise PatternInvalid("a ')' closes nothing")
    return node


class _Reader:
    """A recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def peek(self, count: int = 1) -> str:
        return self.pattern[self.at : self.at + count]

    def take(self) -> str:
        found = self.peek()
        self.at += 1
        return found

    def skip(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def alternatives(self, depth: int) -> Any:
        if depth > MAX_GROUP_DEPTH:
            raise PatternInvalid(f"its groups stand in each other more than {MAX_GROUP_DEPTH} deep")
        found = [self.sequence(depth)]
        while self.skip("|"):
            found.append(self.sequence(depth))
        return found[0] if len(found) == 1 else ("alt", found)

    def sequence(self, depth: int) -> Any:
        found = []
        while self.peek() not in ("", "|", ")"):
            found.append(self.quantified(self.atom(depth)))
        return ("seq", found)

    def quantified(self, node: Any) -> Any:
        counts = self.counts()
        if counts is None:
            return node
        self.skip("?")  # A lazy quantifier finds the same texts.
        least, most = counts
        if node[0] == "assert":
            raise PatternInvalid("a quantifier follows an assertion")
        if (most is None or most > 1) and _varies(node):
            raise PatternInvalid("a quantifier stands inside a group that is itself repeated")
        if self.counts() is not None:
            raise PatternInvalid("two quantifiers follow each other")
        return ("rep", node, least, most)

    def counts(self) -> Optional[tuple[int, Optional[int]]]:
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.peek())
        if simple is not None:
            self.at += 1
            return simple
        end = self.pattern.find("}", self.at)
        if self.peek() != "{" or end < 0:
            return None
        least, comma, most = self.pattern[self.at + 1 : end].partition(",")
        if not _is_count(least) or (most and not _is_count(most)):
            return None  # A brace that counts nothing is a character, as in browsers.
        self.at = end + 1
        low, high = int(least), int(most) if most else None if comma else int(least)
        if high is not None and high < low:
            raise PatternInvalid(f"the count {{{least},{most}}} is the wrong way round")
        return low, high

    def atom(self, depth: int) -> Any:
        char = self.take()
        if char == "(":
            return self.group(depth)
        if char == "[":
            return ("set", self.char_class())
        if char in "^$":
            return ("assert", char)
        if char in "*+?":
            raise PatternInvalid(f"'{char}' has nothing before it to repeat")
        if char == "\\":
            if self.peek() in ("b", "B"):
                return ("assert", self.take())
            return ("set", self.escape())
        return ("set", DOT if char == "." else one(ord(char)))

    def group(self, depth: int) -> Any:
        if self.skip("?") and not self.skip(":"):
            if self.peek() in ("=", "!") or self.peek(2) in ("<=", "<!"):
                raise PatternInvalid("look-around ('(?=', '(?!', '(?<=', '(?<!') is not allowed")
            name, closed, _ = self.pattern[self.at + 1 :].partition(">")
            if self.peek() != "<" or not closed or not name.isidentifier():
                raise PatternInvalid(f"'(?{self.peek()}' begins no group of ECMA-262")
            self.at += len(name) + 2
        node = self.alternatives(depth + 1)
        if not self.skip(")"):
            raise PatternInvalid("a '(' is not closed")
        return ("seq", [node])

    def escape(self, in_class: bool = False) -> Ranges:
        char = self.take()
        if not char:
            raise PatternInvalid("it ends with a '\\'")
        if char.lower() in _CLASSES:
            ranges = _CLASSES[char.lower()]
            return ranges if char.islower() else complement(ranges)
        if char in _CONTROLS:
            return one(_CONTROLS[char])
        if char == "b" and in_class:
            return one(8)
        if char == "0" and not self.peek().isdigit():
            return one(0)
        if char == "k" or char.isdigit():
            raise PatternInvalid(f"a back-reference ('\\{char}') is not allowed")
        if char == "c" and self.peek().isascii() and self.peek().isalpha():
            return one(ord(self.take()) % 32)
        if char in "xu":
            return one(self.code_point(char))
        if char.isalnum() or char == "_":
            raise PatternInvalid(f"'\\{char}' is not in this part of ECMA-262")
        return one(ord(char))

    def code_point(self, kind: str) -> int:
        if kind == "u" and self.skip("{"):
            digits, closed, _ = self.pattern[self.at :].partition("}")
            self.at += len(digits) + len(closed)
            fits = bool(closed) and 0 < len(digits) <= 8
        else:
            count = 2 if kind == "x" else 4
            digits = self.peek(count)
            self.at += count
            fits = len(digits) == count
        if not fits or not _HEX.issuperset(digits) or int(digits, 16) > 0x10FFFF:
            raise PatternInvalid(f"'\\{kind}' needs the hexadecimal digits of a character")
        return int(digits, 16)

    def char_class(self) -> Ranges:
        negated = self.skip("^")
        found: list[tuple[int, int]] = []
        while not self.skip("]"):
            low = self.class_atom()
            if self.peek() == "-" and self.peek(2)[1:] not in ("", "]"):
                self.at += 1
                high = self.class_atom()
                if not _is_single(low) or not _is_single(high) or low[0][0] > high[0][0]:
                    raise PatternInvalid("a range of a character class is no range")
                low = ((low[0][0], high[0][0]),)
            found.extend(low)
        ranges = merged(found)
        return complement(ranges) if negated else ranges

    def class_atom(self) -> Ranges:
        char = self.take()
        if not char:
            raise PatternInvalid("a '[' is not closed")
        return self.escape(in_class=True) if char == "\\" else one(ord(char))


def _is_count(text: str) -> bool:
    return 0 < len(text) <= 6 and text.isascii() and text.isdigit()


def _is_single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _varies(node: Any) -> bool:
    """Whether a choice of how often stands anywhere inside."""
    if node[0] == "rep":
        return node[2] != node[3] or _varies(node[1])
    return node[0] in ("seq", "alt") and any(_varies(child) for child in node[1])
