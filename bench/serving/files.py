"""A file of ten megabytes: sent, taken in, read by the model to its last byte, answered."""

import random
from pathlib import Path
from typing import Any

from bench.serving.client import one_after_the_other
from bench.serving.peers import Peer
from bench.serving.running import served
from bench.serving.speed import summary

SIZE, CALLS = 10_000_000, 15


def of(peer: Peer, bin_: Path) -> dict[str, Any]:
    """Some calls, one after the other.

    Raises:
        NotReady: It gave no good answer.
    """
    data = random.Random(0).randbytes(SIZE)
    with served(peer, bin_, "file") as server:
        request = peer.file(data)
        one_after_the_other(server.port, request, 2, 10)
        return {**summary(one_after_the_other(server.port, request, CALLS, 15)), "way": peer.file_way}
