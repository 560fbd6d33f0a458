r"""The patterns of strings: ECMA-262 regular expressions as JSON Schema uses them, without what makes them dangerous.

`re` is not used to match them. It backtracks, so that even a pattern that keeps the rules below can take hours on 64
KiB of unkind text (``a*a*a*b``), and nothing can stop it. Here a pattern becomes an automaton (see `automaton`), whose
time grows with the text and never explodes. The dialect is ECMA-262's with its flag ``u``: ``\d`` and ``\w`` are
ASCII, ``$`` is the end of the text and not the place before a last newline, ``.`` leaves out the line terminators.
"""

from __future__ import annotations

from .automaton import compiled
from .syntax import PatternInvalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

__all__ = ["MAX_VALUE_BYTES", "PatternInvalid", "found_in", "pattern_problem"]

MAX_VALUE_BYTES = 64 * 1024
"""Bytes in UTF-8 of a text that is held against a pattern."""


def pattern_problem(pattern: str) -> Optional[str]:
    r"""Say why a string's pattern is not allowed, or None if it is.

    Refused are: what is no regular expression of ECMA-262, look-around, back-references, Unicode property escapes, a
    quantifier inside a group that may be repeated, and what is too large. A group that is only optional, like
    ``(\.\d+)?``, is not repeated, and a fixed count inside, like ``(\d{3},)*``, leaves nothing to choose.
    """
    try:
        compiled(pattern)
    except PatternInvalid as problem:
        return str(problem)
    return None


def found_in(pattern: str, text: str) -> bool:
    """Whether ``pattern`` matches anywhere in ``text``, in time that grows with the text and no faster.

    Raises:
        PatternInvalid: The pattern is not allowed.
    """
    return compiled(pattern).found_in(text)
