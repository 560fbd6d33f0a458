"""Comments of a YAML text: the ``#`` that stand in no scalar."""

import re
from bisect import bisect_right

from nova_spi.manifest.nodes import Node, Span
from nova_spi.manifest.text.source import scalars_of

_COMMENT = re.compile(r"(?:^|(?<=[ \t\r\n]))#[^\r\n]*")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def comments_in(text: str, root: Node, start: int = 0, end: int | None = None) -> list[str]:
    """The comments between two offsets, each with its ``#``.

    Args:
        text: The source.
        root: Its tree as it was read.
        start: The first offset.
        end: The offset after the last; the end of the text where it is None.
    """
    taken = _ranges(text, root)
    starts = [first for first, _last in taken]
    found = []
    for comment in _COMMENT.finditer(text, start, len(text) if end is None else end):
        before = bisect_right(starts, comment.start()) - 1
        if before < 0 or taken[before][1] <= comment.start():
            found.append(comment.group().rstrip())
    return found


def _ranges(text: str, root: Node) -> list[tuple[int, int]]:
    """Where scalars stand that can hold a ``#``, in the order of the text."""
    lines = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]

    def offset(line: int, column: int) -> int:
        return lines[line - 1] + column - 1

    def bounds(span: Span) -> tuple[int, int]:
        return _after_header(text, offset(span.line, span.column)), offset(span.end_line, span.end_column)

    return sorted(bounds(scalar.span) for scalar in scalars_of(root) if "#" in scalar.text)


def _after_header(text: str, start: int) -> int:
    """Past the first line of a block scalar, which may end in a comment."""
    if text[start : start + 1] not in ("|", ">"):
        return start
    found = _LINE_BREAK.search(text, start)
    return found.end() if found else start
