"""Findings by their code: the severity is the registry's, so that no finding can have a code that is not documented."""

import re
from functools import cache

from nova_spi.manifest.codes.code import Code
from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Mapping, Node, Path, Scalar, Sequence, Span

_LONGEST = 60
_PASSWORD = re.compile(r"//[^\s/:@]*:[^\s/@]*@")

NOT_SHOWN = frozenset({"SPI-M322", "SPI-M342"})
"""Codes of findings whose line of the source holds a credential, and is never printed."""


@cache
def _known() -> dict[str, Code]:
    from nova_spi.manifest.codes import CODES

    return dict(CODES)


def finding(code: str, message: str, path: Path = (), span: Span | None = None, mend: str = "") -> Diagnostic:
    """One finding.

    Args:
        code: A code of `nova_spi.manifest.codes.CODES`.
        message: What is wrong with this value, one sentence.
        path: Where it stands in the document.
        span: Where it stands in the text.
        mend: How to mend this one.
    """
    known = _known()[code]
    return Diagnostic(code, known.severity, message, path, span, mend)


def key_span(root: Node | None, path: Path) -> Span | None:
    """The place of the key at ``path``, else that of the nearest thing around it that the text has."""
    node, span = root, _head(root)
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str):
            entry = node.entry(step)
            if entry is None:
                return span
            node, span = entry.value, entry.key.span
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            span = _head(node) or span
        else:
            return span
    return span


def value_span(root: Node | None, path: Path) -> Span | None:
    """The place of the value at ``path``, else that of the nearest thing around it that the text has."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str) and step in node:
            node = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        elif isinstance(node, Scalar):
            return node.span  # a value that stands for a whole object, as in gpu: 1
        else:
            return key_span(root, path)
    return node.span if isinstance(node, Scalar | Sequence) or (node and node.flow) else key_span(root, path)


def _head(node: Node | None) -> Span | None:
    """The first word of a node: pointing at a whole block would underline pages."""
    if isinstance(node, Mapping) and node.entries and not node.flow:
        return node.entries[0].key.span
    return node.span if node else None


def shown(value: object) -> str:
    """A value in a message: quoted where it is text, never long, and without the password of an address."""
    text = _PASSWORD.sub("//***@", repr(value) if isinstance(value, str) else str(value))
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 4]}...{text[0]}" if isinstance(value, str) else f"{text[: _LONGEST - 3]}..."


def start(span: Span) -> Span:
    """The place where a thing over several lines begins."""
    return span if span.line == span.end_line else Span(span.line, span.column, span.line, span.column + 1)


def place(path: Path) -> str:
    """What stands at ``path``, as the subject of a sentence."""
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return "the manifest"
    name = shown(names[-1])[1:-1]
    return f"an entry of {name}" if isinstance(path[-1], int) else name
