"""The memory of a whole process tree, sampled: where a run has no control group (`cgroups.watching` is for those).

A sample adds the resident sizes of all processes below the launcher. Pages that processes share are counted once for
each, so before a tree is called too large its proportional sizes (``Pss`` of ``/proc/PID/smaps_rollup``) decide.

What it does not see: what is allocated and freed between two samples, page cache, and files in memory (``/dev/shm``)
that no process has mapped. Samples come every 5 ms near the limit and every 50 ms far below it; a limit of 500 MB was
overshot by 1 to 13 MB by programs that took memory as fast as one thread can. A program that lives for minutes, as a
worker does, is sampled every 250 ms far below its limit, and every 50 ms where it is near and nothing changes: so one
that has nothing to do costs next to nothing.
"""

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Protocol

from nova_spi.engines.process.tree import SIGKILL, send

if TYPE_CHECKING:
    import psutil

    from nova_spi.engines.process.cgroups.hearing import Bell

SOONEST_SECONDS, LATEST_SECONDS, PATIENT_SECONDS = 0.005, 0.05, 0.25
FIRST_SECONDS = 0.02
AGE_SHARE = 0.01
"""The part of its age by which a program may wait for its next sample, up to `PATIENT_SECONDS`."""
GROWTH = 4e9
"""Bytes a second: the next sample comes before a tree that grows so fast can reach its limit, as far as it can."""
CLOSE = 0.7
"""The part of the limit above which a sample may cost more."""
SHARE, CLOSE_SHARE = 0.01, 0.05
"""The part of one core that sampling may take."""
RESCAN_SECONDS = 2.0


class Tree(Protocol):
    """The living processes below one process."""

    def count(self) -> int:
        """How many there were at the last `resident`."""
        ...

    def resident(self) -> int:
        """Their resident bytes together, now."""
        ...

    def proportional(self) -> int:
        """The same with shared pages counted once, as far as the machine tells."""
        ...

    def kill_known(self) -> int:
        """Sends SIGKILL to those of the last `resident` that still live; returns how many they were."""
        ...


class ProcTree:
    """By ``/proc``. A process that is new is looked at once, so a sample costs little on a machine with many."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._members: dict[int, bytes] = {}
        self._seen: set[int] = set()
        self._rescan_at = 0.0
        self._newest = b""
        self._once_more = True
        self._page = os.sysconf("SC_PAGE_SIZE")

    def count(self) -> int:
        """See `Tree.count`."""
        return len(self._members)

    def resident(self) -> int:
        """See `Tree.resident`."""
        self._discover()
        return sum(self._pages(pid) for pid in self._members) * self._page

    def proportional(self) -> int:
        """See `Tree.proportional`."""
        return sum(self._proportional(pid) for pid in self._members)

    def kill_known(self) -> int:
        """See `Tree.kill_known`."""
        living = [pid for pid, start in self._members.items() if _parent_and_start(pid)[1] == start]
        for pid in living:
            send(pid, SIGKILL)
        return len(living)

    def _discover(self) -> None:
        """Looks at processes that are new; lists them only where ``/proc/loadavg`` says that there was a new one."""
        now = time.monotonic()
        newest = _read("/proc/loadavg").rpartition(b" ")[2]
        if now >= self._rescan_at:  # a process id may have been used twice meanwhile
            self._seen, self._rescan_at = set(self._members), now + RESCAN_SECONDS
        elif newest and newest == self._newest and not self._once_more:
            return
        self._once_more = newest != self._newest  # an id is given out a moment before its process can be seen
        self._newest = newest
        here = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - names, and often
        fresh = {pid: _parent_and_start(pid) for pid in here - self._seen}
        self._seen = here
        self._members = {pid: start for pid, start in self._members.items() if pid in here}
        while found := {pid for pid, (parent, _) in fresh.items() if parent == self._root or parent in self._members}:
            self._members |= {pid: fresh.pop(pid)[1] for pid in found}

    def _pages(self, pid: int) -> int:
        words = _read(f"/proc/{pid}/statm").split()
        return int(words[1]) if len(words) > 1 else 0

    def _proportional(self, pid: int) -> int:
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
        return self._pages(pid) * self._page


class PsutilTree:
    """By psutil, where there is no ``/proc``; what has daemonised is not below the launcher there."""

    def __init__(self, root: int) -> None:
        import psutil

        self._psutil = psutil
        self._root = root
        self._members: list[psutil.Process] = []

    def count(self) -> int:
        """See `Tree.count`."""
        return len(self._members)

    def resident(self) -> int:
        """See `Tree.resident`."""
        sizes = {}
        for process in self._below():
            with contextlib.suppress(self._psutil.Error):
                sizes[process] = process.memory_info().rss
        self._members = list(sizes)
        return sum(sizes.values())

    def proportional(self) -> int:
        """Resident: proportional sizes are not to be had cheaply here."""
        return self.resident()

    def kill_known(self) -> int:
        """See `Tree.kill_known`."""
        killed = 0
        for process in self._members:
            with contextlib.suppress(self._psutil.Error):
                if process.status() != self._psutil.STATUS_ZOMBIE:
                    process.kill()  # psutil compares the process's start first
                    killed += 1
        return killed

    def _below(self) -> "list[psutil.Process]":
        try:
            return self._psutil.Process(self._root).children(recursive=True)
        except self._psutil.Error:
            return []


class MemoryWatch:
    """Samples a tree, more often the closer it is to its limit.

    Attributes:
        tree: What is sampled.
        peak: The largest sample, in bytes; 0 before the first.
        due: When the next sample is wanted, by the monotonic clock.
        bell: Rings where a sample is wanted sooner; None where nothing does.
    """

    bell: "Bell | None" = None

    def __init__(self, tree: Tree, limit: int | None) -> None:
        self.tree = tree
        self.peak = 0
        self.due = time.monotonic() + FIRST_SECONDS
        self._limit = limit
        self._began = time.monotonic()
        self._last = -1
        self._unchanged = 0

    def sample(self) -> bool:
        """Takes one sample; True where the tree is over its limit."""
        began = time.thread_time()
        used = self.tree.resident()
        if self._limit is not None and used > self._limit and self.tree.count() > 1:
            used = self.tree.proportional()
        self.peak = max(self.peak, used)
        self._unchanged, self._last = (self._unchanged + 1 if used == self._last else 0), used
        over = self.exceeded(used)
        self.due = time.monotonic() + self.pause(used, time.thread_time() - began)
        return over

    def rang(self) -> None:
        """The bell has rung."""
        if self.bell is not None:
            self.bell.hear()

    def close(self) -> None:
        """Lets go of the bell."""
        if self.bell is not None:
            self.bell.close()

    @property
    def age(self) -> float:
        """For how many seconds it has watched."""
        return time.monotonic() - self._began

    def exceeded(self, used: int) -> bool:
        """Whether a tree that holds so many bytes must be ended."""
        return self._limit is not None and used > self._limit

    def final(self, largest: int) -> bool:
        """Whether it turns out after the program's end that it was over its limit, between two samples.

        Args:
            largest: The most resident bytes that one of its processes had, as the kernel has counted them.
        """
        self.peak = max(self.peak, largest)
        return self._limit is not None and largest > self._limit

    def pause(self, used: int, cost: float) -> float:
        """Seconds until the next sample.

        Args:
            used: Bytes of the last one.
            cost: What it cost of this thread's time, in seconds.
        """
        latest = latest_pause(self.age)
        if self._limit is None:
            return max(latest, cost / SHARE)
        wanted = min(max((self._limit - used) / GROWTH, SOONEST_SECONDS), latest)
        idle = min(SOONEST_SECONDS * self._unchanged / 10, LATEST_SECONDS)
        return max(wanted, idle, cost / (CLOSE_SHARE if used > self._limit * CLOSE else SHARE))


def latest_pause(age: float, patience: float = PATIENT_SECONDS) -> float:
    """The longest pause between two samples of a program that has lived for so many seconds."""
    return min(max(age * AGE_SHARE, LATEST_SECONDS), patience)


def tree_below(root: int) -> Tree:
    """The processes below one, by what this machine has."""
    return ProcTree(root) if sys.platform == "linux" else PsutilTree(root)


def _parent_and_start(pid: int) -> tuple[int, bytes]:
    """The parent's id and the start time, fields 4 and 22 of ``/proc/PID/stat``; zeros where it has ended."""
    words = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(words[1]), words[19]) if len(words) > 19 and words[0] not in b"ZX" else (0, b"")


def _read(path: str) -> bytes:
    """The content of one file of ``/proc``; empty where the process has ended or is not ours to see."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
