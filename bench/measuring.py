"""How a figure is taken: pairs in turn, the median, and the machine that it was taken on."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured figure beside its bound.

    Attributes:
        name: What was measured.
        value: The median.
        unit: ``ms``, ``x`` (times the peer), ``MB`` or ``packages``.
        bound: What the project promises.
        samples: Every sample, in the unit.
        notes: The workload and the peer, in words.
    """

    name: str
    value: float
    unit: str
    bound: float
    notes: str
    samples: tuple[float, ...] = field(default=())

    @property
    def within(self) -> bool:
        """True where the promise holds."""
        return self.value <= self.bound

    def to_dict(self) -> dict[str, Any]:
        """The figure as JSON."""
        return asdict(self) | {"within": self.within}


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e9


def run(words: Sequence[str], **options: Any) -> Callable[[], object]:
    """A call that runs a program to its end, output thrown away."""
    return lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def pairs(ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> tuple[list[float], list[float]]:
    """Both in turn, so that a machine whose speed drifts treats them alike; one warm-up of each is not counted."""
    ours()
    peer()
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        mine.append(seconds(ours))
        theirs.append(seconds(peer))
    return mine, theirs


def ratio(name: str, mine: list[float], theirs: list[float], bound: float, notes: str) -> Figure:
    """The median of the ratios, pair by pair."""
    samples = tuple(a / b for a, b in zip(mine, theirs, strict=True))
    medians = f"medians {statistics.median(mine) * 1000:.1f} ms and {statistics.median(theirs) * 1000:.1f} ms"
    return Figure(name, statistics.median(samples), "x", bound, f"{notes}; {medians}", samples)


def milliseconds(name: str, samples: list[float], bound: float, notes: str) -> Figure:
    """The median in milliseconds."""
    shown = tuple(sample * 1000 for sample in samples)
    return Figure(name, statistics.median(shown), "ms", bound, notes, shown)


def environment() -> dict[str, Any]:
    """The machine and the versions that a figure belongs to."""
    import pydantic
    import ruamel.yaml

    from nova_spi.version import __version__

    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "nova-spi": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
        "pydantic": pydantic.VERSION,
        "ruamel.yaml": ruamel.yaml.__version__,
        "executable": "python" + ".".join(map(str, sys.version_info[:2])),
    }
