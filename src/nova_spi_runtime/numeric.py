"""Integers, floats and decimals: read exactly, bounded exactly.

A reader answers with the number, or notes a problem and answers with None.
"""

from __future__ import annotations

import re

from .problems import kind_of, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from decimal import Context, Decimal
    from typing import Any, Union

    from .parameters import Parameter
    from .problems import Problems

    Number = Union[int, float, Decimal]

MAX_DIGITS = 4300
"""Digits of an integer: what Python itself reads and prints unless told otherwise (`sys.set_int_max_str_digits`)."""
_MAX_BITS = 14285  # 10 ** 4300 has this many
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGRAL = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
_MAX_NUMBER_TEXT = 8192


def integer_from_text(text: str, path: str, problems: Problems) -> Any:
    """Read an integer, which may be written ``3`` or ``3.0``."""
    text = text.strip()
    found = _INTEGRAL.fullmatch(text)
    if not found:
        return problems.add(path, f"must be an integer, not {shown(text)}")
    try:
        return integer(int(found[1]), path, problems) if len(found[1]) <= MAX_DIGITS + 1 else _too_long(path, problems)
    except ValueError:
        return _too_long(path, problems)


def integer(value: Any, path: str, problems: Problems) -> Any:
    """Take an integer from JSON; ``3.0`` is one, as in JSON Schema, and is passed on as 3."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return problems.add(path, f"must be an integer, not {kind_of(value)}")
    if isinstance(value, float):
        if not value.is_integer():
            return problems.add(path, f"must be an integer, not {value!r}")
    elif value.bit_length() >= _MAX_BITS and abs(value) >= 10**MAX_DIGITS:
        return _too_long(path, problems)
    return int(value)


def _too_long(path: str, problems: Problems) -> Any:
    return problems.add(path, f"has more than {MAX_DIGITS} digits")


def float_from_text(text: str, precision: int | None, path: str, problems: Problems) -> Any:
    """Read a float in JSON's notation; ``nan`` and ``inf`` are none."""
    text = text.strip()
    if len(text) > _MAX_NUMBER_TEXT or not _NUMBER.fullmatch(text):
        return problems.add(path, f"must be a finite number, not {shown(text)}")
    return floating(float(text), precision, path, problems)


def floating(value: Any, precision: int | None, path: str, problems: Problems) -> Any:
    """Take a float from JSON: within the range of binary32, and as written unless ``precision`` says otherwise.

    Precision 64 lifts the range to binary64's; 32 rounds to the nearest binary32.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return problems.add(path, f"must be a number, not {kind_of(value)}")
    from struct import pack, unpack

    try:
        found = float(value)
        if found != found or found in (float("inf"), float("-inf")):
            return problems.add(path, "must be a finite number")
        if precision == 64:
            return found
        packed = pack("<f", found)
    except OverflowError:
        bits = 64 if precision == 64 else 32
        mend = "" if bits == 64 else "; precision: 64 would allow it"
        return problems.add(path, f"is outside the range of a float of {bits} bits{mend}")
    return float(unpack("<f", packed)[0]) if precision == 32 else found


def comparable(parameter: Parameter, rule: Any) -> Any:
    """A bound or a choice as a value of this parameter is compared with it: with ``precision: 32`` it is rounded too.

    Rounding keeps the order, so 0.1 meets ``max_value: 0.1`` before it is rounded and after.
    """
    return _binary32(float(rule)) if parameter.type == "float" and parameter.precision == 32 else rule


def _shortest(parameter: Parameter, value: Any) -> Any:
    """Of a binary32 the shortest decimal that rounds to it, which is what somebody wrote: 0.1 for 0.10000000149."""
    if parameter.type != "float" or parameter.precision != 32:
        return value
    return next((short for digits in range(1, 9) if _binary32(short := float(f"{value:.{digits}g}")) == value), value)


def _binary32(value: float) -> float:
    """The nearest binary32; a value beyond its range stays as it is."""
    from struct import pack, unpack

    try:
        return float(unpack("<f", pack("<f", value))[0])
    except OverflowError:
        return value


def decimal(value: Any, path: str, problems: Problems) -> Any:
    """Take an IEEE 754 decimal128: a string of at most 34 significant digits, or an integer.

    A JSON number with a fraction is refused, because reading it as binary has already changed it.
    """
    from decimal import Decimal

    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return problems.add(path, f'must be a decimal number as a string, e.g. "10.25", not {kind_of(value)}')
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _MAX_NUMBER_TEXT or not _NUMBER.fullmatch(value):
            return problems.add(path, f"must be a decimal number, not {shown(value)}")
    if isinstance(value, Decimal) and not value.is_finite():
        return problems.add(path, "must be a finite number")
    if isinstance(value, int) and value.bit_length() >= _MAX_BITS:
        return _too_long(path, problems)
    return _decimal128(value, path, problems)


def _decimal128(value: str | int | Decimal, path: str, problems: Problems) -> Any:
    from decimal import Inexact, InvalidOperation, Overflow

    try:
        return _context().create_decimal(value)
    except Overflow:
        return problems.add(path, "is outside the range of a decimal128 (up to 9.99e6144)")
    except (Inexact, InvalidOperation):
        return problems.add(path, "has more than 34 significant digits, or is outside the range of a decimal128")


def _context() -> Context:
    from decimal import ROUND_HALF_EVEN, Context, Inexact, InvalidOperation, Overflow

    return Context(
        prec=34,
        rounding=ROUND_HALF_EVEN,
        Emin=-6143,
        Emax=6144,
        clamp=1,
        traps=[Inexact, InvalidOperation, Overflow],
    )


def check_bounds(parameter: Parameter, value: Number, path: str, problems: Problems) -> None:
    """Check ``min_value``, ``max_value`` and ``multiple_of``, each as the decimal number that stands there."""
    rules = parameter.constraints
    least, most, step = rules.get("min_value"), rules.get("max_value"), rules.get("multiple_of")
    if least is not None and _ratio_less(value, comparable(parameter, least)):
        problems.add(path, f"must be at least {least}, not {shown_number(value)}")
    if most is not None and _ratio_less(comparable(parameter, most), value):
        problems.add(path, f"must be at most {most}, not {shown_number(value)}")
    if step is not None:
        above, below = _ratio(_shortest(parameter, value))
        step_above, step_below = _ratio(step)
        if above * step_below % (below * step_above):
            problems.add(path, f"must be a multiple of {step}, not {shown_number(value)}")


def shown_number(value: Number) -> str:
    """A number for a message: shortened when it is long."""
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _ratio_less(first: Any, second: Any) -> bool:
    if type(first) is type(second) and not isinstance(first, str):
        return bool(first < second)
    (above, below), (other_above, other_below) = _ratio(first), _ratio(second)
    return above * other_below < other_above * below


def _ratio(number: Any) -> tuple[int, int]:
    """A number as the exact fraction of what stands there: 0.1 is one tenth, not its nearest binary."""
    if isinstance(number, int):
        return number, 1
    from decimal import Decimal

    return Decimal(repr(number) if isinstance(number, float) else number).as_integer_ratio()
