"""batch.json: what a folder of results belongs to, and how far it has come; and the lock that keeps two from one.

=================  =====================================================================================================
``schema_version`` "1"
``nova_spi``       the version that wrote it
``status``         running, complete, interrupted, stopped (with an ``error``)
``model``          {name, version, digest}
``command``        the command's name
``inputs``         {source, kind: lines or files, digest, count, shared: digest of the inputs that all items share}
``engine``         {name, level}
``counts``         {total, succeeded, failed, left}
``starts``         how often it was begun or gone on with
``seconds``        that all of them took together
``error``          why it stopped, or null
``started_at``, ``finished_at``   of the last start, RFC 3339, UTC
=================  =====================================================================================================
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_spi.errors import UsageError
from nova_spi.execution.records import write_json
from nova_spi.execution.removal import remove_tree
from nova_spi.serving.batch.journal import FAILURES, RESULTS, sync_folder
from nova_spi.serving.batch.keeping import FILES

STATE, LOCK = "batch.json", ".lock"
MAX_STATE_BYTES = 1024 * 1024
_OURS = (RESULTS, FAILURES, FILES)
NAMES = frozenset({*_OURS, STATE, LOCK})
"""What stands in a folder of results."""
_SAME = (
    ("inputs", "digest", "the inputs are others, or have changed"),
    ("inputs", "shared", "the inputs that all items share (--input) are others"),
    ("model", "digest", "the model is another, or has changed"),
    ("command", None, "the command is another"),
)


@dataclass(frozen=True, slots=True)
class Binding:
    """What results belong to: where all of this is the same, a batch goes on.

    Attributes:
        model: {name, version, digest}.
        command: Its name.
        inputs: {source, kind, digest, count, shared}.
    """

    model: Mapping[str, Any]
    command: str
    inputs: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in batch.json."""
        return {"model": dict(self.model), "command": self.command, "inputs": dict(self.inputs)}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Makes the folder and holds it against every other batch.

    Raises:
        UsageError: Another process works in it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageError(
            f"The results cannot be written to {folder}.",
            why=error.strerror or str(error),
            mend="name a folder of yours: --output DIR",
        ) from error
    try:
        _take(handle, folder)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"Another batch works in {folder} right now.",
            why="Two that write the same results would do the work twice.",
            mend="wait for it, or name another folder: --output DIR",
        ) from None


def claim(folder: Path, binding: Binding, *, restart: bool) -> dict[str, Any]:
    """Looks at what the folder holds already, and takes it away where the batch begins anew.

    Returns:
        What batch.json said; empty where there was none, or the batch begins anew.

    Raises:
        UsageError: It holds the results of another batch, or something that is none.
    """
    found = read_state(folder)
    if found is None:
        taken = [name for name in _OURS if os.path.lexists(folder / name)]
        if taken or os.path.lexists(folder / STATE):
            raise UsageError(
                f"The folder {folder} holds {taken[0] if taken else STATE}, and no batch of ours.",
                why="Nothing says what it belongs to, so nothing is written over it.",
                mend="name another folder: --output DIR",
            )
        return {}
    if restart:
        for name in _OURS:
            remove_tree(folder / name)
        return {}
    wanted = binding.to_dict()
    other = "; ".join(text for key, inner, text in _SAME if _part(found, key, inner) != _part(wanted, key, inner))
    if other:
        raise UsageError(
            f"The folder {folder} holds the results of another batch.",
            why=f"{other[0].upper()}{other[1:]}.",
            mend="name another folder: --output DIR, or begin anew and lose those results: --restart",
        )
    return found


def read_state(folder: Path) -> dict[str, Any] | None:
    """What batch.json says; None where there is none, or none of ours."""
    try:
        with (folder / STATE).open("rb") as stream:
            found = json.loads(stream.read(MAX_STATE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "nova_spi" in found and "inputs" in found else None


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Writes batch.json, whole or not at all."""
    write_json(folder / STATE, state)
    sync_folder(folder)


def _part(state: Mapping[str, Any], key: str, inner: str | None) -> Any:
    value = state.get(key)
    return value if inner is None else value.get(inner) if isinstance(value, Mapping) else None
