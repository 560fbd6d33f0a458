"""Values that the manifest itself gives: defaults and the values of enums meet type and constraints."""

from collections.abc import Iterator
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Data, Scope, Typed
from nova_spi.manifest.rules.types import KEYS
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import Problem, ValueInvalid, from_json

_MOST_VALUES = 1000
"""Values of one enum that are held against the constraints; a longer list is data, and not worth the time."""


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Defaults, enums, and defaults of what is required."""
    for typed in scope.types:
        if typed.side == "inputs" and "default" in typed.data:
            yield from _default(scope, typed)
        if "enum" in typed.data and typed.kind in KEYS["enum"]:
            yield from _enum(scope, typed)


def _default(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    place = (*typed.path, "default")
    if typed.data.get("required") is True:
        message = "required, and yet it has a default; a default makes it optional"
        yield scope.at_key("SPI-M308", message, (*typed.path, "required"), "remove required, or the default")
    if typed.kind == "file" or not typed.kind:
        return
    for problem in problems_of(typed.data, typed.data["default"]):
        inside = _inside(problem)
        subject = f"{inside[0]} of the default" if inside else "the default"
        yield scope.at_value("SPI-M307", f"{subject} {said(problem)}", (*place, *inside), "correct it")


def _enum(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    bare = {key: value for key, value in typed.data.items() if key not in ("enum", "default")}
    if bare.get("type") == "enum":
        bare["type"] = "string"
    for index, value in enumerate(typed.data["enum"][:_MOST_VALUES]):
        if value is None:
            continue
        for problem in problems_of(bare, value):
            path: Path = (*typed.path, "enum", index)
            yield scope.at_value("SPI-M306", f"the value {said(problem)}", path, "correct it, or the constraint")


def problems_of(parameter: Data, value: Any) -> tuple[Problem, ...]:
    """What is wrong with a value for a parameter. Where the parameter itself is broken, that is told elsewhere."""
    if _is_blank(value):
        return ()
    try:
        wanted = Parameter.from_dict(parameter, parameter.get("name", "value"))
    except ValueError:
        return ()
    try:
        from_json(wanted, value)
    except ValueInvalid as error:
        return error.problems
    return ()


def _is_blank(value: Any) -> bool:
    """Whether a part of the value was left out because it was reported already."""
    return value is None or (isinstance(value, list) and any(_is_blank(item) for item in value))


def said(problem: Problem) -> str:
    """What is wrong, for a sentence that begins with its subject."""
    return problem.message.removesuffix(".")


def _inside(problem: Problem) -> Path:
    """Where in the value; only the first key, as a value's own paths are text."""
    first, _, rest = problem.path.partition(".")
    return (rest.split(".")[0].split("[")[0],) if first and rest else ()
