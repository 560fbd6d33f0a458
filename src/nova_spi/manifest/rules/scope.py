"""What the rules look at: the data, the parameters and types in it, and the places of both."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import finding, key_span, value_span
from nova_spi.manifest.meaning.suggest import Suggestions
from nova_spi.manifest.nodes import Mapping, Node, Path, at

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Interface:
    """The inputs and outputs of one command; ``path`` is () for the default one's, at the top level."""

    name: str
    path: Path
    data: Data

    def parameters(self, side: str) -> Iterator[tuple[Path, Data]]:
        """The parameters of ``inputs`` or ``outputs`` with their places."""
        for index, parameter in entries(self.data.get(side)):
            yield (*self.path, side, index), parameter

    def by_name(self, side: str) -> dict[str, Data]:
        """The parameters of one side that have a name."""
        return {parameter["name"]: parameter for _, parameter in self.parameters(side) if "name" in parameter}


@dataclass(frozen=True, slots=True)
class Typed:
    """One type: of a parameter, or of a property, item or value inside one.

    Attributes:
        path: Where it stands.
        data: Its keys.
        side: ``inputs`` or ``outputs``.
        depth: 0 for a parameter itself.
    """

    path: Path
    data: Data
    side: str
    depth: int

    @property
    def kind(self) -> str:
        """Its type, or nothing where that is wrong."""
        return str(self.data.get("type", ""))


class Scope:
    """The document as rules see it."""

    def __init__(self, data: Data, root: Node, wrong_places: Set[Path] = frozenset()) -> None:
        self.data = data
        self.root = root
        self.wrong_places = wrong_places
        self.suggestion = Suggestions()

    def section(self, *keys: str) -> Data:
        """A map of the document, empty where it is not there."""
        found: Any = self.data
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def keys_at(self, path: Path) -> frozenset[str]:
        """The keys that are written at ``path``, those with wrong values too."""
        node = at(self.root, path)
        return frozenset(entry.key.text for entry in node) if isinstance(node, Mapping) else frozenset()

    def at_value(self, code: str, message: str, path: Path, mend: str = "") -> Diagnostic:
        """A finding about the value at ``path``."""
        return finding(code, message, path, value_span(self.root, path), mend)

    def at_key(self, code: str, message: str, path: Path, mend: str = "") -> Diagnostic:
        """A finding about the key at ``path``."""
        return finding(code, message, path, key_span(self.root, path), mend)

    @cached_property
    def interfaces(self) -> tuple[Interface, ...]:
        """The default command's interface, and that of every other command."""
        found = [Interface(self.default_command, (), self.data)]
        for name, command in (self.data.get("commands") or {}).items():
            if not command.get("default"):
                found.append(Interface(name, ("commands", name), command))
        return tuple(found)

    @cached_property
    def default_command(self) -> str:
        """The name of the default command."""
        commands = self.data.get("commands") or {}
        return next((name for name, command in commands.items() if command.get("default")), "run")

    def interface(self, command: str | None) -> Interface | None:
        """The interface of a command; of the default one where none is named; None where there is no such command."""
        return self._by_name.get(command or self.default_command)

    @cached_property
    def _by_name(self) -> dict[str, Interface]:
        return {interface.name: interface for interface in reversed(self.interfaces)}

    @cached_property
    def types(self) -> tuple[Typed, ...]:
        """Every parameter, and every type inside one."""
        found: list[Typed] = []
        for interface in self.interfaces:
            for side in ("inputs", "outputs"):
                for path, parameter in interface.parameters(side):
                    _collect(found, Typed(path, parameter, side, 0))
        return tuple(found)


def _collect(found: list[Typed], typed: Typed) -> None:
    found.append(typed)
    for key in ("items", "values"):
        inner = typed.data.get(key)
        if isinstance(inner, dict):
            _collect(found, Typed((*typed.path, key), inner, typed.side, typed.depth + 1))
    for name, inner in (typed.data.get("properties") or {}).items():
        _collect(found, Typed((*typed.path, "properties", name), inner, typed.side, typed.depth + 1))


def entries(values: Any) -> Iterator[tuple[int, Any]]:
    """The entries of a list that are right, with their index: a wrong one is None, or an empty map."""
    for index, value in enumerate(values or ()):
        if value is not None and value != {}:
            yield index, value
