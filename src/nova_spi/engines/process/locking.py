"""One process at a time, by a lock file that dies with its holder."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from nova_spi.progress import Progress

LOOK_SECONDS = 0.05


@contextlib.contextmanager
def locked(path: Path, progress: Progress, *, wait: bool = True) -> Iterator[bool]:
    """Holds the lock ``path``, which its holder may delete. The kernel frees it when a holder dies, however it dies.

    Args:
        path: The lock file; made where it is not there.
        progress: Is told where another process holds it.
        wait: Otherwise the lock may be yielded unheld.

    Yields:
        True where it is held; False where another has it and ``wait`` is off.
    """
    descriptor = _try(path)
    if descriptor is None and wait:
        progress.stage("environment", "another process is making it")
    while descriptor is None and wait:
        time.sleep(LOOK_SECONDS)
        descriptor = _try(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def share(path: Path) -> int:
    """A descriptor that holds the lock together with others, against everybody who wants it alone. Waits for those."""
    while (descriptor := _try(path, fcntl.LOCK_SH)) is None:
        time.sleep(LOOK_SECONDS)
    return descriptor


def _try(path: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """A descriptor that holds the lock; None where another has it, or has deleted the file meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:  # also Ctrl-C: put in order, and raised again
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
