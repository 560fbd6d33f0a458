"""The walk that rewrites other spellings.

What is wanted where is read off the models (`nova_spi.manifest.meaning.expecting`), so a key that the models gain has
its spellings without a word here.
"""

from collections.abc import Callable
from dataclasses import replace

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.finding import finding, place, shown
from nova_spi.manifest.meaning.expecting import (
    Anything,
    Choice,
    Either,
    Expectation,
    Object,
    Real,
    Several,
    Table,
    Text,
    Truth,
    Whole,
    keys_of,
)
from nova_spi.manifest.models.assets import Asset
from nova_spi.manifest.models.benchmark import Benchmark
from nova_spi.manifest.models.execution import EntryPoint
from nova_spi.manifest.models.parameter import Element
from nova_spi.manifest.models.record import Record
from nova_spi.manifest.nodes import Entry, Mapping, Node, Path, Scalar, Sequence, Span
from nova_spi.manifest.spelling.edits import Action, Edit
from nova_spi.manifest.spelling.spelled import LEAVES, TRUTHS, TYPES, relative_mount_path, snake_case, word
from nova_spi.manifest.spelling.weights import weights_as_fractions
from nova_spi.manifest.text.resolving import to_boolean

FIX = "nova-spi validate --fix"

_SERVING = frozenset({"operations", "governance", "pipeline"})


class Respelling:
    """One walk over a document, collecting edits and findings."""

    def __init__(self, base: str) -> None:
        self.findings = Findings()
        self.edits: list[Edit] = []
        self._base = base

    def visit(self, node: Node, wants: Expectation, path: Path, key: Span | None = None, name: str = "") -> Node:
        """The node in canonical spelling.

        Args:
            node: What stands there.
            wants: What is expected there.
            path: Where it stands.
            key: Where its key stands in the text.
            name: The nearest key, also of an item of a list.
        """
        shaped = self._shape(node, wants, path, name)
        if shaped is node:
            return self._inside(node, wants, path, name)
        mark = len(self.edits)
        done = self._inside(shaped, wants, path, name)
        del self.edits[mark:]  # the edits inside stand in a value that is written as a whole
        self.edits.append(Edit(Action.SET, path, node.span, done, key))
        return done

    def _shape(self, node: Node, wants: Expectation, path: Path, name: str) -> Node:
        """The node as the kind of thing that is wanted: a list for a value, a value for a list of one."""
        match wants:
            case Several(item=Object() | Table() | Several()) | Several(or_text=True):
                return node
            case Several() if isinstance(node, Scalar) and not _is_empty(node):
                self._tell("SPI-M105", f"{place(path)} takes a list; here stands one value", path, node.span)
                return Sequence((node,), node.span, True)
            case Object(model=model) if model is EntryPoint and not isinstance(node, Mapping) and not _is_empty(node):
                return self._entry_point(node, path)
            case Text() | Whole() | Real() | Truth() | Choice() if _holds_one_scalar(node):
                self._tell("SPI-M106", f"{place(path)} takes one value; here stands a list of one", path, node.span)
                return node.items[0]  # type: ignore[union-attr]  # it is a list, or it would not hold one
            case _:
                return node

    def _entry_point(self, node: Node, path: Path) -> Node:
        what = "a text" if isinstance(node, Scalar) else "a list"
        self._tell("SPI-M109", f"{place(path)} takes a map; here stands {what}, read as its command", path, node.span)
        return Mapping((Entry(Scalar("command", True, node.span), node),), node.span, True)

    def _inside(self, node: Node, wants: Expectation, path: Path, name: str) -> Node:
        match wants:
            case Several(item=item) if isinstance(node, Sequence):
                children = [self.visit(child, item, (*path, at), None, name) for at, child in enumerate(node.items)]
                return node if _same(children, node.items) else replace(node, items=tuple(children))
            case Table(value=value) if isinstance(node, Mapping):
                return self._entries(node, path, lambda _name: value)
            case Object(model=model) if isinstance(node, Mapping):
                return self._object(node, model, path)
            case _ if isinstance(node, Scalar):
                return self._scalar(node, wants, path, name)
            case _:
                return node

    def _object(self, node: Mapping, model: type[Record], path: Path) -> Mapping:
        keys = keys_of(model)
        if path and path[0] in _SERVING:
            node = self._snake_keys(node, set(keys), path)
        found = self._entries(node, path, lambda name: keys[name].expects if name in keys else Anything())
        found = self._special_leaves(found, model, path)
        return weights_as_fractions(found, path, self._replace) if model is Benchmark else found

    def _entries(self, node: Mapping, path: Path, wants: Callable[[str], Expectation]) -> Mapping:
        entries = []
        for entry in node:
            name = entry.key.text
            value = self.visit(entry.value, wants(name), (*path, name), entry.key.span, name)
            entries.append(entry if value is entry.value else Entry(entry.key, value))
        return node if _same(entries, node.entries) else _with(node, entries)

    def _special_leaves(self, node: Mapping, model: type[Record], path: Path) -> Mapping:
        """Type names and absolute mount paths: what only some objects have."""
        entries = []
        for entry in node:
            value, name, where = entry.value, entry.key.text, (*path, entry.key.text)
            if isinstance(value, Scalar) and name == "mount_path" and issubclass(model, Element | Asset):
                new = relative_mount_path(value.text, self._base)
                value = self._replace(value, new, "SPI-M104", f"mount_path is relative to {self._base}", where)
            entries.append(entry if value is entry.value else Entry(entry.key, value))
        return node if _same(entries, node.entries) else _with(node, entries)

    def _scalar(self, node: Scalar, wants: Expectation, path: Path, name: str) -> Scalar:
        match wants:
            case Choice(values=values):
                return self._choice(node, tuple(str(value) for value in values), path, name)
            case Truth():
                return self._truth(node, path)
            case Either(options=options) if Truth() in options:
                words = next((option.values for option in options if isinstance(option, Choice)), ())
                known = word(node.text, tuple(str(value) for value in words))
                return self._choice(node, (known,), path, name) if known else self._truth(node, path)
            case Text() if name in LEAVES:
                code, what, canonical = LEAVES[name]
                return self._replace(node, canonical(node.text), code, f"the {what} has another name", path)
            case _:
                return node

    def _choice(self, node: Scalar, words: tuple[str, ...], path: Path, name: str) -> Scalar:
        if node.text in words:
            return node
        typed = TYPES.get(node.text.lower()) if name == "type" else None
        if typed in words:
            return self._replace(node, typed, "SPI-M101", "the type has another name", path)
        known = word(node.text, words)
        return self._replace(node, known, "SPI-M102", f"{place(path)} has another spelling", path) if known else node

    def _truth(self, node: Scalar, path: Path) -> Scalar:
        known = TRUTHS.get(node.text.strip().lower())
        if known is None or to_boolean(node) is not None:
            return node
        done = Scalar(known, True, node.span)
        self._tell("SPI-M103", f"{place(path)} is {known}, written as {shown(node.text)}", path, node.span)
        self.edits.append(Edit(Action.SET, path, node.span, done))
        return done

    def _replace(self, node: Scalar, new: str, code: str, said: str, path: Path) -> Scalar:
        if new == node.text:
            return node
        done = replace(node, text=new, tag=None)
        self._tell(code, f"{said}: {shown(node.text)} is read as {new}", path, node.span)
        self.edits.append(Edit(Action.SET, path, node.span, done))
        return done

    def _snake_keys(self, node: Mapping, known: set[str], path: Path) -> Mapping:
        entries = []
        for entry in node:
            new = snake_case(entry.key.text)
            if entry.key.text in known or new not in known or new in node:
                entries.append(entry)
                continue
            key = replace(entry.key, text=new)
            where = (*path, entry.key.text)
            self._tell("SPI-M112", f"the key {entry.key.text} is written {new} here", where, entry.key.span)
            self.edits.append(Edit(Action.RENAME, where, entry.key.span, key))
            entries.append(Entry(key, entry.value))
        return node if _same(entries, node.entries) else _with(node, entries)

    def _tell(self, code: str, message: str, path: Path, span: Span) -> None:
        self.findings.add(finding(code, message, path, span, FIX))


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text in ("", "~", "null", "Null", "NULL")


def _holds_one_scalar(node: Node) -> bool:
    return isinstance(node, Sequence) and len(node.items) == 1 and isinstance(node.items[0], Scalar)


def _same(new: "list[Node] | list[Entry]", old: "tuple[Node, ...] | tuple[Entry, ...]") -> bool:
    return all(one is other for one, other in zip(new, old, strict=True))


def _with(node: Mapping, entries: list[Entry]) -> Mapping:
    return Mapping(tuple(entries), node.span, node.flow)
