"""The benchmark: weights that make a score, targets and floors."""

import math
from collections.abc import Iterator

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.rules.scope import Data, Scope, entries

_PLACE = ("benchmark", "metrics")
_TOLERANCE = 1e-6


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Weights, and the two ends of each metric."""
    metrics = list(entries(scope.section("benchmark").get("metrics")))
    yield from _weights(scope, metrics)
    for index, metric in metrics:
        yield from _ends(scope, index, metric)


def _weights(scope: Scope, metrics: list[tuple[int, Data]]) -> Iterator[Diagnostic]:
    weights = {index: metric["weight"] for index, metric in metrics if "weight" in metric}
    if not weights:
        return
    for index, metric in metrics:
        written = scope.keys_at((*_PLACE, index))
        if "weight" not in metric and "weight" not in written:
            message = "the other metrics have a weight, and this one has none"
            yield scope.at_key("SPI-M381", message, (*_PLACE, index), "give it one, 0 for none")
    total = math.fsum(weights.values())
    if len(weights) == len(metrics) and abs(total - 1) > _TOLERANCE:
        message = f"the weights sum to {total:g}, not to 1"
        yield scope.at_key("SPI-M380", message, _PLACE, "let them sum to 1, or to 100 in percent")


def _ends(scope: Scope, index: int, metric: Data) -> Iterator[Diagnostic]:
    target, floor = metric.get("target"), metric.get("floor")
    if target is None or floor is None:
        return
    lower = metric.get("direction", "higher") == "lower"
    if (target >= floor) if lower else (target <= floor):
        side = "below" if lower else "above"
        better = "lower" if lower else "higher"
        message = f"{better} is better, so the target {target:g} stands {side} the floor {floor:g}"
        mend = "swap target and floor, or correct the direction"
        yield scope.at_value("SPI-M382", message, (*_PLACE, index, "target"), mend)
