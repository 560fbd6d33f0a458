"""What a worker says of itself once its model is loaded."""

import json
from dataclasses import dataclass

from nova_spi_runtime import frames


@dataclass(frozen=True, slots=True)
class Greeting:
    """The payload of ``A``, as far as a supervisor goes by it.

    Attributes:
        pid: The worker's process, as it sees itself.
        batch: The commands that it takes several calls of together.
    """

    pid: int
    batch: frozenset[str]


def read_greeting(payload: bytes) -> Greeting | None:
    """Reads it; None where the worker speaks another protocol."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("protocol") != frames.PROTOCOL or not isinstance(said.get("pid"), int):
        return None
    batch = said.get("batch", [])
    if not isinstance(batch, list) or not all(isinstance(one, str) for one in batch):
        return None
    return Greeting(said["pid"], frozenset(batch))
