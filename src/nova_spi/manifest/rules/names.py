"""Names: what is found by its name has one of its own, and none is a word of Python."""

import keyword
from collections.abc import Iterable, Iterator
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import shown
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Scope, entries

_LISTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("asset", ("assets",)),
    ("volume", ("execution", "volumes")),
    ("test case", ("test_cases",)),
    ("metric", ("benchmark", "metrics")),
    ("baseline", ("benchmark", "baselines")),
)


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Unique names, whatever the case, and names that are words of Python."""
    for interface in scope.interfaces:
        for side in ("inputs", "outputs"):
            named = [((*path, "name"), parameter.get("name")) for path, parameter in interface.parameters(side)]
            yield from _twice(scope, "SPI-M300", side.removesuffix("s"), named)
            yield from _words(scope, named if side == "inputs" else [], "{}_")
    for what, place in _LISTS:
        listed = scope.section(*place[:-1]).get(place[-1])
        named = [((*place, index, "name"), entry.get("name")) for index, entry in entries(listed)]
        yield from _twice(scope, "SPI-M301", what, named)
    yield from _words(scope, [(("model", "name"), scope.section("model").get("name"))], "{}-model")


def _twice(scope: Scope, code: str, what: str, named: Iterable[tuple[Path, Any]]) -> Iterator[Diagnostic]:
    seen: dict[str, str] = {}
    for path, name in named:
        if name is None:
            continue
        first = seen.get(name.casefold())
        if first is None:
            seen[name.casefold()] = name
            continue
        other = "" if first == name else f"; the case of {shown(first)} makes no difference"
        yield scope.at_value(code, f"the {what} {shown(name)} is there already{other}", path, "give it another name")


def _words(scope: Scope, named: Iterable[tuple[Path, Any]], other: str) -> Iterator[Diagnostic]:
    """Names that Python reads as words; ``other`` makes one that it does not."""
    for path, name in named:
        if name is not None and keyword.iskeyword(name):
            message = f"{shown(name)} is a word of Python, and cannot be a name there"
            yield scope.at_value("SPI-M302", message, path, f"take another name, as in {other.format(name)}")
