"""Removing what a model has left, whatever it has left."""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


def remove_tree(root: Path) -> None:
    """Removes a folder and everything below it; links are removed, never followed. What cannot be removed stays.

    A model may have made thousands of folders inside each other, with paths longer than the system takes, and taken its
    own right to read them. Where the plain way fails, each folder is moved up next to the root before it is emptied.
    """
    try:
        if not stat.S_ISDIR(root.lstat().st_mode):
            root.unlink()
            return
    except OSError:
        return
    with suppress(OSError, RecursionError):
        shutil.rmtree(root)
        return
    pending, number = [root], 0
    while pending:
        folder = pending.pop()
        with suppress(OSError):
            folder.chmod(0o700)
        for entry in _entries(folder):
            with suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)  # noqa: PTH108  # a Path for each of a million files costs more than the removal
                    continue
                number += 1
                moved = root.with_name(f"{root.name}.gone{number}.{os.getpid()}")
                os.chmod(entry.path, 0o700)  # noqa: PTH101  # as above
                os.rename(entry.path, moved)  # noqa: PTH104  # as above
                pending.append(moved)
        with suppress(OSError):
            folder.rmdir()


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []
