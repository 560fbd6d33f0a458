"""A folder in which foreign paths are followed as if it were the root: no link in it ever leads out of it.

Every step is taken from an open folder and follows no link by itself (``openat(2)`` with ``O_NOFOLLOW``); links are
read and walked by hand, from our root where they are absolute. So nothing outside is touched, whoever changes the tree
meanwhile.
"""

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from nova_spi.errors import ArtifactInvalid

MAX_LINKS = 40
"""On the way to one place, as in the kernel."""
MAX_NAME = 255
MAX_DEPTH = 128
FOLDER_MODE = 0o755
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Parts = tuple[bytes, ...]


def parts_of(name: str | bytes, what: str) -> Parts:
    """The parts of a path, from the root on; a slash before it and single dots count for nothing.

    Args:
        name: The path, as somebody else wrote it.
        what: Where it stands, for messages.

    Raises:
        ArtifactInvalid: It climbs (``..``), holds a NUL, or is longer or deeper than a path can be.
    """
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    parts = tuple(part for part in raw.split(b"/") if part not in (b"", b"."))
    bad = b".." in parts or b"\0" in raw or len(parts) > MAX_DEPTH or any(len(part) > MAX_NAME for part in parts)
    if bad:
        raise ArtifactInvalid(f"{what} names a place that cannot be: {shown(raw)}.")
    return parts


def names(folder: int) -> list[bytes]:
    """What is in an open folder."""
    return [os.fsencode(name) for name in os.listdir(folder)]


def new_file(name: bytes, folder: int) -> BinaryIO:
    """A file that was not there, in an open folder, readable by nobody else for the moment."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb")


def clear(parent: int, name: bytes) -> None:
    """Takes away whatever stands at a name of an open folder, with all that is below it."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):  # POSIX says the second of a folder
        shutil.rmtree(name, dir_fd=parent)


def shown(name: bytes) -> str:
    """A foreign name for a message."""
    return repr(name[:200].decode("utf-8", "replace"))


class Confined:
    """One root.

    Args:
        root: The folder; its own links are followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._last: tuple[Parts, int, Parts] | None = None

    def close(self) -> None:
        """Gives back what is open."""
        self.forget()
        os.close(self._root)

    def forget(self) -> None:
        """To be called when a folder or a link was taken away: what was followed before may lead elsewhere now."""
        if self._last is not None:
            os.close(self._last[1])
            self._last = None

    def folder(self, parts: Parts, *, make: bool = False) -> tuple[int, Parts]:
        """A folder of the tree, links followed.

        Args:
            parts: Its path.
            make: Make what is missing.

        Returns:
            A descriptor that is good until the next call, and the path without links.

        Raises:
            FileNotFoundError: It is not there, and ``make`` is off.
            NotADirectoryError: Something else stands on the way.
            ArtifactInvalid: Too many links.
        """
        if self._last is None or self._last[0] != parts:
            walk = _Walk(self._root, make=make)
            try:
                walk.to(parts)
                found = os.dup(walk.here)
            finally:
                walk.close()
            self.forget()
            self._last = (parts, found, tuple(walk.names))
        return self._last[1], self._last[2]


class _Walk:
    """One way from the root down."""

    def __init__(self, root: int, *, make: bool) -> None:
        self.names: list[bytes] = []
        self._root = root
        self._open: list[int] = []
        self._links = 0
        self._make = make

    @property
    def here(self) -> int:
        return self._open[-1] if self._open else self._root

    def to(self, parts: Sequence[bytes]) -> None:
        waiting = list(reversed(parts))
        while waiting:
            part = waiting.pop()
            if part == b"..":
                self._up()
            elif part not in (b"", b"."):
                waiting += reversed(self._step(part))

    def close(self) -> None:
        while self._open:
            os.close(self._open.pop())

    def _up(self) -> None:
        if self._open:
            os.close(self._open.pop())
            self.names.pop()

    def _step(self, part: bytes) -> list[bytes]:
        """Goes into a folder, or returns the parts that a link stands for."""
        try:
            self._enter(part)
        except FileNotFoundError:
            if not self._make:
                raise
            with suppress(FileExistsError):  # another process was quicker
                os.mkdir(part, FOLDER_MODE, dir_fd=self.here)
            self._enter(part)
            os.fchmod(self.here, FOLDER_MODE)
        except OSError:
            if not stat.S_ISLNK(os.stat(part, dir_fd=self.here, follow_symlinks=False).st_mode):
                raise
            return self._follow(part)
        return []

    def _enter(self, part: bytes) -> None:
        self._open.append(os.open(part, _OPEN, dir_fd=self.here))
        self.names.append(part)

    def _follow(self, part: bytes) -> list[bytes]:
        self._links += 1
        if self._links > MAX_LINKS:
            raise ArtifactInvalid(f"More than {MAX_LINKS} links follow each other at {shown(part)}.")
        link = os.readlink(part, dir_fd=self.here)
        if link.startswith(b"/"):
            self.close()
            self.names.clear()
        return link.split(b"/")
