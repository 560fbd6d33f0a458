"""A scalar as one kind of value: what its key expects decides, not its looks alone."""

import math

from nova_spi.manifest.finding import shown
from nova_spi.manifest.nodes import Mapping, Node, Scalar
from nova_spi.manifest.text.scalars import resolve_core

_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}


class NotFiniteError(ValueError):
    """It is written as a number, and JSON has none such: infinite or not a number."""


def is_plain(scalar: Scalar) -> bool:
    """Whether the scalar may mean something other than its text: it is plain, or a tag says so."""
    return scalar.tag in _CORE_TAGS if scalar.tag else scalar.plain


def resolve(scalar: Scalar) -> bool | int | float | str | None:
    """What the scalar means where nothing says what is expected.

    Raises:
        NotFiniteError: It is an infinity or not a number.
    """
    value = resolve_core(scalar.text) if is_plain(scalar) else scalar.text
    if isinstance(value, float) and not math.isfinite(value):
        raise NotFiniteError(scalar.text)
    return value


def is_null(scalar: Scalar) -> bool:
    """Whether the scalar says that nothing stands there."""
    return is_plain(scalar) and resolve_core(scalar.text) is None


def to_boolean(scalar: Scalar) -> bool | None:
    """The boolean, or None where the scalar is none."""
    value = resolve_core(scalar.text) if is_plain(scalar) else None
    return value if isinstance(value, bool) else None


def to_number(scalar: Scalar) -> int | float | None:
    """The number, or None where the scalar is none.

    Raises:
        NotFiniteError: It is an infinity or not a number.
    """
    value = resolve(scalar)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def described(node: Node, wanted: str) -> tuple[str, str]:
    """What stands at ``node`` in words ("nothing" for null), and how to mend it where that is plain."""
    if not isinstance(node, Scalar):
        return ("a map" if isinstance(node, Mapping) else "a list"), ""
    if not is_plain(node):
        number = "number" in wanted and isinstance(resolve_core(node.text), int | float)
        truth = wanted == "true or false" and isinstance(resolve_core(node.text), bool)
        return f"the text {shown(node.text)}", "leave out the quotation marks" if number or truth else ""
    value = resolve_core(node.text)
    if value is None:
        return "nothing", ""
    quotes = "put it in quotation marks" if wanted == "a text" else ""
    if isinstance(value, bool):
        return f"the boolean {node.text}", quotes
    return (f"the text {shown(value)}", "") if isinstance(value, str) else (f"the number {shown(value)}", quotes)
