"""Differences between two manifests, made in the text of the first.

Values of keys are edited by `nova_spi.manifest.spelling.surgery`; new items of lists are put in here.
"""

import re
from collections.abc import Iterator
from typing import Any

from nova_spi.manifest.nodes import Entry, Mapping, Node, Path, Scalar, Sequence, Span, at
from nova_spi.manifest.spelling.edits import Action, Edit
from nova_spi.manifest.spelling.surgery import CannotEdit, Surgery
from nova_spi.manifest.text.source import parse
from nova_spi.manifest.text.writing import block_lines, flow_text, to_node

_STEP = 2
_BREAK = re.compile(r"\r\n|\r|\n")


def patched(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """The text of a manifest ``old`` with the differences to ``new`` in its model, inputs and outputs.

    Raises:
        CannotEdit: The text has a shape that cannot be edited without a loss.
    """
    root = _parsed(text)
    edits = list(_of_mapping(root, ("model",), old.get("model", {}), new["model"]))
    for key in ("inputs", "outputs"):
        for index, (before, after) in enumerate(zip(old.get(key, []), new.get(key, []), strict=False)):
            edits += _of_mapping(root, (key, index), before, after)
    text = Surgery(text, root).apply(tuple(edits))
    for key in ("inputs", "outputs"):
        for item in new.get(key, [])[len(old.get(key, [])) :]:
            text = _appended(text, key, to_node(item))
    return text


def _parsed(text: str) -> Mapping:
    root = parse(text.encode("utf-8")).node
    if not isinstance(root, Mapping):
        raise CannotEdit("not a mapping")
    return root


def _of_mapping(root: Mapping, path: Path, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Edit]:
    node = at(root, path)
    if not isinstance(node, Mapping):
        raise CannotEdit("not a mapping")
    for key in old.keys() | new.keys():
        entry = node.entry(key)
        if key not in new:
            if entry is None:
                raise CannotEdit("the key stands elsewhere")
            yield Edit(Action.REMOVE, (*path, key), _whole(entry))
        elif entry is None and key not in old:
            yield Edit(Action.INSERT, (*path, key), node.span, to_node(new[key]))
        elif key not in old or old[key] != new[key]:
            if entry is None:
                raise CannotEdit("the key stands elsewhere")
            yield Edit(Action.SET, (*path, key), entry.value.span, to_node(new[key]), entry.key.span)


def _whole(entry: Entry) -> Span:
    key, value = entry.key.span, entry.value.span
    return Span(key.line, key.column, value.end_line, value.end_column)


def _appended(text: str, key: str, item: Node) -> str:
    """The text with one more item in a list of the top level."""
    entry = _parsed(text).entry(key)
    if entry is None or not isinstance(entry.value, Sequence):
        raise CannotEdit("no list to add to")
    span, items = entry.value.span, entry.value.items
    newline = "\r\n" if "\r\n" in text else "\n"
    if not items:
        start, end = _offset(text, span.line, span.column), _offset(text, span.end_line, span.end_column)
        lines = _item(item, entry.key.span.column - 1 + _STEP)
        return text[:start].rstrip(" ") + newline + newline.join(lines) + text[end:]
    place = _offset(text, *_end(items[-1]))
    if entry.value.flow:
        return f"{text[:place]}, {flow_text(item)}{text[place:]}"
    # A comment on the last line stays on it; the new item begins below.
    line_end = _BREAK.search(text, place)
    place = line_end.start() if line_end else len(text)
    return text[:place] + newline + newline.join(_item(item, span.column - 1)) + text[place:]


def _item(item: Node, indent: int) -> list[str]:
    first, *rest = block_lines(item, 1)
    lines = [f"- {first}", *(f"  {line}" if line else line for line in rest)]
    return [f"{' ' * indent}{line}" if line else line for line in lines]


def _end(node: Node) -> tuple[int, int]:
    """Where the last word of a node ends: the span of a block reaches into the comments after it."""
    if isinstance(node, Sequence) and node.items and not node.flow:
        return _end(node.items[-1])
    if isinstance(node, Mapping) and node.entries and not node.flow:
        last = node.entries[-1]
        return max((last.key.span.end_line, last.key.span.end_column), _end(last.value))
    span = node.span
    if isinstance(node, Scalar) and span.end_column == 1 and span.end_line > span.line:
        return span.end_line - 1, 1  # a block scalar ends with its line break
    return span.end_line, span.end_column


def _offset(text: str, line: int, column: int) -> int:
    starts = [0, *(found.end() for found in _BREAK.finditer(text))]
    return starts[line - 1] + column - 1
