"""Weights of metrics in percent, read as fractions of 1."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from nova_spi.manifest.nodes import Entry, Mapping, Node, Path, Scalar, Sequence

_NEAR = Decimal("0.0001")
"""How far from 100 percent a sum may be: as far as fractions may be from 1."""

Respell = Callable[[Scalar, str, str, str, Path], Scalar]
"""Takes a scalar, its new text, the finding's code, what is said, and the path."""


def weights_as_fractions(benchmark: Mapping, path: Path, respell: Respell) -> Mapping:
    """Divides the weights of a benchmark's metrics by 100 where they sum to 100.

    Args:
        benchmark: The ``benchmark`` section.
        path: Where it stands.
        respell: Replaces one scalar, with a warning.
    """
    metrics = benchmark.get("metrics")
    if not isinstance(metrics, Sequence) or not _sum_to_100(metrics):
        return benchmark
    items = tuple(_weight(item, (*path, "metrics", at), respell) for at, item in enumerate(metrics.items))
    return _put(benchmark, "metrics", replace(metrics, items=items))


def _weight(metric: Node, path: Path, respell: Respell) -> Node:
    old = metric.get("weight") if isinstance(metric, Mapping) else None
    if not isinstance(metric, Mapping) or not isinstance(old, Scalar):
        return metric
    new = format((Decimal(old.text) / 100).normalize(), "f")
    return _put(metric, "weight", respell(old, new, "SPI-M111", "weights are fractions of 1", (*path, "weight")))


def _put(node: Mapping, key: str, value: Node) -> Mapping:
    entries = tuple(Entry(entry.key, value) if entry.key.text == key else entry for entry in node)
    return Mapping(entries, node.span, node.flow)


def _sum_to_100(metrics: Sequence) -> bool:
    """Whether all stated weights are numbers and sum to 100."""
    total = Decimal(0)
    for metric in metrics.items:
        weight = metric.get("weight") if isinstance(metric, Mapping) else None
        if weight is None:
            continue
        if not isinstance(weight, Scalar) or not weight.plain or not _is_number(weight.text):
            return False
        total += Decimal(weight.text)
    return abs(total - 100) <= _NEAR


def _is_number(text: str) -> bool:
    try:
        return len(text) <= 40 and abs(Decimal(text)) <= 100  # larger ones cannot sum to 100
    except InvalidOperation:
        return False
