"""Ends a program whose launcher was killed or stopped, as well as it can be done without it."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from nova_spi.engines.process.memory import Tree
from nova_spi.engines.process.tree import SIGKILL, descendants, kill_below, process_table, send

SECONDS = 1.0


def end_escaped(launcher: int, program: int | None, log: int, tree: Tree) -> int:
    """Kills what is found in four ways until nothing is, for a second at most.

    Below the launcher, where it is alive; known to the memory watchdog; in the program's session; and holding the
    writing end of its log pipe. What was never sampled, is in a session of its own and has closed its log is not found.

    Args:
        launcher: Its process id.
        program: The program's process id; None where it never started.
        log: Our reading end of the log pipe.
        tree: The watchdog's tree.

    Returns:
        How many processes were still there at the end.
    """
    pipe = f"pipe:[{os.fstat(log).st_ino}]"
    until = time.monotonic() + SECONDS
    while True:
        found = len(kill_below(launcher, launcher)) + tree.kill_known()
        for pid in _strays(launcher, program, pipe):
            send(pid, SIGKILL)
            found += 1
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.01)


def _strays(launcher: int, program: int | None, pipe: str) -> Iterator[int]:
    ours = {os.getpid(), launcher, *descendants(os.getpid())}
    for pid, (_, _, state) in process_table().items():
        known = pid in ours or state in "ZX"
        if not known and (_session(pid) == program is not None or _writes_to(pid, pipe)):
            yield pid


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _writes_to(pid: int, pipe: str) -> bool:
    """A descriptor's link below ``/proc`` has the permissions that it was opened with."""
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if str(link.readlink()) == pipe and link.lstat().st_mode & 0o200:
                return True
    return False
