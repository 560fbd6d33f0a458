"""A node tree as JSON text, numbers as they were written, indented as the source was."""

import json
import re

from nova_spi.manifest.nodes import Mapping, Node, Scalar

_INDENT = re.compile(r"^[ \t]*\{[ \t]*\r?\n([ \t]*)\"")


def json_text(node: Node, like: str = "") -> str:
    """JSON text.

    Args:
        node: A tree that was read from JSON.
        like: The source, whose indentation and line breaks are kept; without any, one line comes out.
    """
    found = _INDENT.match(like.lstrip())
    text = "".join(_pieces(node, found.group(1) if found else None, "\n"))
    text += "\n" if not like or like.endswith("\n") else ""
    return text.replace("\n", "\r\n") if "\r\n" in like else text


def _pieces(node: Node, step: str | None, line: str) -> list[str]:
    """The text in pieces; ``line`` is a line break with the indentation of what stands around."""
    if isinstance(node, Scalar):
        return [node.text if node.plain else json.dumps(node.text, ensure_ascii=False)]
    opening, closing = "{}" if isinstance(node, Mapping) else "[]"
    inner = "" if step is None else line + step
    separator = ", " if step is None else f",{inner}"
    pieces: list[str] = []
    children = [entry.value for entry in node] if isinstance(node, Mapping) else list(node.items)
    for at, child in enumerate(children):
        name = f"{json.dumps(node.entries[at].key.text, ensure_ascii=False)}: " if isinstance(node, Mapping) else ""
        pieces += [separator if at else inner, name, *_pieces(child, step, inner)]
    return [opening, *pieces, line if step is not None and children else "", closing]
