"""The place of what is still coming into a layout: each file and folder there is locked by who writes it.

Whoever is killed leaves it without its lock, and so the next one knows that it can go. What ends in ``.part`` stays: it
is taken up again.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

KEPT = ".part"


@contextmanager
def coming_file(folder: Path) -> Iterator[BinaryIO]:
    """A new file, which is gone afterwards where nobody has moved it away."""
    while True:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="new-", delete=False) as stream:
            path = Path(stream.name)
            fcntl.flock(stream, fcntl.LOCK_SH)
            if not path.exists():  # swept before it was locked
                continue
            try:
                yield cast("BinaryIO", stream)
            finally:
                path.unlink(missing_ok=True)
            return


@contextmanager
def coming_folder(folder: Path) -> Iterator[Path]:
    """A new folder, which is gone afterwards."""
    while True:
        path = Path(tempfile.mkdtemp(dir=folder, prefix="new-"))
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # swept before it was locked
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            if not path.exists():
                continue
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)
            return
        finally:
            os.close(handle)


def sweep(folder: Path) -> None:
    """Removes what writers that were killed have left; where it may not be removed, it stays."""
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if path.suffix != KEPT:
                _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    with suppress(OSError):  # it is somebody's, or gone already
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        finally:
            os.close(handle)
