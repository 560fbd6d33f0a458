"""Whether the rules of a parameter can be used at all: a broken rule must not surface as a failure of its value."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NUMBERS = ("min_value", "max_value", "multiple_of")
_COUNTS = (
    "min_length",
    "max_length",
    "min_items",
    "max_items",
    "min_files",
    "max_files",
    "min_size_bytes",
    "max_size_bytes",
)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_mapping(value: Any) -> bool:
    return hasattr(value, "keys")


_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "description": (_is_text, "a string"),
    "required": (lambda value: isinstance(value, bool), "true or false"),
    "secret": (lambda value: isinstance(value, bool), "true or false"),
    "precision": (lambda value: value in (32, 64), "32 or 64"),
    "constraints": (_is_mapping, "an object"),
    "domain_specific": (_is_mapping, "an object"),
    "schema": (_is_mapping, "an object"),
    "file_pattern": (_is_text, "a string"),
    "mount_path": (_is_text, "a string"),
    "index_padding": (lambda value: type(value) is int and 1 <= value <= 9, "a number from 1 to 9"),
}


def check_rules(path: str, kind: str, fields: dict[str, Any]) -> None:
    """Check the fields of a parameter and bring its lists into their form, in place.

    Args:
        path: Where the parameter stands, for the message.
        kind: Its type.
        fields: The fields that were given, under the names of `Parameter`.

    Raises:
        ValueError: A field cannot be used.
    """
    for field, (fits, wanted) in _SHAPES.items():
        if field in fields and not fits(fields[field]):
            raise ValueError(f"{path}: {field} must be {wanted}, not {fields[field]!r:.80}")
    for field in ("enum", "mime_types"):
        if field in fields:
            fields[field] = _listed(path, field, fields[field])
    if kind == "enum" and not fields.get("enum"):
        raise ValueError(f"{path}: a parameter of type enum needs the list enum")
    _check_constraints(path, fields.get("constraints", {}))


def _listed(path: str, field: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{path}: {field} must be a list, not {value!r:.80}")
    return tuple(value)


def _check_constraints(path: str, constraints: Any) -> None:
    for name in _NUMBERS:
        if name in constraints and not _is_number(constraints[name]):
            raise ValueError(f"{path}: {name} must be a number, not {constraints[name]!r:.80}")
    if "multiple_of" in constraints and not _is_positive(constraints["multiple_of"]):
        raise ValueError(f"{path}: multiple_of must be more than 0")
    for name in _COUNTS:
        if name in constraints and (type(constraints[name]) is not int or constraints[name] < 0):
            raise ValueError(f"{path}: {name} must be a whole number from 0, not {constraints[name]!r:.80}")
    if "pattern" in constraints:
        from .regular import pattern_problem

        pattern = constraints["pattern"]
        problem = pattern_problem(pattern) if isinstance(pattern, str) else "it must be a string"
        if problem:
            raise ValueError(f"{path}: pattern {pattern!r:.80} cannot be used: {problem}")


def _is_positive(value: Any) -> bool:
    if isinstance(value, str):
        from decimal import Decimal

        return Decimal(value) > 0
    return bool(value > 0)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        # A decimal's bound may stand as text, so that no digit of it is lost.
        from decimal import Decimal, InvalidOperation

        try:
            return len(value) <= 6200 and Decimal(value).is_finite()
        except InvalidOperation:
            return False
    return hasattr(value, "__float__") and value == value and abs(value) != float("inf")
