"""Values whose type a parameter decides: ``default``, ``enum``, bounds, and the values of test cases."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from nova_spi.manifest.meaning.expecting import Anything, Expectation, Real, Text, Truth, Whole
from nova_spi.manifest.meaning.walking import WRONG, Special, Walk
from nova_spi.manifest.models.cases import Expect, TestCase
from nova_spi.manifest.models.parameter import Constraints, Element, Parameter
from nova_spi.manifest.models.record import Record
from nova_spi.manifest.nodes import Mapping, Node, Path, Scalar, Sequence

_BOUNDS = ("min_value", "max_value", "multiple_of")
_KINDS: dict[str, Expectation] = {
    "string": Text(),
    "enum": Text(),
    "integer": Whole(),
    "float": Real(),
    "boolean": Truth(),
}


def value_of(walk: Walk, node: Node, element: dict[str, Any], path: Path) -> Any:
    """The value of ``node`` by the type of ``element``; without a known type by YAML's own rules."""
    kind = element.get("type")
    match kind:
        case "array":
            return _array(walk, node, element, path)
        case "map" | "object":
            return _map(walk, node, element, path)
        case "decimal":
            return _decimal(walk, node, path)
        case _:
            return walk.read(node, _KINDS.get(kind or "", Anything()), path)


def _array(walk: Walk, node: Node, element: dict[str, Any], path: Path) -> Any:
    if not isinstance(node, Sequence):
        return walk.wrong(node, "a list", path)
    item = element.get("items") or {}
    values = (value_of(walk, child, item, (*path, index)) for index, child in enumerate(node.items))
    return [None if value is WRONG else value for value in values]


def _map(walk: Walk, node: Node, element: dict[str, Any], path: Path) -> Any:
    """The value of a map, whose keys share one type, or of an object, whose keys have their own."""
    if not isinstance(node, Mapping):
        return walk.wrong(node, "a map", path)
    shared, fixed = element.get("values") or {}, element.get("properties") or {}
    found = {}
    for entry in node:
        name = entry.key.text
        value = value_of(walk, entry.value, fixed.get(name) or shared, (*path, name))
        if value is not WRONG:
            found[name] = value
    return found


def _decimal(walk: Walk, node: Node, path: Path) -> Any:
    """The digits of a decimal as they are written: a binary float between would round them."""
    if not isinstance(node, Scalar) or not _is_decimal(node.text):
        return walk.wrong(node, "a decimal number", path)
    return node.text


def _is_decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _bound(walk: Walk, node: Node, kind: str | None, path: Path) -> Any:
    """A bound: the digits of a decimal, a whole number of an integer, else a number."""
    if kind == "decimal":
        return _decimal(walk, node, path)
    return walk.read(node, Whole() if kind == "integer" else Real(), path)


def _constraints(walk: Walk, node: Node, kind: str | None, path: Path) -> Any:
    if not isinstance(node, Mapping):
        return walk.wrong(node, "a map", path)
    found = walk.entries(node, Constraints, path, skip=_BOUNDS)
    return found | _each(node, _BOUNDS, path, lambda value, place: _bound(walk, value, kind, place))


def _each(node: Mapping, names: tuple[str, ...], path: Path, read: Callable[[Node, Path], Any]) -> dict[str, Any]:
    """The values under ``names`` that are there and right."""
    found = {}
    for name in names:
        value = node.get(name)
        right = WRONG if value is None else read(value, (*path, name))
        if right is not WRONG:
            found[name] = right
    return found


def _element_reader(model: type[Record]) -> Special:
    def read(walk: Walk, node: Mapping, path: Path) -> dict[str, Any]:
        found = walk.entries(node, model, path, skip=("default", "enum", "constraints"))
        kind = found.get("type")
        found |= _each(node, ("constraints",), path, lambda value, where: _constraints(walk, value, kind, where))
        found |= _each(node, ("default",), path, lambda value, where: value_of(walk, value, found, where))
        found |= _each(node, ("enum",), path, lambda value, where: _array(walk, value, {"items": found}, where))
        return found

    return read


class CaseReader:
    """Reads test cases: their values wait until the parameters that they are for are known."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Mapping, dict[str, Any], Path]] = []

    def case(self, walk: Walk, node: Mapping, path: Path) -> dict[str, Any]:
        """One case without the values of its inputs."""
        found = walk.entries(node, TestCase, path, skip=("inputs",))
        self._waiting.append((node, found, path))
        return found

    @staticmethod
    def expect(walk: Walk, node: Mapping, path: Path) -> dict[str, Any]:
        """What a case expects, without the values of its outputs."""
        return walk.entries(node, Expect, path, skip=("equals",))

    def finish(self, walk: Walk, data: dict[str, Any]) -> None:
        """Fills in the values by the interface that ``data`` declares."""
        for node, found, path in self._waiting:
            interface = interface_of(data, found.get("command"))
            expect = node.get("expect")
            # A case that means to fail may give what its parameter would refuse.
            fails = isinstance(expect, Mapping) and "error" in expect
            found |= _values(walk, node, "inputs", {} if fails else parameters_by_name(interface, "inputs"), path)
            if isinstance(expect, Mapping) and isinstance(found.get("expect"), dict):
                outputs = parameters_by_name(interface, "outputs")
                found["expect"] |= _values(walk, expect, "equals", outputs, (*path, "expect"))


def _values(walk: Walk, node: Mapping, name: str, parameters: dict[str, Any], path: Path) -> dict[str, Any]:
    """The map under ``name``, each value by the parameter that its key names."""
    interface = {"type": "object", "properties": parameters}
    return _each(node, (name,), path, lambda value, where: _map(walk, value, interface, where))


def interface_of(data: dict[str, Any], command: str | None) -> dict[str, Any]:
    """The inputs and outputs of a command; the top level's where it is the default one or unknown."""
    declared = (data.get("commands") or {}).get(command) or {}
    return data if not declared or declared.get("default") else declared


def parameters_by_name(interface: dict[str, Any], side: str) -> dict[str, dict[str, Any]]:
    """The parameters of one side (``inputs`` or ``outputs``) that have a name."""
    return {parameter["name"]: parameter for parameter in interface.get(side) or () if "name" in parameter}


def special_readers(cases: CaseReader) -> dict[type[Record], Special]:
    """The readers of objects whose shape alone does not say how to read them."""
    return {
        Element: _element_reader(Element),
        Parameter: _element_reader(Parameter),
        TestCase: cases.case,
        Expect: cases.expect,
    }
