"""Arrays, maps and objects, and values of any shape that JSON can hold."""

from __future__ import annotations

from itertools import islice

from .problems import child, kind_of, suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .parameters import Parameter
    from .problems import Problems

    Read = Callable[[Parameter, Any, str, Problems], Any]

MAX_DEPTH = 100
"""How deep arrays and objects may stand in each other where no type says so."""


def array(parameter: Parameter, value: Any, path: str, problems: Problems, read: Read) -> Any:
    """Take an array: its count, its elements, whether they differ."""
    if not isinstance(value, (list, tuple)):
        return problems.add(path, f"must be an array, not {kind_of(value)}")
    most = _check_count(parameter, len(value), "elements", path, problems)
    found = []
    for index, element in enumerate(islice(value, most)):
        if problems.full:
            break
        found.append(_element(parameter.items, element, f"{path}[{index}]", problems, read))
    if parameter.constraints.get("unique_items") and not problems.found:
        _check_unique(value, path, problems)
    return found


def mapping(parameter: Parameter, value: Any, path: str, problems: Problems, read: Read) -> Any:
    """Take a map: free keys, one type of value."""
    if not _is_object(value, "a map", path, problems):
        return None
    most = _check_count(parameter, len(value), "entries", path, problems)
    found = {}
    for key, element in islice(value.items(), most):
        if problems.full:
            break
        found[key] = _element(parameter.values, element, child(path, key), problems, read)
    return found


def structure(parameter: Parameter, value: Any, path: str, problems: Problems, read: Read) -> Any:
    """Take an object: fixed keys, each with its own type; a key with a default is filled in."""
    if not _is_object(value, "an object", path, problems):
        return None
    known = parameter.properties
    if not known:
        return any_json(value, path, problems)
    found = {}
    for key, element in value.items():
        if problems.full:
            return None
        if key in known:
            found[key] = read(known[key], element, child(path, key), problems)
        else:
            problems.add(child(path, key), f"is not a known key{suggestion(key, known)}")
    for key, inner in known.items():
        if key not in value:
            if inner.default or inner.default is not _missing():
                found[key] = read(inner, inner.default, child(path, key), problems)
            elif inner.required:
                problems.add(child(path, key), "is required")
    return found


def _missing() -> Any:
    from .parameters import MISSING

    return MISSING


def _is_object(value: Any, wanted: str, path: str, problems: Problems) -> bool:
    if not isinstance(value, dict):
        problems.add(path, f"must be {wanted}, not {kind_of(value)}")
        return False
    for key in value:
        if not isinstance(key, str) or not is_unicode(key):
            problems.add(path, f"has a key that is no string of Unicode: {ascii(key)[:40]}")
            return False
    return True


def _element(parameter: Parameter | None, value: Any, path: str, problems: Problems, read: Read) -> Any:
    return any_json(value, path, problems) if parameter is None else read(parameter, value, path, problems)


def _check_count(parameter: Parameter, count: int, what: str, path: str, problems: Problems) -> int | None:
    """Answer how many are looked at: those that are too many are one mistake, however many there are."""
    least, most = parameter.constraints.get("min_items"), parameter.constraints.get("max_items")
    if least is not None and count < least:
        problems.add(path, f"must have at least {least} {what}, not {count}")
    if most is not None and count > most:
        problems.add(path, f"must have at most {most} {what}, not {count}")
    return None if most is None else max(0, int(most))


def is_unicode(text: str) -> bool:
    """Whether a string can be written: half of a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()  # a loop over the characters would take a hundred times as long
    except UnicodeEncodeError:
        return False
    return True


def any_json(value: Any, path: str, problems: Problems, depth: int = 0) -> Any:
    """Take a value of any shape that JSON can hold; NaN, infinity, other types and bottomless values are problems."""
    if depth > MAX_DEPTH:
        return problems.add(path[:100] + "...", f"is nested more than {MAX_DEPTH} deep")
    if isinstance(value, (list, tuple)):
        return [any_json(each, f"{path}[{at}]", problems, depth + 1) for at, each in enumerate(value)]
    if isinstance(value, dict):
        if not _is_object(value, "an object", path, problems):
            return None
        return {key: any_json(each, child(path, key), problems, depth + 1) for key, each in value.items()}
    if isinstance(value, str):
        if not is_unicode(value):
            problems.add(path, "holds half of a surrogate pair, which is no text")
        return str.__str__(value)
    return _any_scalar(value, path, problems)


def _any_scalar(value: Any, path: str, problems: Problems) -> Any:
    from .numeric import floating, integer

    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return integer(value, path, problems)
    if isinstance(value, float):
        return floating(value, 64, path, problems)
    return problems.add(path, f"is {kind_of(value)}, which JSON cannot hold")


def _check_unique(value: Any, path: str, problems: Problems) -> None:
    """Elements must differ as JSON values: 1 equals 1.0, true is not 1, the order of keys does not count."""
    seen: dict[Any, int] = {}
    for index, element in enumerate(value):
        key = _frozen(element)
        if key in seen:
            problems.add(f"{path}[{index}]", f"is the same as {path}[{seen[key]}], and elements must differ")
        seen.setdefault(key, index)


def _frozen(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(element) for element in value)
    if isinstance(value, dict):
        return frozenset((key, _frozen(element)) for key, element in value.items())
    if isinstance(value, (bool, str)) or value is None:
        return value.__class__.__name__, value
    return "number", value
