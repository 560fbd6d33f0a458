"""Hearing at once that a group has no memory left, without asking again and again.

A worker lives for days and is looked at once a second. Where the kernel ends one of its processes, the call that is
going on is the one to hear of it, and not one of those that come after.

Sources: ``Documentation/admin-guide/cgroup-v1/memory.rst``, section 10 (an eventfd in ``cgroup.event_control``: it
rings before the kernel ends something), and ``cgroup-v2.rst``, "memory.events" (a change of the file is an event).
"""

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

RESTLESS_SECONDS = 0.5
"""After it rang: how long the kernel may take to end something."""


class Bell:
    """Rings where a group has reached its limit of memory, or a little too often.

    Args:
        descriptor: To wait for; it is ours from now on.
        events: As `select.poll` takes them.
    """

    def __init__(self, descriptor: int, events: int) -> None:
        self.events = events
        self._descriptor = descriptor

    @classmethod
    def of(cls, version: int, folder: Path) -> "Bell | None":
        """That of a group; None where the machine has none, or does not let us."""
        if sys.platform != "linux":
            return None
        try:
            if version == 2:
                return cls(_events(folder), select.POLLPRI)
            return cls(_eventfd(folder), select.POLLIN)
        except OSError:
            return None

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def hear(self) -> None:
        """It rang; from now on it waits for the next time."""
        with suppress(OSError):
            if self.events == select.POLLPRI:
                os.pread(self._descriptor, 4096, 0)
            else:
                os.read(self._descriptor, 8)

    def close(self) -> None:
        """Rings no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _events(folder: Path) -> int:
    descriptor = os.open(folder / "memory.events", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.pread(descriptor, 4096, 0)  # what was before is no event
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _eventfd(folder: Path) -> int:
    if sys.platform != "linux":
        raise OSError("no eventfd")
    bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    try:
        control = os.open(folder / "memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        try:
            (folder / "cgroup.event_control").write_text(f"{bell} {control}", encoding="ascii")
        finally:
            os.close(control)
    except OSError:
        os.close(bell)
        raise
    return bell
