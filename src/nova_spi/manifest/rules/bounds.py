"""Bounds: the least is not above the greatest, wherever there are two."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import shown
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Data, Scope, Typed, entries

_CONSTRAINTS = ("value", "length", "items", "files", "size_bytes")
_MEDIA = ("resolution", "fps", "duration_seconds", "sample_rate", "bitrate")


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Constraints, limits of media, replicas, metrics of test cases."""
    for typed in scope.types:
        yield from _constraints(scope, typed)
        for medium, limits in (typed.data.get("domain_specific") or {}).items():
            if isinstance(limits, dict):
                yield from _pairs(scope, limits, _MEDIA, (*typed.path, "domain_specific", medium))
    yield from _pairs(scope, scope.section("operations", "scaling"), ("replicas",), ("operations", "scaling"))
    for index, case in entries(scope.data.get("test_cases")):
        for name, bounds in ((case.get("expect") or {}).get("metric") or {}).items():
            yield from _pair(scope, bounds, "min", "max", ("test_cases", index, "expect", "metric", name))


def _constraints(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    constraints = typed.data.get("constraints") or {}
    place = (*typed.path, "constraints")
    yield from _pairs(scope, constraints, _CONSTRAINTS, place)
    step = _number(constraints.get("multiple_of"))
    if step is not None and step <= 0:
        yield scope.at_value("SPI-M310", "multiple_of is above 0", (*place, "multiple_of"), "write a number above 0")


def _pairs(scope: Scope, holder: Data, names: tuple[str, ...], path: Path) -> Iterator[Diagnostic]:
    for name in names:
        yield from _pair(scope, holder, f"min_{name}", f"max_{name}", path)


def _pair(scope: Scope, holder: Data, least: str, greatest: str, path: Path) -> Iterator[Diagnostic]:
    low, high = holder.get(least), holder.get(greatest)
    if low is None or high is None or not _is_above(low, high):
        return
    message = f"{least} {shown(low)} is above {greatest} {shown(high)}".replace("'", "")
    yield scope.at_value("SPI-M309", message, (*path, least), "swap the two, or correct one")


def _is_above(low: Any, high: Any) -> bool:
    """Whether ``low`` is more than ``high``; two resolutions compare where both are of one form."""
    if isinstance(low, str) and isinstance(high, str) and ("x" in low or "p" in low):
        first, second = _sizes(low), _sizes(high)
        if len(first) == len(second):
            return any(one > other for one, other in zip(first, second, strict=True))
        return min(first) > min(second)
    one, other = _number(low), _number(high)
    return one is not None and other is not None and one > other


def _sizes(resolution: str) -> tuple[int, ...]:
    return tuple(int(part) for part in resolution.removesuffix("p").split("x"))


def _number(value: Any) -> Decimal | None:
    """A number, exactly; the bounds of decimals stand as text."""
    return Decimal(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
