"""One line of a source with a caret below the place in question, fit for a terminal."""

import re
import unicodedata
from dataclasses import dataclass

from nova_spi.manifest.nodes import Span

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_TAB = 4
_BEFORE = 40
_WIDTH = 100
_DOTS = "..."


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a source.

    Attributes:
        line: The line's text, cut to a window where it is long.
        caret: Spaces and carets that stand below it.
    """

    line: str
    caret: str


def lines_of(text: str) -> list[str]:
    """The lines of a text as YAML counts them, without their ends."""
    return _LINE_BREAK.split(text)


def safe(text: str) -> str:
    """A text for a terminal: what moves the cursor, changes colours or turns the writing is spelled out."""
    return _UNSHOWABLE.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text)


def excerpt(lines: list[str], span: Span) -> Excerpt | None:
    """The first line of a span with carets below it.

    Args:
        lines: The source, by `lines_of`.
        span: The place; what goes on in further lines is marked to the end of the first.

    Returns:
        None where the source has no such line.
    """
    if not 0 < span.line <= len(lines):
        return None
    line = lines[span.line - 1]
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    end = max(start + 1, end)
    first = max(0, start - _BEFORE) if len(line) > _WIDTH else 0
    last = min(len(line), first + _WIDTH)
    head = _DOTS if first else ""
    shown = head + _shown(line[first:last]) + (_DOTS if last < len(line) else "")
    before = len(head) + _cells(_shown(line[first:start]))
    marked = _cells(_shown(line[start : min(end, last)]))
    return Excerpt(shown, " " * before + "^" * max(1, marked))


def _shown(text: str) -> str:
    return safe(text.replace("\t", " " * _TAB))


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
