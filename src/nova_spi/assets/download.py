"""From a source to a verified file: resume, retry, bounds. Knows no scheme."""

import errno
import random
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nova_spi.assets.resume import Partial, sync
from nova_spi.assets.source import Interrupted, Opened, Source, Transport, Validators
from nova_spi.errors import AssetUnavailable, RunCancelled
from nova_spi.progress import Progress

if TYPE_CHECKING:
    from hashlib import _Hash

MAX_ATTEMPTS = 50
"""In all, those that gained something too."""

LONGEST_WAIT = 30.0
"""Seconds; a server may ask for less, not for more."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of an asset before it is fetched.

    Attributes:
        name: The asset's name, for messages.
        sha256: Its digest in lower-case hex, or None.
        size_bytes: Its size, or None.
    """

    name: str
    sha256: str | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that has come whole. ``path`` stands in the partial folder until the cache takes it."""

    path: Path
    sha256: str
    size_bytes: int
    validators: Validators


class Download:
    """One asset on its way.

    Args:
        source: Where it comes from.
        partial: Where it grows.
        expected: What it must be.
        transport: Tries, waits and the largest size.
        progress: Hears of every piece.
        cancel: Ends the download where it is set; what has come stays for the next time.
    """

    def __init__(
        self,
        source: Source,
        partial: Partial,
        expected: Expected,
        transport: Transport,
        progress: Progress,
        cancel: threading.Event | None = None,
    ) -> None:
        self._source = source
        self._partial = partial
        self._expected = expected
        self._transport = transport
        self._progress = progress
        self._cancel = cancel or threading.Event()
        self._most = expected.size_bytes if expected.size_bytes is not None else transport.max_bytes

    def complete(self, unless: Validators, tries: int | None = None) -> Downloaded | None:
        """Fetches to the end and verifies.

        Args:
            unless: Answer None while the source still has these.
            tries: Attempts in a row without a byte gained, where it is not the transport's number.

        Raises:
            AssetUnavailable: It cannot be had, or is not what it should be.
            Interrupted: All tries were used.
            RunCancelled: ``cancel`` was set.
        """
        resumed = self._partial.size > 0
        found = self._persist(unless, tries or self._transport.tries)
        if found and resumed and self._mismatch(found):
            # What stood there before may have been damaged: once more from the first byte.
            self._partial.start_over(Validators())
            found = self._persist(unless, tries or self._transport.tries)
        if found and (why := self._mismatch(found)):
            self._partial.remove()
            raise AssetUnavailable(
                f"Asset {self._expected.name!r} is not what the manifest says: {why}.",
                mend="Find out which is right. If the file changed on purpose, write its new sha256 and size_bytes.",
                sha256=found.sha256,
                size_bytes=found.size_bytes,
            )
        return found

    def _mismatch(self, found: Downloaded) -> str:
        if self._expected.size_bytes not in (None, found.size_bytes):
            return f"{found.size_bytes} bytes came, size_bytes is {self._expected.size_bytes}"
        if self._expected.sha256 not in (None, found.sha256):
            return f"sha256 {found.sha256} came, {self._expected.sha256} was expected"
        return ""

    def _persist(self, unless: Validators, tries: int) -> Downloaded | None:
        left, wait = tries, self._transport.backoff_seconds
        for _ in range(MAX_ATTEMPTS):
            before = self._partial.size
            try:
                return self._attempt(unless)
            except Interrupted as broken:
                last = broken
            if self._partial.size > before:
                left, wait = tries, self._transport.backoff_seconds
            left -= 1
            if left <= 0:
                break
            self._pause(max(wait, last.retry_after or 0.0))
            wait *= 2
        raise last

    def _pause(self, seconds: float) -> None:
        seconds = min(seconds, LONGEST_WAIT) * (1 + random.random() / 4)  # noqa: S311  # spreads retries, hides nothing
        if self._cancel.wait(seconds):
            self._cancelled()

    def _cancelled(self) -> None:
        raise RunCancelled(f"Fetching the asset {self._expected.name!r} was cancelled.", why="What has come is kept.")

    def _attempt(self, unless: Validators) -> Downloaded | None:
        have = self._partial.size
        if have > self._most or (have and not self._partial.validators and self._expected.sha256 is None):
            self._partial.start_over(Validators())
            have = 0
        with self._source.open(have, self._partial.validators, Validators() if have else unless) as opened:
            if opened.unchanged:
                return None
            if opened.total is not None:
                self._bounded(opened.total, opened.offset)
            if opened.offset == 0:
                self._partial.start_over(opened.validators)
            elif opened.validators.strong not in ("", self._partial.validators.strong):
                self._partial.start_over(Validators())
                raise Interrupted("the content changed in between")
            running = self._partial.digest()
            size = self._receive(opened, running)
        if opened.total is not None and size != opened.total:
            if size > opened.total:
                self._partial.start_over(Validators())
            raise Interrupted(f"{size} of {opened.total} bytes came")
        sync(self._partial.content)
        return Downloaded(self._partial.content, running.hexdigest(), size, self._partial.validators)

    def _receive(self, opened: Opened, running: "_Hash") -> int:
        size = opened.offset
        with self._partial.append() as stream:
            for chunk in opened.chunks:
                size += len(chunk)
                self._bounded(size, size)
                self._write(stream, chunk)
                running.update(chunk)
                self._progress.advance(size, opened.total, "bytes")
                if self._cancel.is_set():
                    self._cancelled()
        return size

    def _write(self, stream: BinaryIO, chunk: bytes) -> None:
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[stream.write(rest) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._no_room(None) from error
            raise AssetUnavailable(f"Asset {self._expected.name!r} cannot be kept: {error.strerror}.") from error

    def _bounded(self, size: int, have: int) -> None:
        """Refuses what is larger than it may be, or than the disk has room for, before it has been sent."""
        if size > self._most:
            limit = "size_bytes" if self._expected.size_bytes is not None else "the largest asset"
            self._partial.remove()
            raise AssetUnavailable(
                f"Asset {self._expected.name!r} is larger than it may be: {size} bytes, {limit} is {self._most}.",
                mend="Correct size_bytes, or the uri.",
            )
        if size > have and size - have > shutil.disk_usage(self._partial.folder).free:
            raise self._no_room(size)

    def _no_room(self, size: int | None) -> AssetUnavailable:
        needs = f"needs {size} bytes" if size else "does not fit"
        return AssetUnavailable(
            f"Asset {self._expected.name!r} {needs}: the disk of the cache is full.",
            mend="Make room there, or set NOVA_SPI_CACHE_DIR to a larger disk.",
        )
