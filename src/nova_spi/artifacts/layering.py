"""One layer after the other put into a folder: files, links, and the whiteouts that hide what lower layers had."""

import os
import shutil
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nova_spi.artifacts.blobs import CHUNK
from nova_spi.artifacts.confined import Confined, Parts, clear, names, new_file, parts_of, shown
from nova_spi.artifacts.unpacking import MAX_BYTES
from nova_spi.errors import ArtifactInvalid

WHITEOUT = b".wh."
"""A name that begins so hides a file of lower layers; one that begins with it twice is a mark of the builder's own."""
OPAQUE = b".wh..wh..opq"
"""Hides all that lower layers have in its folder."""
_RIGHTS, _OWNERS_FOLDER = 0o777, 0o700
_LATEST_SECOND = 1 << 33
_LONGEST_LINK = 4095


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that comes out of an image.

    Attributes:
        entries: Files, folders and links, of all layers together.
        size: Their bytes.
    """

    entries: int = 1_000_000
    size: int = MAX_BYTES


BOUNDS = Bounds()


class Tree:
    """The merged tree, as far as it has come.

    Args:
        root: An empty folder.
        below: Only what the layers have below this path; it is left out of the paths.
        bounds: What is the most that comes out.
    """

    def __init__(self, root: Path, below: Parts = (), bounds: Bounds = BOUNDS) -> None:
        self._inside = Confined(root)
        self._below = below
        self._bounds = bounds
        self._entries = self._size = 0
        self._what = ""
        self._own: set[Parts] = set()

    def close(self) -> None:
        """Gives back what is open."""
        self._inside.close()

    def begin(self, what: str) -> None:
        """A layer begins; what the earlier ones brought can be hidden from now on."""
        self._what = what
        self._own.clear()

    def add(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Puts one entry of the layer at its place; a later one at the same place wins.

        Raises:
            ArtifactInvalid: It is hostile, or not what a layer can hold, or one too many.
        """
        self._count(member)
        parts = parts_of(member.name, self._what)
        if not parts:
            return
        if parts[-1] == OPAQUE:
            self._hide(parts[:-1], itself=False)
        elif parts[-1].startswith(WHITEOUT):
            self._whiteout(parts)
        elif len(parts) <= len(self._below):
            if parts == self._below[: len(parts)] and not member.isdir():
                self._hide((), itself=False)
        elif parts[: len(self._below)] == self._below:
            self._put(parts[len(self._below) :], tar, member)

    def _count(self, member: tarfile.TarInfo) -> None:
        self._entries += 1
        self._size += member.size
        if member.size < 0 or self._entries > self._bounds.entries or self._size > self._bounds.size:
            raise ArtifactInvalid(
                f"{self._what} has too many files, or too large ones.",
                why=f"At most {self._bounds.entries} files with {self._bounds.size} bytes come out of one image.",
            )

    def _whiteout(self, parts: Parts) -> None:
        name = parts[-1].removeprefix(WHITEOUT)
        if name in (b"", b".", b".."):
            raise ArtifactInvalid(f"{self._what} hides a file without a name: {shown(parts[-1])}.")
        if not name.startswith(WHITEOUT):
            self._hide((*parts[:-1], name), itself=True)

    def _hide(self, parts: Parts, *, itself: bool) -> None:
        """Takes away what lower layers have at a place, or only what they have below it."""
        depth = len(self._below)
        if len(parts) <= depth:
            if parts != self._below[: len(parts)]:
                return
            parts, itself = (), False
        elif parts[:depth] == self._below:
            parts = parts[depth:]
        else:
            return
        try:
            parent, real = self._inside.folder(parts[:-1] if itself else parts)
        except (FileNotFoundError, NotADirectoryError):
            return
        if itself:
            self._hide_one(parent, real, parts[-1])
        else:
            for name in names(parent):
                self._hide_one(parent, real, name)
        self._inside.forget()

    def _hide_one(self, parent: int, real: Parts, name: bytes) -> None:
        """Takes one name away, but for what this very layer has brought."""
        place = (*real, name)
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode):
            if place not in self._own:
                os.unlink(name, dir_fd=parent)
            return
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            for each in names(folder):
                self._hide_one(folder, place, each)
            empty = not names(folder)
        finally:
            os.close(folder)
        if empty and place not in self._own:
            os.rmdir(name, dir_fd=parent)

    def _put(self, parts: Parts, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        try:
            parent, real = self._inside.folder(parts[:-1], make=True)
            name = parts[-1]
            if member.isdir():
                self._folder(parent, name, member)
            elif member.islnk():
                self._hard_link(parts, member)
            else:
                self._file(parent, name, tar, member)
        except NotADirectoryError as error:
            raise ArtifactInvalid(f"{self._what} has {shown(b'/'.join(parts))} below what is no folder.") from error
        self._own.add((*real, name))

    def _folder(self, parent: int, name: bytes, member: tarfile.TarInfo) -> None:
        try:
            os.mkdir(name, _OWNERS_FOLDER, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                clear(parent, name)
                os.mkdir(name, _OWNERS_FOLDER, dir_fd=parent)
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.fchmod(folder, member.mode & _RIGHTS | _OWNERS_FOLDER)
        finally:
            os.close(folder)

    def _file(self, parent: int, name: bytes, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        if member.issym():
            link = _link(member, self._what)
            clear(parent, name)
            os.symlink(link, name, dir_fd=parent)
        elif member.isreg():
            content = tar.extractfile(member)
            if content is None:
                raise ArtifactInvalid(f"{self._what} has a file without a content: {shown(name)}.")
            clear(parent, name)
            try:
                _write(parent, name, content, member)
            except tarfile.TarError as error:
                raise ArtifactInvalid(f"{self._what} breaks off.", why=f"{error}.", code="artifact.damaged") from error
        elif member.isdev():
            clear(parent, name)
        else:
            raise ArtifactInvalid(f"{self._what} has {shown(name)}, which is no file, folder or link.")

    def _hard_link(self, parts: Parts, member: tarfile.TarInfo) -> None:
        """Another name for a file that is there, of this layer or of a lower one; links at its end are not followed."""
        depth = len(self._below)
        source = parts_of(member.linkname, self._what)
        wrong = f"{self._what} has a hard link to what is no file of the image: {shown(b'/'.join(source))}."
        if source[:depth] != self._below or len(source) <= depth:
            raise ArtifactInvalid(wrong)
        source = source[depth:]
        try:
            kept, _ = self._inside.folder(source[:-1])
            found = os.stat(source[-1], dir_fd=kept, follow_symlinks=False)
            kept = os.dup(kept)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ArtifactInvalid(wrong) from error
        try:
            if stat.S_ISDIR(found.st_mode):
                raise ArtifactInvalid(wrong)
            parent, _ = self._inside.folder(parts[:-1], make=True)
            if _same(parent, parts[-1], found):
                return
            clear(parent, parts[-1])
            os.link(source[-1], parts[-1], src_dir_fd=kept, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError as error:
            raise ArtifactInvalid(wrong) from error
        finally:
            os.close(kept)


def _link(member: tarfile.TarInfo, what: str) -> bytes:
    link = member.linkname.encode("utf-8", "surrogateescape")
    if not link or b"\0" in link or len(link) > _LONGEST_LINK:
        raise ArtifactInvalid(f"{what} has a link to what cannot be: {shown(link)}.")
    return link


def _same(parent: int, name: bytes, found: os.stat_result) -> bool:
    try:
        there = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino)


def _write(parent: int, name: bytes, content: IO[bytes], member: tarfile.TarInfo) -> None:
    """A new file with its mode and time; Python compares the times of its sources."""
    with new_file(name, parent) as sink:
        shutil.copyfileobj(content, sink, CHUNK)
        sink.flush()
        seconds = member.mtime if 0 <= member.mtime < _LATEST_SECOND else 0
        os.utime(sink.fileno(), (seconds, seconds))
        os.fchmod(sink.fileno(), member.mode & _RIGHTS)
