"""A picture of the project's tree, to see afterwards what a run has changed in it."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_ENTRIES = 200_000

SKIPPED = frozenset(
    {".nova-spi", ".git", ".hg", ".svn", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
)
"""What tools write at any time. Of ``.git`` the parts that run programs are watched all the same."""

WATCHED = (".git/config", ".git/hooks")

_State = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Size, time, inode and mode of everything below a root.

    Attributes:
        entries: Relative path to what was seen; a folder's path ends with a slash.
        complete: False where the tree had more than `MAX_ENTRIES`; then only changes of what was seen count.
    """

    entries: dict[str, _State]
    complete: bool = True

    @classmethod
    def take(cls, root: Path, *, max_entries: int = MAX_ENTRIES) -> "Snapshot":
        """Looks at everything below ``root`` once. What vanishes meanwhile is not in it; links are not followed."""
        entries: dict[str, _State] = {}
        for relative, state in _walk(str(root)):
            if len(entries) >= max_entries:
                return cls(entries, complete=False)
            entries[relative] = state
        return cls(entries)

    def changes(self, since: "Snapshot") -> list[str]:
        """The paths that were created, changed or deleted after ``since`` was taken, sorted."""
        before, after = since.entries, self.entries
        changed = {path for path in before.keys() & after.keys() if before[path] != after[path]}
        if self.complete and since.complete:
            changed |= before.keys() ^ after.keys()
        return sorted(changed)


def _walk(root: str) -> Iterator[tuple[str, _State]]:
    stack = [(root, "")]
    for watched in WATCHED:
        yield from _watched(root, watched, stack)
    while stack:
        path, prefix = stack.pop()
        try:
            with os.scandir(path) as found:
                for entry in found:
                    if entry.name in SKIPPED:
                        continue
                    yield _look(entry, prefix, stack)
        except OSError:
            continue


def _watched(root: str, relative: str, stack: list[tuple[str, str]]) -> Iterator[tuple[str, _State]]:
    path = f"{root}{os.sep}{relative}"
    try:
        seen = os.lstat(path)
    except OSError:
        return
    if stat.S_ISDIR(seen.st_mode):
        stack.append((path, f"{relative}/"))
    yield relative, (seen.st_size, seen.st_mtime_ns, seen.st_ino, seen.st_mode)


def _look(entry: "os.DirEntry[str]", prefix: str, stack: list[tuple[str, str]]) -> tuple[str, _State]:
    relative = prefix + entry.name
    try:
        seen = entry.stat(follow_symlinks=False)
    except OSError:
        return relative, (0, 0, 0, 0)
    if stat.S_ISDIR(seen.st_mode):
        # A folder's size and time follow from its entries, which are seen themselves.
        stack.append((entry.path, f"{relative}/"))
        return f"{relative}/", (0, 0, seen.st_ino, seen.st_mode)
    return relative, (seen.st_size, seen.st_mtime_ns, seen.st_ino, seen.st_mode)
