"""The walk over a document by what each key expects: values of the right type come out, the others are reported.

A value that is wrong is left out (in a list None, or an empty map, keeps its place), so that the rules can go on with
the rest and all findings come at once.
"""

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Map
from typing import Any, Final

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.finding import finding, place, shown, start
from nova_spi.manifest.meaning.expecting import (
    Anything,
    Choice,
    Either,
    Expectation,
    Key,
    Object,
    Real,
    Several,
    Table,
    Text,
    Truth,
    Whole,
    is_lenient,
    keys_of,
)
from nova_spi.manifest.meaning.suggest import Suggestions
from nova_spi.manifest.models.record import Record
from nova_spi.manifest.nodes import Entry, Mapping, Node, Path, Scalar, Sequence
from nova_spi.manifest.spelling.edits import Action, Edit
from nova_spi.manifest.spelling.spelled import TRUTHS
from nova_spi.manifest.text.resolving import (
    NotFiniteError,
    described,
    is_null,
    is_plain,
    resolve,
    to_boolean,
    to_number,
)
from nova_spi.manifest.text.scalars import differs_in_yaml_1_1

WRONG: Final = object()
"""In the place of a value that was reported."""

Special = Callable[["Walk", Mapping, Path], Any]
"""Reads the objects of one model where the shape alone does not say how."""


class Walk:
    """One walk.

    Args:
        json: The text is JSON, where text is always quoted: a bare number is never text.
        special: Readers of their own for some models.
    """

    def __init__(self, *, json: bool = False, special: Map[type[Record], Special] | None = None) -> None:
        self.json = json
        self.findings = Findings()
        self.wrong_places: set[Path] = set()
        self.edits: list[Edit] = []
        self._special = special or {}
        self._suggestion = Suggestions()

    def read(self, node: Node, expected: Expectation, path: Path) -> Any:
        """The value of ``node``, or `WRONG` after the reason has been reported."""
        match expected:
            case Anything():
                return self.anything(node, path)
            case Several():
                return self._several(node, expected, path)
            case Table():
                return self._table(node, expected, path)
            case Object():
                return self._object(node, expected, path)
            case Either():
                return self._either(node, expected, path)
            case _:
                return self._scalar(node, expected, path)

    def _scalar(self, node: Node, expected: Text | Whole | Real | Truth | Choice, path: Path) -> Any:
        if not isinstance(node, Scalar):
            return self.wrong(node, expected.said, path)
        match expected:
            case Text():
                return self.text(node, path)
            case Choice():
                return self._choice(node, expected, path)
            case Truth():
                value = to_boolean(node)
                return self._truth_word(node, path) if value is None else value
            case _:
                return self._number(node, expected, path)

    def text(self, node: Scalar, path: Path, said: str = Text.said) -> Any:
        """The scalar as text: what stands there, also where it looks like something else."""
        if not is_plain(node):
            return node.text
        if self.json or node.tag or is_null(node):
            return self.wrong(node, said, path)
        other = differs_in_yaml_1_1(node.text)
        if other:
            self._bare("SPI-M113", node, other, path)
        return node.text

    def _bare(self, code: str, node: Scalar, other: str, path: Path) -> None:
        what = "key" if code == "SPI-M114" else "text"
        message = f"the {what} {shown(node.text)} has no quotation marks; YAML 1.1 reads {other} there"
        self.findings.add(finding(code, message, path, node.span, f'write "{shown(node.text)[1:-1]}"'))

    def _truth_word(self, node: Scalar, path: Path) -> Any:
        """A word for true or false, where only the parameter's type says that one is meant."""
        known = TRUTHS.get(node.text.lower()) if node.plain and not self.json else None
        if known is None:
            return self.wrong(node, Truth.said, path)
        message = f"{place(path)} is {known}, written as {shown(node.text)}"
        self.findings.add(finding("SPI-M103", message, path, node.span, f"write {known}"))
        self.edits.append(Edit(Action.SET, path, node.span, Scalar(known, True, node.span)))
        return known == "true"

    def _number(self, node: Scalar, expected: Whole | Real | Choice, path: Path, said: str = "") -> Any:
        try:
            value = to_number(node)
        except NotFiniteError:
            return self._not_finite(node, path)
        if value is None or (isinstance(expected, Whole) and isinstance(value, float)):
            return self.wrong(node, said or expected.said, path)
        return value

    def _not_finite(self, node: Scalar, path: Path) -> Any:
        message = f"{place(path)}: {shown(node.text)} is no finite number"
        return self._report("SPI-M208", message, path, node, "write a finite number, or leave it out")

    def _choice(self, node: Scalar, expected: Choice, path: Path) -> Any:
        whole = isinstance(expected.values[0], int)
        value = self._number(node, expected, path) if whole else self.text(node, path, expected.said)
        if value is WRONG or value in expected.values:
            return value
        mend = self._suggestion(value, expected.values) or _one_of(expected)
        message = f"{place(path)} takes {expected.said}; {shown(value)} is none of them"
        return self._report("SPI-M205", message, path, node, mend)

    def _several(self, node: Node, expected: Several, path: Path) -> Any:
        if expected.or_text and isinstance(node, Scalar):
            return self.text(node, path)
        if not isinstance(node, Sequence):
            return self.wrong(node, expected.said, path)
        empty: Any = {} if isinstance(expected.item, Object) else None
        values = (self.read(item, expected.item, (*path, index)) for index, item in enumerate(node.items))
        return [empty if value is WRONG else value for value in values]

    def _table(self, node: Node, expected: Table, path: Path) -> Any:
        if not isinstance(node, Mapping):
            return self.wrong(node, expected.said, path)
        found = {}
        for entry in node:
            name = self._free_key(entry.key, path)
            value = self.read(entry.value, expected.value, (*path, name))
            if value is not WRONG:
                found[name] = value
        return found

    def _free_key(self, key: Scalar, path: Path) -> str:
        other = differs_in_yaml_1_1(key.text) if is_plain(key) and not self.json else None
        if other:
            self._bare("SPI-M114", key, other, (*path, key.text))
        return key.text

    def _object(self, node: Node, expected: Object, path: Path) -> Any:
        if isinstance(node, Mapping):
            read = self._special.get(expected.model)
            return read(self, node, path) if read else self.entries(node, expected.model, path)
        if expected.short and isinstance(node, Scalar):
            value = self._number(node, Whole(), path, expected.said)
            return WRONG if value is WRONG else {expected.short.key: value}
        return self.wrong(node, expected.said, path)

    def entries(self, node: Mapping, model: type[Record], path: Path, skip: Iterable[str] = ()) -> dict[str, Any]:
        """The keys of an object, without those of ``skip``; unknown and missing ones are reported."""
        keys = keys_of(model)
        found: dict[str, Any] = {}
        for entry in node:
            name = entry.key.text
            if name in skip:
                continue
            known = keys.get(name)
            where = (*path, name)
            value = self.read(entry.value, known.expects, where) if known else self._unknown(entry, model, where)
            if value is not WRONG:
                found[name] = value
        for key in keys.values():
            if key.required and key.name not in node:
                self._missing(key, node, path)
        return found

    def _unknown(self, entry: Entry, model: type[Record], path: Path) -> Any:
        name = entry.key.text
        if name.startswith("x-"):
            return self.anything(entry.value, path)
        mend = _further_in(name, model) or self._suggestion(name, keys_of(model))
        mend = mend or "remove it, or let its name begin with x-"
        code = "SPI-M202" if is_lenient(model) else "SPI-M201"
        message = f"{place(path[:-1])} has no key {shown(name)}"
        self.findings.add(finding(code, message, path, entry.key.span, mend))
        return self.anything(entry.value, path) if is_lenient(model) else WRONG

    def _missing(self, key: Key, node: Mapping, path: Path) -> None:
        message = f"{place(path)} has no {key.name}; it takes {key.expects.said}"
        span = node.entries[0].key.span if node.entries and not node.flow else start(node.span)
        self.findings.add(finding("SPI-M200", message, (*path, key.name), span, f"add {key.name}"))

    def _either(self, node: Node, expected: Either, path: Path) -> Any:
        option = _option(node, expected.options)
        if option is None or (
            isinstance(option, Choice) and isinstance(node, Scalar) and node.text not in option.values
        ):
            return self.wrong(node, expected.said, path)
        return self.read(node, option, path)

    def anything(self, node: Node, path: Path) -> Any:
        """The value by YAML 1.2's core schema, where nothing says what is expected."""
        if isinstance(node, Sequence):
            return self._several(node, Several(Anything()), path)
        if isinstance(node, Mapping):
            return self._table(node, Table(Anything()), path)
        try:
            return resolve(node)
        except NotFiniteError:
            return self._not_finite(node, path)

    def wrong(self, node: Node, said: str, path: Path) -> Any:
        """Reports a value of the wrong type, and gives `WRONG`."""
        found, mend = described(node, said)
        if found == "nothing":
            message = f"{place(path)} takes {said}, and nothing stands there"
            rest = "entry" if path and isinstance(path[-1], int) else "key"
            return self._report("SPI-M204", message, path, node, f"write a value, or remove the {rest}")
        message = f"{place(path)} takes {said}; here stands {found}"
        return self._report("SPI-M203", message, path, node, mend or f"write {said}")

    def _report(self, code: str, message: str, path: Path, node: Node, mend: str) -> Any:
        self.wrong_places.add(path)
        self.findings.add(finding(code, message, path, start(node.span), mend))
        return WRONG


def _further_in(name: str, model: type[Record]) -> str:
    """The question whether a key was meant that stands one level further in, as constraints.min_length."""
    for key in keys_of(model).values():
        inner = keys_of(key.expects.model) if isinstance(key.expects, Object) else {}
        if name in inner:
            return f"did you mean {key.name}.{name}?"
    return ""


def _one_of(expected: Choice) -> str:
    """The mend for a word that is none of those expected."""
    if len(expected.values) > 1:
        return "write one of these"
    word = expected.values[0]
    return f'write "{word}"' if differs_in_yaml_1_1(str(word)) else f"write {word}"


def _option(node: Node, options: tuple[Expectation, ...]) -> Expectation | None:
    """The kind that fits the node's shape; a scalar is a boolean where it can be one, else text or a word."""
    if isinstance(node, Sequence):
        return next((option for option in options if isinstance(option, Several)), None)
    if isinstance(node, Mapping):
        return next((option for option in options if isinstance(option, Table | Object)), None)
    if to_boolean(node) is not None and Truth() in options:
        return Truth()
    return next((option for option in options if isinstance(option, Text | Choice)), None)
