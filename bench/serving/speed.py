"""How fast: one call after the other, eight clients together, the start, memory. In rounds, each server in turn."""

from pathlib import Path
from typing import Any

from bench.serving.client import Request, Tally, one_after_the_other, static_answer, together
from bench.serving.memory import memory
from bench.serving.peers import Peer
from bench.serving.running import TEXT, NotReady, served

WARM_UP, CALLS, CLIENTS, SECONDS = 500, 2000, 8, 2.0
PAUSES = (0.001, 0.005)
"""Seconds that a refused client waits, where a server refuses; what serves it best counts."""


def round_of(peer: Peer, bin_: Path) -> dict[str, Any]:
    """One server, started for this, measured, and ended.

    Raises:
        NotReady: It gave no good answer.
    """
    with served(peer, bin_) as server:
        request = peer.echo(TEXT)
        one_after_the_other(server.port, request, WARM_UP, 10)
        alone = one_after_the_other(server.port, request, CALLS, 10)
        pause, crowd = _best(server.port, request)
        if not alone.good or not crowd.good:
            raise NotReady(f"{peer.name}: no good answer among {alone.wrong + crowd.wrong}")
        return {
            "cold_seconds": server.cold,
            "alone": summary(alone),
            "together": {**summary(crowd), "pause_ms": pause * 1000},
            "memory": memory(server),
        }


def _best(port: int, request: Request) -> tuple[float, Tally]:
    """The crowd that asks again at once; where that is refused, those that wait a little too, and the best of them."""
    found = [(0.0, together(port, request, CLIENTS, SECONDS))]
    if found[0][1].refused:
        found += [(pause, together(port, request, CLIENTS, SECONDS, pause)) for pause in PAUSES]
    return max(found, key=lambda each: each[1].rate)


def floor() -> dict[str, Any]:
    """The client against a server that does nothing."""
    with static_answer() as port:
        request = Request("/", b'{"prompt": "%b"}' % TEXT.encode(), expected=b"xxx")
        one_after_the_other(port, request, WARM_UP)
        return {
            "alone": summary(one_after_the_other(port, request, CALLS * 5)),
            "together": summary(together(port, request, CLIENTS, SECONDS)),
        }


def summary(tally: Tally) -> dict[str, Any]:
    """What is published of many calls."""
    return {
        "p50_ms": tally.percentile(0.5),
        "p95_ms": tally.percentile(0.95),
        "p99_ms": tally.percentile(0.99),
        "good": len(tally.good),
        "refused": tally.refused,
        "wrong": tally.wrong,
        "rate": tally.rate,
        "client_cpu_share": tally.client_cpu / tally.elapsed if tally.elapsed else 0.0,
    }
