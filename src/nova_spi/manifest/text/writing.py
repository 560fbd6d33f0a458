"""Manifests as text: YAML that reads the same in 1.1 and 1.2, and JSON. Keys stand in the order of the reference."""

import json
from collections.abc import Iterator
from typing import Any, Protocol

from nova_spi.manifest.meaning.expecting import Anything, Expectation, Object, Several, Table, keys_of
from nova_spi.manifest.models import Manifest
from nova_spi.manifest.nodes import Entry, Mapping, Node, Scalar, Sequence, Span
from nova_spi.manifest.text.scalar_text import literal_lines, scalar_text

_NOWHERE = Span(0, 0, 0, 0)
_WIDTH = 100
_STEP = 2
_LONGEST_KEY = 1000
"""A longer key needs YAML's explicit `? key`: readers look 1,024 characters ahead for the colon."""


class _HasToDict(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


def dump(manifest: _HasToDict | dict[str, Any]) -> str:
    """A manifest as YAML.

    Args:
        manifest: The manifest, or its plain data.

    Returns:
        Text that YAML 1.1 and 1.2 read alike, with a final newline.
    """
    node = to_node(in_order(_data(manifest)))
    return "".join(f"{line}\n" for line in block_lines(node))


def dump_json(manifest: _HasToDict | dict[str, Any], indent: int | None = 2) -> str:
    """A manifest as JSON.

    Args:
        manifest: The manifest, or its plain data.
        indent: Spaces a level; None writes one line.
    """
    return json.dumps(in_order(_data(manifest)), ensure_ascii=False, indent=indent, allow_nan=False) + "\n"


def _data(manifest: _HasToDict | dict[str, Any]) -> dict[str, Any]:
    return manifest if isinstance(manifest, dict) else manifest.to_dict()


def in_order(data: Any, wants: Expectation | None = None) -> Any:
    """Plain data with its keys in the order of the reference; keys that it does not know come last, as they came."""
    wants = wants or Object(Manifest)
    if isinstance(data, dict):
        if isinstance(wants, Object):
            keys = keys_of(wants.model)
            names = [*(name for name in keys if name in data), *(name for name in data if name not in keys)]
            return {name: in_order(data[name], keys[name].expects if name in keys else Anything()) for name in names}
        inner = wants.value if isinstance(wants, Table) else Anything()
        return {name: in_order(value, inner) for name, value in data.items()}
    if isinstance(data, list | tuple):
        inner = wants.item if isinstance(wants, Several) else Anything()
        return [in_order(item, inner) for item in data]
    return data


def to_node(data: Any) -> Node:
    """Plain JSON-able data as a node tree.

    Raises:
        TypeError: The data holds something that is not JSON.
    """
    if isinstance(data, dict):
        entries = tuple(Entry(Scalar(str(key), False, _NOWHERE), to_node(value)) for key, value in data.items())
        return Mapping(entries, _NOWHERE)
    if isinstance(data, list | tuple):
        return Sequence(tuple(to_node(item) for item in data), _NOWHERE)
    if isinstance(data, str):
        return Scalar(str(data), False, _NOWHERE)
    return Scalar(_bare_text(data), True, _NOWHERE)


def _bare_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    raise TypeError(f"a manifest holds JSON values only, not {type(value).__name__}")


def _float_text(value: float) -> str:
    """A float with a point in it: YAML 1.1 takes 1e-06 for text."""
    text = repr(value)
    if "inf" in text or "nan" in text:
        return text.replace("inf", ".inf").replace("nan", ".nan")
    mantissa, mark, exponent = text.partition("e")
    return text if not mark or "." in mantissa else f"{mantissa}.0e{exponent}"


def flow_text(node: Node) -> str:
    """A node on one line."""
    if isinstance(node, Scalar):
        return scalar_text(node, flow=True)
    if isinstance(node, Sequence):
        return f"[{', '.join(flow_text(item) for item in node.items)}]"
    return f"{{{', '.join(f'{_flow_key(entry.key)} {flow_text(entry.value)}' for entry in node)}}}"


def _flow_key(key: Scalar) -> str:
    text = scalar_text(key, flow=True)
    return f"{text}:" if len(text) <= _LONGEST_KEY else f"? {text} :"


def block_lines(node: Node, depth: int = 0) -> list[str]:
    """A node as lines in block style, without the indentation of what stands around it."""
    if isinstance(node, Mapping) and node.entries:
        return [line for entry in node for line in entry_lines(entry.key, entry.value, depth)]
    if isinstance(node, Sequence) and node.items:
        return [line for item in node.items for line in _item_lines(item, depth)]
    return [scalar_text(node) if isinstance(node, Scalar) else flow_text(node)]


def entry_lines(key: Scalar, value: Node, depth: int = 0) -> Iterator[str]:
    """One ``key: value`` as lines.

    Args:
        key: The key.
        value: The value.
        depth: How many keys stand around it; sections of the top level are never written on one line.
    """
    name = f"{scalar_text(key)}:"
    if len(name) > _LONGEST_KEY:
        yield from (f"? {name[:-1]}", f": {flow_text(value)}")
    elif isinstance(value, Scalar):
        block = None if value.plain else literal_lines(value.text)
        first, *rest = block or [scalar_text(value)]
        yield f"{name} {first}"
        yield from _indented(rest)
    elif _is_short(value, depth, len(name)):
        yield f"{name} {flow_text(value)}"
    else:
        yield name
        yield from _indented(block_lines(value, depth + 1))


def _item_lines(item: Node, depth: int) -> Iterator[str]:
    if isinstance(item, Mapping):
        first, *rest = block_lines(item, depth + 1)
    elif isinstance(item, Sequence):
        first, *rest = [flow_text(item)]
    else:
        first, *rest = (None if item.plain else literal_lines(item.text)) or [scalar_text(item)]
    yield f"- {first}"
    yield from _indented(rest)


def _indented(lines: list[str]) -> Iterator[str]:
    return (" " * _STEP + line if line else line for line in lines)


def _is_short(node: Mapping | Sequence, depth: int, taken: int) -> bool:
    """Whether a list or map goes on the line of its key: empty, or of scalars only and short."""
    children = node.items if isinstance(node, Sequence) else [entry.value for entry in node]
    if not children:
        return True
    if isinstance(node, Mapping) and depth == 0:
        return False
    if not all(isinstance(child, Scalar) and "\n" not in child.text for child in children):
        return False
    return taken + 1 + len(flow_text(node)) + depth * _STEP <= _WIDTH
