"""What the folder of one run takes on disk, walked in small steps so that no walk delays a deadline.

A file counts with its blocks, so a sparse file with what it really takes, and once however many names it has. Not
seen: files that were deleted and are still open, files outside the folder, folders that the model made unreadable.
"""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

MAX_FILES = 1_000_000
"""More entries than this are too many, whatever their size."""
STEP_SECONDS = 0.003
FIRST_SECONDS = 0.1
PAUSE_SECONDS = 0.25
SHARE, URGENT_SHARE = 0.02, 0.2
"""The part of one core that walking may take; the second while the disk fills fast."""
PATIENT_AFTER, PATIENT_SECONDS, PATIENT_SHARE = 60.0, 1.0, 0.001
"""A program that has lived so long, in seconds, is a worker: its pause and its share, unless the disk fills fast."""
FINAL_SECONDS = 2.0
_BLOCK = 512


class DiskWatch:
    """Watches a folder.

    Attributes:
        used: Bytes, as of the last whole walk.
        due: When the next step is wanted, by the monotonic clock.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.used = 0
        self.due = time.monotonic() + FIRST_SECONDS
        self._folder = folder
        self._limit = limit
        self._walk: Iterator[tuple[int, int]] | None = None
        self._free = self._free_bytes()
        self._began = time.monotonic()

    def step(self) -> bool:
        """Walks on for some 3 ms; True where the folder is over its limit."""
        if self._walk is None:
            self._walk = walk(self._folder)
        began = time.monotonic()
        over, whole = self._advance(self._walk, began + STEP_SECONDS)
        cost = time.monotonic() - began
        if whole:
            self._walk, self._free = None, self._free_bytes()
        urgent = self._free - self._free_bytes() > self._limit - self.used
        self.due = time.monotonic() + self._pause(cost, whole=whole, urgent=urgent)
        return over

    def _pause(self, cost: float, *, whole: bool, urgent: bool) -> float:
        if urgent:
            return cost / URGENT_SHARE
        patient = time.monotonic() - self._began > PATIENT_AFTER
        pause = cost / (PATIENT_SHARE if patient else SHARE)
        return max(pause, PATIENT_SECONDS if patient else PAUSE_SECONDS) if whole else pause

    def final(self, *, failed: bool) -> bool:
        """One walk from the start after the program's end; True where the disk was the matter.

        Args:
            failed: The program says that it failed; then a folder that is just full is the reason.
        """
        over, _ = self._advance(walk(self._folder), time.monotonic() + FINAL_SECONDS)
        return over or (failed and self.used >= self._limit)

    def _advance(self, steps: Iterator[tuple[int, int]], until: float) -> tuple[bool, bool]:
        """Walks on until then. Returns whether the folder is over its limit and whether the walk is whole."""
        used = self.used
        for used, entries in steps:
            if used > self._limit or entries > MAX_FILES:
                self.used = used
                return True, False
            if time.monotonic() > until:
                return False, False
        self.used = used
        return False, True

    def _free_bytes(self) -> int:
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return 0
        return found.f_bavail * found.f_frsize


def walk(folder: Path) -> Iterator[tuple[int, int]]:
    """Yields bytes and entries so far, at least every 64 entries; the last pair is the whole folder's."""
    used, entries = 0, 0
    linked: set[tuple[int, int]] = set()
    open_folders = [str(folder)]
    while open_folders:
        for entry in _entries(open_folders.pop()):
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            entries += 1
            if stat.S_ISDIR(found.st_mode):
                open_folders.append(entry.path)
            elif found.st_nlink > 1:
                if (found.st_dev, found.st_ino) in linked:
                    continue
                linked.add((found.st_dev, found.st_ino))
            used += found.st_blocks * _BLOCK
            if entries % 64 == 0:
                yield used, entries
    yield used, entries


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from found
    except OSError:
        return  # deleted meanwhile, unreadable, or deeper than a path can say
