"""Typed values: from text and from JSON, with every rule of their parameter, and back.

The one place where values are read, on both sides: beside the model and in the SDK. A value goes in as text (the
environment, a command line) or as JSON (an inputs file, a result), and comes out as Python's own: str, int, float,
`decimal.Decimal`, bool, list, dict. Files are not values; see `inputs` and `outputs`.
"""

from __future__ import annotations

from . import containers, numeric
from .json_text import JsonInvalid, parse_json, write_json
from .problems import Problem, Problems, ValueInvalid, kind_of, shown, suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .parameters import Parameter

__all__ = ["Problem", "ValueInvalid", "from_json", "from_text", "pattern_problem", "to_json", "to_text"]

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_STRUCTURED = {"array": containers.array, "map": containers.mapping, "object": containers.structure}


def from_text(parameter: Parameter, text: str) -> Any:
    """Read a value from text: scalars as they are written, arrays, maps and objects as JSON.

    Raises:
        ValueInvalid: With everything that is wrong.
    """
    problems = Problems()
    path = parameter.name
    value: Any = None
    if parameter.type == "integer":
        value = numeric.integer_from_text(text, path, problems)
    elif parameter.type == "float":
        value = numeric.float_from_text(text, parameter.precision, path, problems)
    elif parameter.type == "boolean":
        value = _BOOLEANS.get(text.strip().lower())
        if value is None:
            problems.add(path, f"must be true, false, yes, no, on, off, 1 or 0, not {shown(text)}")
    elif parameter.type in _STRUCTURED:
        try:
            value = parse_json(text)
        except JsonInvalid as problem:
            problems.add(path, f"must be JSON: {problem}")
    else:
        value = text
    return _finished(parameter, value, problems)


def from_json(parameter: Parameter, value: Any) -> Any:
    """Take a value as JSON has it, or as Python has it (`decimal.Decimal`, a tuple for an array).

    Raises:
        ValueInvalid: With everything that is wrong.
    """
    return _finished(parameter, value, Problems())


def _finished(parameter: Parameter, value: Any, problems: Problems) -> Any:
    if not problems.found:
        value = read(parameter, value, parameter.name, problems)
    if problems.found:
        raise ValueInvalid(problems.found)
    return value


def read(parameter: Parameter, value: Any, path: str, problems: Problems) -> Any:
    """Take one value, at ``path``, and note what is wrong with it; the answer counts only if nothing is."""
    kind = parameter.type
    if kind in _STRUCTURED:
        return _STRUCTURED[kind](parameter, value, path, problems, read)
    before = len(problems.found)
    found = _scalar(parameter, value, path, problems)
    if len(problems.found) > before:
        return None
    if parameter.enum is not None and not _listed(parameter, found):
        _not_listed(parameter, found, path, problems)
    if kind in ("integer", "float", "decimal"):
        numeric.check_bounds(parameter, found, path, problems)
    elif kind in ("string", "enum"):
        _check_string(parameter, found, path, problems)
    return found


def _scalar(parameter: Parameter, value: Any, path: str, problems: Problems) -> Any:
    kind = parameter.type
    if kind == "integer":
        return numeric.integer(value, path, problems)
    if kind == "float":
        return numeric.floating(value, parameter.precision, path, problems)
    if kind == "decimal":
        return numeric.decimal(value, path, problems)
    if kind == "boolean":
        return value if isinstance(value, bool) else problems.add(path, f"must be true or false, not {kind_of(value)}")
    if kind == "file":
        return problems.add(path, "is a file, and a file cannot stand here")
    if not isinstance(value, str):
        return problems.add(path, f"must be a string, not {kind_of(value)}")
    if not containers.is_unicode(value):
        return problems.add(path, "holds half of a surrogate pair, which is no text")
    return str.__str__(value)


def _listed(parameter: Parameter, value: Any) -> bool:
    return any(value == numeric.comparable(parameter, choice) for choice in parameter.enum or ())


def _not_listed(parameter: Parameter, value: Any, path: str, problems: Problems) -> None:
    choices = ", ".join(str(choice) for choice in parameter.enum or ())
    message = f"must be one of {choices if len(choices) <= 200 else choices[:197] + '...'}"
    if not parameter.secret:
        near = suggestion(value, [str(choice) for choice in parameter.enum or ()]) if isinstance(value, str) else ""
        message += f", not {shown(value)}{near}"
    problems.add(path, message)


def _check_string(parameter: Parameter, value: str, path: str, problems: Problems) -> None:
    """Lengths are counted in code points. The value is not quoted: it may be long, and it may be a secret."""
    rules = parameter.constraints
    least, most, pattern = rules.get("min_length"), rules.get("max_length"), rules.get("pattern")
    if least is not None and len(value) < least:
        problems.add(path, f"must have at least {least} characters, not {len(value)}")
    if most is not None and len(value) > most:
        problems.add(path, f"must have at most {most} characters, not {len(value)}")
    if pattern is None:
        return
    from .regular import MAX_VALUE_BYTES, found_in

    if len(value.encode()) > MAX_VALUE_BYTES:
        problems.add(path, f"is longer than {MAX_VALUE_BYTES // 1024} KiB, too long for its pattern")
    elif not found_in(pattern, value):
        problems.add(path, f"does not match the pattern {pattern}")


def pattern_problem(pattern: str) -> str | None:
    """Say why a string's ``constraints.pattern`` is not allowed, or None if it is; see `regular`."""
    from .regular import pattern_problem as problem

    return problem(pattern)


def to_json(parameter: Parameter | None, value: Any) -> Any:
    """A typed value as JSON has it: a decimal is a string, everything else stands as it is.

    ``from_json(parameter, to_json(parameter, value)) == value`` for every value that `from_json` gives.
    """
    kind = parameter.type if parameter is not None else ""
    if parameter is None:
        return value
    if kind == "decimal":
        return str(value)
    if kind == "array":
        return [to_json(parameter.items, element) for element in value]
    if kind == "map":
        return {key: to_json(parameter.values, element) for key, element in value.items()}
    if kind == "object":
        return {key: to_json(parameter.properties.get(key), element) for key, element in value.items()}
    return value


def to_text(parameter: Parameter, value: Any) -> str:
    """A typed value as text, for the environment; `from_text` reads the same value back."""
    if parameter.type == "boolean":
        return "true" if value else "false"
    if parameter.type == "float":
        return repr(value)
    if parameter.type in _STRUCTURED:
        return write_json(to_json(parameter, value))
    return str(value)
