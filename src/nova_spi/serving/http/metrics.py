"""Figures for Prometheus, in its text format 0.0.4: counted here, written when somebody asks.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ "Text-based format".
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds in seconds: from an echo to a film."""
WORKER_STATES = ("starting", "ready", "busy", "ending", "backing_off", "stopped")


class Metrics:
    """What is counted of requests that ask the model to run: every POST, whatever became of it.

    Attributes:
        in_flight: Those that are not answered yet.
        by_status: Those that are, by HTTP status; 499 are those whose client had gone.
    """

    __slots__ = ("_buckets", "_seconds", "by_status", "in_flight")

    def __init__(self) -> None:
        self.in_flight = 0
        self.by_status: dict[int, int] = {}
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """Counts one that has been answered."""
        self.by_status[status] = self.by_status.get(status, 0) + 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def text(self, health: Mapping[str, Any], counters: Mapping[str, int]) -> bytes:
        """All figures.

        Args:
            health: `Supervisor.health`.
            counters: `Supervisor.counters`.
        """
        states = [worker["state"] for worker in health["workers"]]
        lines = [
            *self._durations(),
            *_family("requests_total", "counter", "Answered requests by HTTP status.", self._statuses()),
            *_family("requests_in_flight", "gauge", "Requests that are not answered yet.", [("", self.in_flight)]),
            *_family("queue_depth", "gauge", "Calls that wait for a worker.", [("", health["queue_depth"])]),
            *_family(
                "worker_restarts_total",
                "counter",
                "Workers that were started again.",
                [("", counters.get("restarts_total", 0))],
            ),
            *_family("ready", "gauge", "Whether a call would be served now.", [("", int(health["ready"]))]),
            *_family(
                "workers",
                "gauge",
                "Workers by what they do.",
                [(f'{{state="{state}"}}', states.count(state)) for state in WORKER_STATES],
            ),
        ]
        return ("\n".join(lines) + "\n").encode()

    def _statuses(self) -> list[tuple[str, float]]:
        return [(f'{{status="{status}"}}', count) for status, count in sorted(self.by_status.items())]

    def _durations(self) -> list[str]:
        name, total = "nova_spi_request_duration_seconds", 0
        lines = [
            f"# HELP {name} From the request's first line to the end of its answer, in seconds.",
            f"# TYPE {name} histogram",
        ]
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        return [*lines, f"{name}_sum {self._seconds!r}", f"{name}_count {total}"]


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    full = f"nova_spi_{name}"
    return [f"# HELP {full} {text}", f"# TYPE {full} {kind}", *(f"{full}{labels} {value}" for labels, value in samples)]
