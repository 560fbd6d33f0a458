"""Amounts of memory and disk as Kubernetes writes them: ``24Gi``, ``500M``, ``1e9``.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import Decimal

QUANTITY = r"^(?:[0-9]{1,15}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(?:[KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2})?$"
"""The syntax. Kubernetes also knows ``m`` (thousandths) and signs, which mean nothing for bytes."""

_SPLIT = re.compile(r"^([0-9.]+)(.*)$")
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {letter: 1000**power for power, letter in enumerate("kMGTPE", start=1)}
_FACTORS = {"": 1} | _BINARY | _DECIMAL


def is_quantity(text: str) -> bool:
    """Whether ``text`` is an amount in this syntax."""
    return re.match(QUANTITY, text) is not None and not text.endswith("\n")


def to_bytes(text: str) -> int:
    """The amount in bytes, rounded up to a whole one.

    Raises:
        ValueError: ``text`` is no quantity.
    """
    if not is_quantity(text):
        raise ValueError(f"{text!r} is not an amount such as 24Gi")
    found = _SPLIT.match(text)
    if found is None:  # pragma: no cover - the syntax above always splits
        raise ValueError(text)
    number, suffix = Decimal(found[1]), found[2]
    factor = 10 ** int(suffix[1:]) if suffix[:1] in ("e", "E") and suffix[1:] else _FACTORS[suffix]
    whole = number * factor
    return int(whole.to_integral_value(rounding="ROUND_CEILING"))
