"""Secrets of a run: found, laid out as files for the model, removed again, kept out of every record.

A secret's value stands in the private folder that ``SPI_SECRETS_DIR`` names, one file a name, and nowhere else: not
in argv, not in the environment, not in run.json. In the log, in error messages and in tracebacks every value of eight
or more characters is replaced by ``[secret NAME]``; shorter ones are left, since they would match ordinary words. That
guards against accidents. A model that wants to give its secrets away can write them reversed: the log is the model's.
"""

import difflib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nova_spi.errors import UsageError
from nova_spi.execution.places import is_held
from nova_spi.execution.removal import remove_tree
from nova_spi.progress import Progress

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a private folder is made inside; memory never reaches a disk
PREFIX = "nova-spi-secrets-"
SHORTEST = 8
MAX_BYTES = 1 << 20


def gather(names: Sequence[str], given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The values of the secrets that a manifest names: those given, else the caller's environment.

    Raises:
        UsageError: One was given that the manifest does not name, or it is too large.
    """
    for name, value in given.items():
        if name not in names:
            raise _unknown(name, names)
        if len(value.encode("utf-8", "surrogateescape")) > MAX_BYTES:
            raise UsageError(f"The secret {name} is larger than {MAX_BYTES} bytes.")
    found = {name: given.get(name, environment.get(name)) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _unknown(name: str, names: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(name, names, 1)
    listed = ", ".join(names) or "none"
    return UsageError(
        f"The manifest names no secret {name!r}.",
        why=f"Did you mean {near[0]!r}?" if near else f"It names: {listed}.",
        mend=f"List {name} under execution.secrets.",
    )


@contextmanager
def laid_out(values: Mapping[str, str], fallback: Path) -> Iterator[Path]:
    """A folder of mode 0700 with one file of mode 0400 a secret; removed afterwards, whatever happens.

    It is in memory where the machine has ``/dev/shm``, else below ``fallback``. One that a killed process left behind
    is removed by the next run. Without a secret no folder is made.
    """
    if not values:
        yield fallback
        return
    folder, lock = held_folder(PREFIX, base_of(fallback))
    try:
        yield lay(values, folder)
    finally:
        remove_tree(folder)
        os.close(lock)


def base_of(fallback: Path) -> Path:
    """Where folders of secrets are made: in memory where the machine has that."""
    return SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else fallback.parent


def lay(values: Mapping[str, str], folder: Path) -> Path:
    """Writes the secrets below ``folder``; returns the folder that holds nothing else."""
    inside = folder / "values"
    inside.mkdir(mode=0o700)
    for name, value in values.items():
        handle = os.open(inside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(handle, "wb") as stream:
            stream.write(value.encode("utf-8", "surrogateescape"))
    return inside


def held_folder(prefix: str, base: Path) -> tuple[Path, int]:
    """A new private folder below ``base``, and the descriptor of its lock, which who uses the folder keeps open.

    Those of the same prefix that nobody alive holds are removed first.
    """
    _sweep(prefix, base)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    try:
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except BaseException:  # also Ctrl-C: put in order, and raised again
        remove_tree(folder)
        raise
    return folder, lock


def _sweep(prefix: str, base: Path) -> None:
    """Removes what is ours and belongs to nobody alive any more; a minute of grace for one that is being made."""
    with suppress(OSError):
        for left in base.glob(f"{prefix}*"):
            status = left.lstat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > 60 and not is_held(left / ".lock"):
                remove_tree(left)


class Scrubber:
    """Replaces the values of secrets in text.

    Args:
        values: By name; those shorter than `SHORTEST` characters are left alone.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        pairs: dict[bytes, bytes] = {}
        for name, value in values.items():
            mark = f"[secret {name}]".encode()
            for spelled in (value, value.strip(), json.dumps(value)[1:-1], repr(value)[1:-1]):
                if len(spelled) >= SHORTEST:
                    pairs[spelled.encode("utf-8", "surrogateescape")] = mark
        self._pairs = sorted(pairs.items(), key=lambda pair: -len(pair[0]))
        self._held = b""

    @property
    def idle(self) -> bool:
        """True where there is nothing to replace."""
        return not self._pairs

    def scrub(self, text: bytes) -> bytes:
        """One whole text."""
        for value, mark in self._pairs:
            text = text.replace(value, mark)
        return text

    def feed(self, chunk: bytes) -> bytes:
        """The next piece of a stream; what may be the beginning of a secret is held back until the next piece."""
        if not self._pairs:
            return chunk
        text = self.scrub(self._held + chunk)
        keep = max((_overlap(text, value) for value, _ in self._pairs), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> bytes:
        """What was held back at the end of a stream."""
        rest, self._held = self._held, b""
        return rest

    def clean(self, value: Any) -> Any:
        """The same JSON value with every string in it scrubbed, the keys too."""
        if not self._pairs:
            return value
        if isinstance(value, str):
            return self.scrub(value.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
        if isinstance(value, Mapping):
            return {self.clean(key): self.clean(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(inner) for inner in value]
        return value


class Scrubbed:
    """Progress with the secrets taken out of the log."""

    def __init__(self, inner: Progress, scrubber: Scrubber) -> None:
        self.stage = inner.stage
        self.advance = inner.advance
        self.warn = inner.warn
        self._inner = inner
        self._scrubber = scrubber

    def log(self, chunk: bytes) -> None:
        """See `nova_spi.progress.Progress.log`."""
        if clean := self._scrubber.feed(chunk):
            self._inner.log(clean)

    def close(self) -> None:
        """The log has ended: what was held back goes out."""
        if rest := self._scrubber.rest():
            self._inner.log(rest)


def _overlap(text: bytes, value: bytes) -> int:
    """How long the longest end of ``text`` is that ``value`` begins with, and is not the whole of it."""
    tail = text[-(len(value) - 1) :]
    at = tail.find(value[:SHORTEST])
    while at >= 0:
        if value.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(value[:SHORTEST], at + 1)
    for size in range(min(len(tail), SHORTEST - 1), 0, -1):
        if tail.endswith(value[:size]):
            return size
    return 0
