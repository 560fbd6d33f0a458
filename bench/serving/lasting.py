"""A hundred thousand calls, one after the other: is one of them refused, or answered wrongly?"""

from pathlib import Path
from typing import Any

from bench.serving.client import one_after_the_other
from bench.serving.peers import Peer
from bench.serving.running import TEXT, served
from bench.serving.speed import summary

CALLS = 100_000


def of(peer: Peer, bin_: Path, seconds: float) -> dict[str, Any]:
    """As many of the calls as fit into the seconds, each tried until it is answered; ``good`` says how many.

    Raises:
        NotReady: It gave no good answer.
    """
    with served(peer, bin_) as server:
        return summary(one_after_the_other(server.port, peer.echo(TEXT), CALLS, seconds))
