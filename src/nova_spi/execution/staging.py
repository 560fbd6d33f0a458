"""Filling the model's folder: its own copy of the project, the inputs, the assets, the volumes.

A small file is copied. A large one is cloned where the file system shares blocks (btrfs, XFS), so that it costs
nothing and cannot be changed; elsewhere it is a symbolic link, since copying gigabytes for each run is no way to run a
model. A program that opens such a link to write changes the file behind it: in the project that is found by comparing
it after the run, in the cache of assets by the entry's change time before it is used again. Level ``sandbox`` prevents
both. Inputs are never linked: they are the caller's own files, and nobody would notice.
"""

import errno
import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath

from nova_spi.errors import ExecutionError
from nova_spi.execution.removal import remove_tree

LARGE = 8 * 1024 * 1024
"""From this size on, in bytes, a file is not copied."""

_FICLONE = 0x40049409
"""ioctl of linux/fs.h: the target shares the source's blocks until one of them is written."""


class Stage:
    """The model's folder while it is being filled.

    Args:
        work: The folder, absolute.
        mounted: The model will see the folder in an image, where a link leads nowhere: what would be one is mounted.

    Attributes:
        bytes: What has been put there, for the limit of the disk.
        linked: The real places of what stands there as a link.
        volumes: Those of them that are kept between executions and may be written.
        beside: Folders of ours that stand there as a link, for reading.
        mounts: Where the folder is mounted: real place, path below the folder (or an absolute one), whether it may be
            written. An empty file or folder holds the place.
    """

    def __init__(self, work: Path, *, mounted: bool = False) -> None:
        self.work = work
        self.mounted = mounted
        self.bytes = 0
        self.linked: set[str] = set()
        self.volumes: set[str] = set()
        self.beside: set[str] = set()
        self.mounts: list[tuple[Path, str, bool]] = []
        self._made: set[str] = {str(work)}

    def place(self, relative: str) -> Path:
        """The path below the folder; its parents are made.

        Raises:
            ExecutionError: It would lead out of the folder.
        """
        parts = PurePosixPath(relative).parts
        if not parts or parts[0].startswith("/") or ".." in parts or "\0" in relative:
            raise ExecutionError(f"{relative!r} leads out of the model's folder.", code="run.staging")
        target = self.work.joinpath(*parts)
        self._folder(target.parent)
        return target

    def folder(self, relative: str) -> Path:
        """The folder below the model's folder, made and writable; ``.`` is the folder itself."""
        if PurePosixPath(relative) == PurePosixPath():
            return self.work
        path = self.place(relative)
        self._folder(path)
        return path

    def _folder(self, path: Path) -> None:
        if str(path) in self._made:
            return
        self._folder(path.parent)
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise ExecutionError(
                f"{path.relative_to(self.work)} is needed as a folder and is a file.", code="run.staging"
            )
        path.mkdir(exist_ok=True)
        self._made.add(str(path))

    def file(
        self,
        source: Path,
        relative: str,
        size: int,
        mode: int = 0o644,
        *,
        read_only: bool = False,
        may_link: bool = True,
    ) -> Path:
        """Puts one file there, as the module says; what stood at the place is replaced."""
        target = self.place(relative)
        target.unlink(missing_ok=True)
        cloned = size > LARGE and _clone(source, target)
        if size > LARGE and may_link and not cloned:
            self._link(source, target)
            return target
        if not cloned:
            shutil.copyfile(source, target)
        target.chmod(0o444 if read_only else (mode & 0o777) | 0o600)
        self.bytes += size
        return target

    def text(self, relative: str, content: bytes, mode: int = 0o644) -> Path:
        """Writes one file; never through a link that stands at its place."""
        target = self.place(relative)
        target.unlink(missing_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        self.bytes += len(content)
        return target

    def tree(self, source: Path, relative: str) -> None:
        """Puts a whole folder there, read-only file by file, so that other files may stand beside its own."""
        top = str(PurePosixPath(relative))
        for folder, _, files in os.walk(source):
            inside = Path(folder).relative_to(source).as_posix()
            for name in files:
                path = Path(folder) / name
                self.file(path, f"{top}/{inside}/{name}", path.stat().st_size, read_only=True)

    def volume(self, storage: Path, relative: str, *, writable: bool = True) -> None:
        """Links, or mounts, a folder that is kept between executions.

        Args:
            storage: Where it is kept.
            relative: Below the folder; where it is mounted, an absolute path may lead out of it.
            writable: Counts where it is mounted.
        """
        if self.mounted:
            if not PurePosixPath(relative).is_absolute():
                self.folder(relative)
            self.mounts.append((storage.resolve(), relative, writable))
            return
        target = self.place(relative)
        if target.is_dir() and not target.is_symlink():
            with suppress(OSError):
                target.rmdir()
        if target.exists() or target.is_symlink():
            raise ExecutionError(
                f"The volume at {relative!r} would cover files of the project.",
                mend="Give it a mount_path of its own.",
                code="run.staging",
            )
        self._link(storage, target)
        self.volumes.add(str(storage.resolve()))

    def link(self, source: Path, relative: str) -> None:
        """Links a folder of ours; what stood at the place is replaced."""
        target = self.place(relative)
        remove_tree(target)
        target.symlink_to(source)
        self.beside.add(str(source))

    def _link(self, source: Path, target: Path) -> None:
        real = source.resolve()
        if self.mounted:
            target.touch()
            self.mounts.append((real, target.relative_to(self.work).as_posix(), False))
            return
        target.symlink_to(real)
        self.linked.add(str(real))


def _clone(source: Path, target: Path) -> bool:
    """Shares the blocks of ``source`` with ``target``; False where the file system cannot."""
    try:
        with source.open("rb") as origin, target.open("xb") as copy:
            fcntl.ioctl(copy.fileno(), _FICLONE, origin.fileno())
    except OSError as error:
        target.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EACCES):
            raise
        return False
    return True
