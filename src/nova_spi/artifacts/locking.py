"""One process at a time: a lock file that is held, and that its holder's death frees."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds a lock file against other processes and threads; waits for it.

    The file stays, so that all who wait have the same.

    Args:
        path: Of the file, which is made where it is not there; never a link.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
