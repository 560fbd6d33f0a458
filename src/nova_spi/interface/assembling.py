"""Dotted keys: from ``options.size=3`` and ``tags.0=red`` to the object and the array that they speak of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_spi_runtime.json_text import JsonInvalid, parse_json
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.problems import Problem, child
from nova_spi_runtime.values import ValueInvalid, from_text

MAX_STEPS = 32
"""How deep a dotted key reaches."""

_STRUCTURED = ("array", "map", "object")


class Text(str):
    """A value that came as text, from a command line or a form: ``Text("3")`` is 3 where an integer is wanted."""

    __slots__ = ()


@dataclass(slots=True)
class Branch:
    """What was given for one place: a whole value, parts of it by their next step, or both."""

    whole: Any = None
    given: bool = False
    parts: dict[str, "Branch"] = field(default_factory=dict)


def plant(root: Branch, steps: list[str], value: Any) -> None:
    """Puts a value at a place of the tree."""
    for step in steps:
        root = root.parts.setdefault(step, Branch())
    root.whole, root.given = value, True


def steps_of(parameter: Parameter | None, rest: str) -> list[str]:
    """The steps of what follows a parameter's name: dots part them, but the keys of a flat map may hold dots."""
    steps: list[str] = []
    while rest and len(steps) < MAX_STEPS:
        if parameter is not None and parameter.type == "map" and not _is_structured(parameter.values):
            return [*steps, rest]
        step, _, rest = rest.partition(".")
        steps.append(step)
        parameter = inner(parameter, step)
    return [*steps, rest] if rest else steps


def inner(parameter: Parameter | None, step: str) -> Parameter | None:
    """The parameter one step further in; None where any JSON value may stand."""
    if parameter is None:
        return None
    if parameter.type == "object":
        return parameter.properties.get(step)
    return parameter.items if parameter.type == "array" else parameter.values


def _is_structured(parameter: Parameter | None) -> bool:
    return parameter is not None and parameter.type in _STRUCTURED


def assemble(parameter: Parameter | None, branch: Branch, path: str, problems: list[Problem]) -> Any:
    """The JSON-like value of a branch; text is read as its place wants it, and every problem is noted.

    A whole value and parts of it go together: the parts win, so that one key of an object from a file can be changed.
    """
    if not branch.parts:
        return _leaf(parameter, branch.whole, path, problems)
    if parameter is not None and parameter.type not in _STRUCTURED:
        first = next(iter(branch.parts))
        problems.append(Problem(path, f"is of type {parameter.type} and has no part '{first[:40]}'"))
        return None
    whole = _leaf(parameter, branch.whole, path, problems) if branch.given else None
    if _wants_array(parameter, branch, whole):
        return _array(parameter, branch, whole, path, problems)
    if whole is not None and not isinstance(whole, Mapping):
        problems.append(Problem(path, "is given as a whole and by its parts, and the whole has no parts"))
        return None
    found = dict(whole or {})
    for step, part in branch.parts.items():
        _inherit(part, found.get(step))
        found[step] = assemble(inner(parameter, step), part, child(path, step), problems)
    return found


def _inherit(part: Branch, old: Any) -> None:
    """Lets a part that is itself given in parts begin with what the whole value has at its place."""
    if part.parts and not part.given and old is not None:
        part.whole, part.given = old, True


def _wants_array(parameter: Parameter | None, branch: Branch, whole: Any) -> bool:
    if parameter is not None:
        return parameter.type == "array"
    return isinstance(whole, list) or (whole is None and all(step.isdecimal() for step in branch.parts))


def _array(
    parameter: Parameter | None, branch: Branch, whole: Any, path: str, problems: list[Problem]
) -> list[Any] | None:
    found = list(whole) if isinstance(whole, list | tuple) else []
    wrong = [step for step in branch.parts if not (step.isascii() and step.isdecimal() and len(step) < 10)]
    if wrong:
        problems.append(Problem(path, f"is an array: its parts have numbers from 0, not '{wrong[0][:40]}'"))
        return None
    for index, part in sorted((int(step), part) for step, part in branch.parts.items()):
        if index > len(found):
            problems.append(Problem(path, f"has an element {index} and none {len(found)}"))
            return None
        _inherit(part, found[index] if index < len(found) else None)
        value = assemble(inner(parameter, str(index)), part, f"{path}[{index}]", problems)
        found[index : index + 1] = [value]
    return found


def _leaf(parameter: Parameter | None, value: Any, path: str, problems: list[Problem]) -> Any:
    if not isinstance(value, Text):
        return value
    text = str(value)
    if parameter is None:
        return _guessed(text)
    try:
        if parameter.type in _STRUCTURED:
            return parse_json(text)
        # The element's own name is empty or short: problems are told by the whole path.
        return from_text(parameter.replace(name=path), text)
    except JsonInvalid as problem:
        problems.append(Problem(path, f"must be JSON: {problem}"))
    except ValueInvalid as invalid:
        problems.extend(invalid.problems)
    return None


def _guessed(text: str) -> Any:
    """Text where any JSON value may stand: JSON where it is JSON, else the text itself."""
    try:
        return parse_json(text)
    except JsonInvalid:
        return text
