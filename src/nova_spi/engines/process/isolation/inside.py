"""Paths as a program in an image sees them: in the image's root, with folders of this machine put into it.

Links are followed as the kernel will inside: from the image's root where they are absolute. What is made, the places
of mounts, is made through `artifacts.confined`; so a link that an image or an earlier run has left leads nowhere.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nova_spi.artifacts.confined import FOLDER_MODE, MAX_LINKS, Confined, Parts, new_file
from nova_spi.engines.port import Job, Mount
from nova_spi.errors import ArtifactInvalid, EngineUnavailable

EMPTY = ((b"tmp",), (b"dev", b"shm"))
"""Folders of a sandbox that are its own and empty at the start."""
CLOSED = ((b"proc",), (b"sys",), (b"dev",))
"""Folders that are the kernel's: nothing is put into them but where `EMPTY` is."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for in an image that says nothing, as container engines do."""
_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class _Source:
    """What is seen at a place, and whether places for mounts may be made in it."""

    path: Path
    open: bool


class Inside:
    """One root and what is put into it.

    Args:
        root: The image's.
        mounts: What is there already.
    """

    def __init__(self, root: Path, mounts: Iterable[Mount] = ()) -> None:
        self._sources: dict[Parts, _Source | None] = {(): _Source(root, open=True)} | dict.fromkeys(EMPTY)
        for mount in self.ordered(mounts):
            self._sources[self._followed(mount.target)] = _Source(mount.source, mount.writable)

    def ordered(self, mounts: Iterable[Mount]) -> list[Mount]:
        """The same, each after those that it lies in."""
        return sorted(mounts, key=lambda mount: len(self._followed(mount.target)))

    def hang(self, mount: Mount) -> tuple[bytes, bool]:
        """Puts a mount into the root; its place is made where it is not there.

        Returns:
            Its place without links, and whether it lies in one of the empty folders: there it is made later.

        Raises:
            EngineUnavailable: It cannot be there, or cannot be made there.
        """
        parts = self._followed(mount.target)
        if not mount.source.exists():
            raise _refused(mount, f"There is no {mount.source} on this machine.")
        if not parts or (parts[:1] in CLOSED and parts[:2] not in EMPTY):
            raise _refused(mount, "That place is the sandbox's own.")
        around, depth = self._around(parts[:-1])
        if around is not None:
            self._make(mount, around, parts[depth:])
        self._sources[parts] = _Source(mount.source, mount.writable)
        return b"/" + b"/".join(parts), around is None

    def find(self, path: Path) -> Path | None:
        """Where on this machine a file or folder stands that a program sees at an absolute path; None: nowhere."""
        parts = self._followed(path)
        around, depth = self._around(parts)
        if around is None:
            return None
        found = around.path.joinpath(*map(os.fsdecode, parts[depth:]))
        return found if os.path.lexists(found) else None

    def program(self, path: Path) -> bool:
        """Whether a program that can be executed is seen at an absolute path."""
        found = None if b"\0" in os.fsencode(path) else self.find(path)
        if found is None:
            return False
        mode = found.lstat().st_mode
        return stat.S_ISREG(mode) and bool(mode & 0o111)

    def _around(self, parts: Parts) -> tuple[_Source | None, int]:
        """The nearest source that a place lies in, None for an empty folder; and how many parts lead to it."""
        depth = next(depth for depth in range(len(parts), -1, -1) if parts[:depth] in self._sources)
        return self._sources[parts[:depth]], depth

    def _followed(self, path: Path) -> Parts:
        """The place that a path leads to; what is not there leads to itself."""
        here: Parts = ()
        links = 0
        waiting = os.fsencode(path).split(b"/")[::-1]
        while waiting:
            part = waiting.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                here = here[:-1]
                continue
            link = self._link((*here, part))
            if not link:
                here = (*here, part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise EngineUnavailable(f"The image has more than {MAX_LINKS} links on the way to {path}.")
            here = () if link.startswith(b"/") else here
            waiting += link.split(b"/")[::-1]
        return here

    def _link(self, parts: Parts) -> bytes:
        around, depth = self._around(parts)
        if around is None or depth == len(parts):
            return b""
        try:
            return os.readlink(b"/".join((os.fsencode(around.path), *parts[depth:])))  # noqa: PTH115 - bytes
        except (OSError, ValueError):  # no link, nothing there, or no name that could be there
            return b""

    def _make(self, mount: Mount, around: _Source, parts: Parts) -> None:
        """Makes the place of a mount in the image or in the mount around it, if it is not there."""
        wanted = stat.S_IFDIR if mount.source.is_dir() else stat.S_IFREG
        try:
            inside = Confined(around.path)
            try:
                folder, real = inside.folder(parts[:-1], make=around.open)
                if real != parts[:-1]:
                    raise _refused(mount, "A link stands on the way to it.")
                found = _kind(folder, parts[-1])
                if found is None and around.open:
                    found = _new(folder, parts[-1], wanted)
            finally:
                inside.close()
        except (OSError, ValueError, ArtifactInvalid) as error:
            raise _refused(mount, f"In {around.path}: {error}.") from error
        if found != wanted:
            raise _refused(mount, "A folder cannot stand in a file's place, nor a file in a folder's.")


def program_inside(job: Job, root: Path) -> str:
    """The absolute path of a job's program as it is seen in the job's image; see `launching.find_program`.

    Raises:
        EngineUnavailable: It is not there or cannot be executed.
    """
    inside = Inside(root, job.mounts)
    name = job.argv[0]
    folders = job.variables.get("PATH", DEFAULT_PATH).split(":")
    tried = [job.work_dir / name] if "/" in name else [job.work_dir / folder / name for folder in folders]
    found = next((path for path in tried if inside.program(path)), None)
    if found is None:
        raise EngineUnavailable(
            f"The program '{name}' is not in the image.",
            why=f"Searched: {':'.join(folders)}" if "/" not in name else f"No program {tried[0]}.",
            mend="Put it into the image, or name one that is there in the command's entry point.",
            program=name,
        )
    return str(found)


def _kind(folder: int, name: bytes) -> int | None:
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def _new(folder: int, name: bytes, kind: int) -> int | None:
    """Makes an empty folder or file; another process may have been quicker, so what is there counts."""
    try:
        if kind == stat.S_IFDIR:
            os.mkdir(name, FOLDER_MODE, dir_fd=folder)
        else:
            with new_file(name, folder) as stream:
                os.fchmod(stream.fileno(), _FILE_MODE)
    except FileExistsError:
        pass
    return _kind(folder, name)


def _refused(mount: Mount, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{mount.source} cannot be put into the image at {mount.target}.",
        why=why,
        mend="Name another place for it.",
        target=str(mount.target),
    )
