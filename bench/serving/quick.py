"""What `make bench` measures of serving: ours beside Cog, with bare FastAPI as the floor, in rounds."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.measuring import Figure
from bench.serving import speed
from bench.serving.environments import NotInstalled, environment
from bench.serving.peers import COG, FASTAPI, OURS
from bench.serving.running import NotReady

ROUNDS = 3


def figures() -> Iterator[Figure]:
    """None where a peer cannot be installed here; `python -m bench.serving` says why."""
    try:
        places = [(peer, environment(peer)) for peer in (OURS, COG, FASTAPI)]
        rounds = [{peer.name: speed.round_of(peer, place) for peer, place in places} for _ in range(ROUNDS)]
    except (NotInstalled, NotReady):
        return
    ours, cog, floor = ([each[peer.name] for each in rounds] for peer, _ in places)
    p50 = [each["alone"]["p50_ms"] for each in ours]
    beside = [each["alone"]["p50_ms"] for each in cog]
    notes = f"echo over HTTP, keep-alive; medians {median(p50):.2f} ms and {median(beside):.2f} ms"
    notes += f", bare FastAPI {median(each['alone']['p50_ms'] for each in floor):.2f} ms"
    yield _ratio("served call", p50, beside, 0.45, f"{notes}; peer: Cog {COG.packages[0].partition('==')[2]}")
    mine, theirs = _rates(ours), _rates(cog)
    notes = f"8 clients; medians {median(mine):.0f} and {median(theirs):.0f} good answers a second"
    yield _ratio("time of 8 clients", theirs, mine, 1 / 3, f"{notes}; of Cog's time for as many")
    sizes = tuple(each["memory"]["http"]["rss"] for each in ours if each["memory"]["http"])
    yield Figure("server process", median(sizes), "MB", 45.0, "resident, after some thousand calls", sizes)


def _rates(rounds: list[dict[str, Any]]) -> list[float]:
    return [each["together"]["rate"] for each in rounds]


def _ratio(name: str, mine: list[float], theirs: list[float], bound: float, notes: str) -> Figure:
    samples = tuple(a / b for a, b in zip(mine, theirs, strict=True))
    return Figure(name, median(samples), "x", bound, notes, samples)
