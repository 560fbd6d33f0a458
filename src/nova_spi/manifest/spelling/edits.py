"""Changes that make a document canonical, as data: found while reading, replayed by `fixing`."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Entry, Mapping, Node, Path, Scalar, Sequence, Span, at


class Action(StrEnum):
    """What an edit does."""

    SET = "set"
    RENAME = "rename"
    INSERT = "insert"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change.

    Attributes:
        action: What it does.
        path: The value (or, of RENAME, the key) that it is about, in the document as the edits before this left it.
        span: What it is about in the source: the old value of SET, the key of RENAME, the mapping that INSERT adds to,
            the whole entry of REMOVE.
        value: The new value of SET and INSERT, the new key of RENAME.
        key: Where the key of the old value stands, if it has one.
        first: INSERT puts the entry before all others; otherwise it comes last.
    """

    action: Action
    path: Path
    span: Span
    value: Node | None = None
    key: Span | None = None
    first: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The edit as JSON-able data."""
        found: dict[str, Any] = {"action": str(self.action), "path": list(self.path)}
        if self.value is not None:
            found["value"] = plain_data(self.value)
        return found


def edited(root: Node, edits: Iterable[Edit]) -> Node:
    """The tree after edits that set values and rename keys, in their order.

    Args:
        root: The tree.
        edits: Those that insert or remove are passed over: `migration` makes them in the tree itself.
    """
    for edit in edits:
        if edit.action in (Action.SET, Action.RENAME) and edit.value is not None:
            root = _edited_at(root, edit.path, edit)
    return root


def _edited_at(node: Node, path: Path, edit: Edit) -> Node:
    step, rest = path[0], path[1:]
    if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
        items = list(node.items)
        items[step] = _edited_at(items[step], rest, edit) if rest else edit.value or items[step]
        return Sequence(tuple(items), node.span, node.flow)
    if isinstance(node, Mapping):
        entries = tuple(_edited_entry(entry, rest, edit) if entry.key.text == step else entry for entry in node)
        return Mapping(entries, node.span, node.flow)
    return node


def _edited_entry(entry: Entry, rest: Path, edit: Edit) -> Entry:
    if rest:
        return Entry(entry.key, _edited_at(entry.value, rest, edit))
    if edit.action is Action.SET:
        return Entry(entry.key, edit.value or entry.value)
    return Entry(edit.value, entry.value) if isinstance(edit.value, Scalar) else entry


def plain_data(node: Node) -> Any:
    """A node as plain data, every scalar as its text."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Mapping):
        return {entry.key.text: plain_data(entry.value) for entry in node}
    return [plain_data(item) for item in node.items]


def quote_edits(node: Node, diagnostics: Iterable[Diagnostic]) -> tuple[Edit, ...]:
    """The edits that mend the findings SPI-M113 and SPI-M114: text that YAML 1.1 takes for something else.

    Args:
        node: The canonical tree, whose paths the findings name.
        diagnostics: Any findings; the others are passed over.
    """
    found = (_quote(node, item) for item in diagnostics if item.code in ("SPI-M113", "SPI-M114"))
    return tuple(edit for edit in found if edit)


def _quote(root: Node, diagnostic: Diagnostic) -> Edit | None:
    path = diagnostic.path
    if diagnostic.code == "SPI-M113":
        scalar = at(root, path)
        action = Action.SET
    else:
        parent = at(root, path[:-1])
        entry = parent.entry(str(path[-1])) if isinstance(parent, Mapping) else None
        scalar = entry.key if entry else None
        action = Action.RENAME
    if not isinstance(scalar, Scalar):
        return None
    return Edit(action, path, scalar.span, Scalar(scalar.text, False, scalar.span))
