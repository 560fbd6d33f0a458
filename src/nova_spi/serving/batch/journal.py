"""The journal of a batch: results.jsonl, to which the line of an item is appended as soon as it is done.

A line is written with one call of the system, so a killed process leaves whole lines, and perhaps one torn at the end.
`Journal.sync` makes what was written safe from a power cut. Whatever is found at the next start that is no line of
ours (torn by a kill, overwritten with zeros by a power cut, standing twice) is taken out, and its item runs again.

While it grows the lines stand in the order in which items were done. At the end of the batch they are put into the
order of the items, so that line n of the results belongs to item n. In memory stays one bit for each item.
"""

import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nova_spi.serving.batch.records import MAX_RECORD_BYTES, glance, read_record

RESULTS, FAILURES = "results.jsonl", "failures.jsonl"

WINDOW = 1 << 20
"""So many lines are put into order at once; each needs eight bytes of memory."""


@dataclass(slots=True)
class Marks:
    """A set of items, one bit each."""

    bits: bytearray

    @classmethod
    def of(cls, count: int) -> "Marks":
        """An empty set for so many items."""
        return cls(bytearray((count + 7) // 8))

    def __contains__(self, index: int) -> bool:
        return bool(self.bits[index >> 3] & (1 << (index & 7)))

    def add(self, index: int) -> None:
        """Puts an item into the set."""
        self.bits[index >> 3] |= 1 << (index & 7)


class Journal:
    """The results of a batch on disk, open for more; close it.

    Args:
        folder: Where the results are.
        count: How many items there are.
        again: Items that have failed are run again: their lines are taken out.

    Attributes:
        succeeded, failed: How many items are recorded.
        dropped: How many lines were taken out because they were torn or not ours.

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(self, folder: Path, count: int, *, again: bool = False) -> None:
        self.succeeded = self.failed = self.dropped = 0
        self._folder = folder
        self._count = count
        self._marks = Marks.of(count)
        self._mend(again)
        self._handle = _append(folder / RESULTS)
        self._end = os.fstat(self._handle).st_size
        self._failures = _append(folder / FAILURES)
        self._unsafe = False
        sync_folder(folder)

    def __contains__(self, index: int) -> bool:
        return index in self._marks

    @property
    def recorded(self) -> int:
        """How many items have their line."""
        return self.succeeded + self.failed

    @property
    def complete(self) -> bool:
        """Whether every item has its line."""
        return self.recorded == self._count

    def add(self, index: int, line: bytes, *, ok: bool) -> None:
        """Appends the line of an item that has none yet.

        Raises:
            OSError: It could not be written whole, the disk may be full; then nothing of it stays.
        """
        if index in self._marks:
            raise ValueError(f"The item {index} is recorded already.")
        try:
            _write(self._handle, line)
        except OSError:
            os.ftruncate(self._handle, self._end)
            raise
        self._end += len(line)
        self._unsafe = True
        self._marks.add(index)
        if ok:
            self.succeeded += 1
            return
        self.failed += 1
        with suppress(OSError):  # a copy, which is made anew at the next start and at the end
            _write(self._failures, line)

    def sync(self) -> None:
        """Waits until what was written is on the disk; from any thread.

        Raises:
            OSError: The disk has failed.
        """
        if self._unsafe:
            self._unsafe = False
            os.fsync(self._handle)

    def close(self) -> None:
        """Closes the files; once."""
        os.close(self._handle)
        os.close(self._failures)

    def put_in_order(self) -> None:
        """Puts the lines into the order of the items; to be called once it is closed.

        Raises:
            OSError: There is no room for a second copy meanwhile; then the lines stay as they are.
        """
        place = self._folder / RESULTS
        with place.open("rb") as stream:
            if not _in_order(stream):
                _replace(place, lambda: _ordered(stream, self._count))
        self._copy_failures()

    def _mend(self, again: bool) -> None:
        """Reads what is there, and takes out what may not stay."""
        place = self._folder / RESULTS
        if not place.exists():
            (self._folder / FAILURES).unlink(missing_ok=True)
            return
        with place.open("rb") as stream:
            kept = sum(len(line) for line in self._good(stream, again))
            if kept != os.fstat(stream.fileno()).st_size:
                self._marks, self.succeeded, self.failed, self.dropped = Marks.of(self._count), 0, 0, 0
                stream.seek(0)
                _replace(place, lambda: self._good(stream, again))
        self._copy_failures()

    def _good(self, stream: IO[bytes], again: bool) -> Iterator[bytes]:
        for line in _lines(stream):
            found = read_record(line)
            if found is None or found[0] >= self._count or found[0] in self._marks:
                self.dropped += 1
                continue
            index, ok = found
            if again and not ok:
                continue
            self._marks.add(index)
            self.succeeded += ok
            self.failed += not ok
            yield line

    def _copy_failures(self) -> None:
        with (self._folder / RESULTS).open("rb") as stream:
            _replace(self._folder / FAILURES, lambda: filter(_failed, _lines(stream)))


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, or pieces of what is no line of ours."""
    return iter(lambda: stream.readline(MAX_RECORD_BYTES), b"")


def _failed(line: bytes) -> bool:
    found = glance(line)
    return found is not None and not found[1]


def _in_order(stream: IO[bytes]) -> bool:
    before = -1
    for line in _lines(stream):
        found = glance(line)
        if found is None or found[0] < before:
            return False
        before = found[0]
    return True


def _ordered(stream: IO[bytes], count: int) -> Iterator[bytes]:
    for start in range(0, count, WINDOW):
        places = array("q", [-1]) * min(WINDOW, count - start)
        stream.seek(0)
        place = 0
        for line in _lines(stream):
            found = glance(line)
            if found is not None and start <= found[0] < start + len(places):
                places[found[0] - start] = place
            place += len(line)
        for one in places:
            if one >= 0:
                stream.seek(one)
                yield stream.readline(MAX_RECORD_BYTES)


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)


def _write(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _replace(place: Path, lines: Callable[[], Iterator[bytes]]) -> None:
    """Writes the lines beside the place, and renames once they are safe."""
    fresh = place.with_name(f".{place.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        with fresh.open("xb") as stream:
            for line in lines():
                stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Makes what was made or renamed in a folder safe from a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
