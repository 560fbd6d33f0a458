"""Differences between two manifests, made in the text of the first.

Values of keys are edited by `nova_spi.manifest.surgery`; new items of lists are put in here.
"""

from collections.abc import Iterator
from typing import Any

from nova_spi.manifest.edits import Action, Edit
from nova_spi.manifest.nodes import Entry, Mapping, Node, Path, Scalar, Sequence, Span, at
from nova_spi.manifest.source import parse
from nova_spi.manifest.surgery import CannotEdit, Surgery
from nova_spi.manifest.writing import block_lines, flow_text, to_node

_STEP = 2


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
    root = _parsed(text)
    entry = root.entry(key)
    if entry is None or not isinstance(entry.value, Sequence):
        raise CannotEdit("no list to add to")
    items = entry.value.items
    if not items:
        start = _offset(text, entry.value.span.line, entry.value.span.column)
        end = _offset(text, entry.value.span.end_line, entry.value.span.end_column)
        indent = entry.key.span.column - 1 + _STEP
        return f"{text[:start].rstrip(' ')}\n{_item(item, indent).rstrip()}{text[end:]}"
    place = _offset(text, *_end(items[-1]))
    if entry.value.flow:
        return f"{text[:place]}, {flow_text(item)}{text[place:]}"
    line_end = text.find("\n", place)
    head, tail = (text, "") if line_end < 0 else (text[:line_end], text[line_end + 1 :])
    return f"{head}\n{_item(item, entry.value.span.column - 1)}{tail}"


def _item(item: Node, indent: int) -> str:
    first, *rest = block_lines(item, 1)
    lines = [f"- {first}", *(f"  {line}" if line else line for line in rest)]
    return "".join(f"{' ' * indent}{line}\n" if line else "\n" for line in lines)


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
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1
