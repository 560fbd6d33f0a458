"""The folders of one server: its own in the project, its secrets in memory, its sockets by short paths.

Below ``.nova-spi/serving/<id>/``::

lock           held by who serves; it is inherited by the server that replaces us, so it knows of it nothing but that
pristine/work  the model's folder as it was prepared
workers/N/     ``work`` and ``scratch`` of one worker: all that it may write
calls/N/       the input files of its calls
store/         the files of executions
"""

import fcntl
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from nova_spi.artifacts.locking import held
from nova_spi.execution.places import PRIVATE, ignored_by_git, is_held, new_id
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.secrets import PREFIX, base_of, held_folder, lay

SOCKETS = "nova-spi-sockets-"
ELSEWHERE = "nova-spi-serving-"
"""Prefixes of folders for temporary files."""


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The places of one server.

    Attributes:
        id: Sorts by time.
        root: Its folder, absolute.
        locks: Descriptors that say that somebody is there; they outlive an ``exec``.
        beside: Folders of it elsewhere, which go with it.
    """

    id: str
    root: Path
    locks: list[int] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)

    def secrets(self, values: dict[str, str]) -> Path | None:
        """Lays out the secrets; None where there are none."""
        if not values:
            return None
        return lay(values, self._elsewhere(PREFIX, base_of(self.root / "secrets")))

    def sockets(self) -> Path:
        """A private folder whose path is short enough for sockets below it (107 bytes, unix(7))."""
        base = Path(tempfile.gettempdir())
        return self._elsewhere(SOCKETS, base if len(os.fsencode(base)) < 60 else Path("/tmp"))  # noqa: S108  # private

    def remove(self) -> None:
        """Takes everything away, and lets go of the locks."""
        for folder in (self.root, *self.beside):
            remove_tree(folder)
        while self.locks:
            os.close(self.locks.pop())

    def _elsewhere(self, prefix: str, base: Path) -> Path:
        folder, lock = held_folder(prefix, base)
        self._hold(lock, folder)
        return folder

    def _hold(self, lock: int, *folders: Path) -> None:
        os.set_inheritable(lock, True)
        self.locks.append(lock)
        self.beside.extend(folders)


def open_server(project: Path) -> ServerFolder:
    """Makes the folder of a new server and removes those of servers that are gone.

    A project that cannot be written is served from a private folder for temporary files.
    """
    base = project.resolve() / PRIVATE / "serving"
    try:
        base.mkdir(parents=True, exist_ok=True)
        ignored_by_git(project.resolve() / PRIVATE)
        with held(base / ".lock"):
            prune(base)
            return _open(base)
    except OSError:
        folder, lock = held_folder(ELSEWHERE, Path(tempfile.gettempdir()))
        os.set_inheritable(lock, True)
        return ServerFolder(new_id(), folder, [lock])


def prune(base: Path) -> None:
    """Removes the folders of servers that have died, however they did."""
    for left in base.iterdir():
        if left.is_dir() and not left.is_symlink() and not is_held(left / "lock"):
            remove_tree(left)


def _open(base: Path) -> ServerFolder:
    name = new_id()
    root = base / name
    root.mkdir(mode=0o700)  # what callers send and get is nobody else's on this machine
    lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    return ServerFolder(name, root, [lock])
