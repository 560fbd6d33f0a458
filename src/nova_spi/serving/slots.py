"""The folders of a worker, made anew for each of its lives; and the end of a server's folders.

A server that has nothing to do with manifests imports this, so it imports little.
"""

import errno
import fcntl
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from nova_spi.execution.removal import remove_tree
from nova_spi.serving.plan import Plan, Slot

SMALL = 64 * 1024
"""Up to this size, in bytes, a copy is cheaper than asking the file system to share blocks."""
_FICLONE = 0x40049409
"""ioctl of linux/fs.h: the target shares the source's blocks until one of them is written."""
_PRIVATE = ("HOME", "TMPDIR", "XDG_CACHE_HOME")


class Removable(Protocol):
    """Folders that this process holds."""

    def remove(self) -> None:
        """Takes them away."""
        ...


HOLDING: dict[Path, Removable] = {}
"""By the folder of its plan: what this process has prepared and holds."""


def renew(slot: Slot) -> None:
    """Gives a worker's next life fresh folders: the model's as it was prepared, a home, nothing of calls.

    All of them are new folders and not the old ones emptied: what is left of the last life, should anything be, has
    hold of the old ones. What a model has made there is removed, and no link of its is followed.

    Raises:
        OSError: The disk is full, or the prepared folder is gone.
    """
    _anew(slot.job.folder)
    _anew(slot.calls)
    if slot.socket is not None:
        _anew(slot.socket.parent, 0o711)
    _copy(os.fspath(slot.pristine), os.fspath(slot.work))
    for name in _PRIVATE:
        place = Path(slot.job.variables.get(name, "/"))
        if place.is_relative_to(slot.job.folder):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)


def remove(plan: Plan) -> None:
    """Takes away all that was made for a plan, once nothing of it is running; twice does no harm."""
    held = HOLDING.pop(plan.folder, None)
    if held is not None:
        held.remove()
        return
    # Another program has made it, and we have taken its place: its locks are ours, and end with us.
    for socket in {slot.socket.parent.parent for slot in plan.slots if slot.socket is not None}:
        remove_tree(socket)
    if plan.secrets is not None:
        remove_tree(plan.secrets.parent)
    remove_tree(plan.folder)


def _anew(folder: Path, mode: int = 0o755) -> None:
    """An empty folder of a new kind where there may be one; the old one is moved away first, whatever is in it."""
    old = folder.with_name(f".{folder.name}.old")
    remove_tree(old)
    with suppress(FileNotFoundError):
        folder.rename(old)
    folder.mkdir(parents=True, mode=0o700)
    folder.chmod(mode)  # whatever the umask is: in a container the model has a user number of its own
    remove_tree(old)


def _copy(source: str, target: str) -> None:
    """A folder with all in it: links stay links, files keep their modes, and no two share their content."""
    os.mkdir(target, 0o700)  # noqa: PTH102  # paths as text: a Path for each of many files is the slow part
    with os.scandir(source) as entries:
        found = list(entries)
    for entry in found:
        place = f"{target}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)  # noqa: PTH115, PTH211  # as above
        elif entry.is_dir():
            _copy(entry.path, place)
        else:
            _copy_file(entry.path, place, entry.stat().st_size)
    os.chmod(target, stat.S_IMODE(os.stat(source).st_mode))  # noqa: PTH101, PTH116  # as above


def _copy_file(source: str, target: str, size: int) -> None:
    if size <= SMALL or not _cloned(source, target):
        shutil.copyfile(source, target)
    os.chmod(target, stat.S_IMODE(os.stat(source).st_mode))  # noqa: PTH101, PTH116  # as above


def _cloned(source: str, target: str) -> bool:
    """Shares the blocks; False where the file system cannot."""
    with open(source, "rb") as origin, open(target, "wb") as copy:  # noqa: PTH123  # as above
        try:
            fcntl.ioctl(copy.fileno(), _FICLONE, origin.fileno())
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            return False
    return True
