"""The files of a group: what limits it and what it tells, in both versions.

Formats: ``Documentation/admin-guide/cgroup-v1/`` and ``cgroup-v2.rst`` of Linux.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from nova_spi.engines.port import Limits
from nova_spi.engines.process.cgroups.joining import read
from nova_spi.engines.process.isolation.plan import PROCESSES

PERIOD_MICROSECONDS = 100_000
LEAST_QUOTA_MICROSECONDS = 1000
CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
"""Those that we use; in version 2 a group's CPU time is told without ``cpuacct``."""

Setting = tuple[str, str, bool]
"""A file, what is written there, and whether the limit is none without it."""


def settings(version: int, controllers: frozenset[str], limits: Limits) -> Iterator[Setting]:
    """What makes a group hold the limits, in the order in which it is to be written."""
    if "memory" in controllers and limits.memory_bytes is not None:
        yield from _memory(version, limits.memory_bytes)
    if "pids" in controllers:
        yield "pids.max", str(PROCESSES), True
    if "cpu" in controllers and limits.cpu_cores is not None:
        yield from _cpu(version, quota(limits.cpu_cores))


def quota(cores: float) -> int:
    """Microseconds of CPU time in each period; no more than the machine's processors give."""
    return max(LEAST_QUOTA_MICROSECONDS, round(min(cores, os.cpu_count() or 1) * PERIOD_MICROSECONDS))


def _memory(version: int, limit: int) -> Iterator[Setting]:
    if version == 1:
        yield "memory.limit_in_bytes", str(limit), True
        yield "memory.memsw.limit_in_bytes", str(limit), False
        yield "memory.swappiness", "0", False
        yield "memory.oom_control", "0", False  # a group takes over from the one above that it waits instead of killing
    else:
        yield "memory.max", str(limit), True
        yield "memory.swap.max", "0", False
        yield "memory.oom.group", "1", False


def _cpu(version: int, microseconds: int) -> Iterator[Setting]:
    if version == 1:
        yield "cpu.cfs_period_us", str(PERIOD_MICROSECONDS), True
        yield "cpu.cfs_quota_us", str(microseconds), True
    else:
        yield "cpu.max", f"{microseconds} {PERIOD_MICROSECONDS}", True


def killed(version: int, folder: Path) -> int | None:
    """How many processes the kernel has ended in a group for want of memory; None where it does not say."""
    return field(folder, "memory.oom_control" if version == 1 else "memory.events", "oom_kill")


def held(version: int, folder: Path) -> int:
    """Bytes that a group holds and that could not be dropped: its own memory and files in memory.

    What it has read from and written to a disk is not among them, though it is charged to the group: the kernel drops
    it before the limit is met.
    """
    names = ("total_rss", "total_shmem") if version == 1 else ("anon", "shmem")
    found = fields(folder, "memory.stat")
    return sum(found.get(name, 0) for name in names)


def highest(version: int, folder: Path) -> int:
    """The most bytes that were ever charged to a group at once, files that it has read with them; 0 where unknown."""
    return number(folder, "memory.max_usage_in_bytes" if version == 1 else "memory.peak") or 0


def cpu_seconds(version: int, folder: Path) -> float | None:
    """User and system time of all that ever ran in a group; None where it does not say."""
    if version == 1:
        used = number(folder, "cpuacct.usage")
        return None if used is None else used / 1e9
    used = field(folder, "cpu.stat", "usage_usec")
    return None if used is None else used / 1e6


def number(folder: Path, name: str) -> int | None:
    """A file that holds one number; None where it is not there or holds a word (``max``)."""
    word = read(os.fsencode(folder / name)).strip()
    return int(word) if word.isdigit() and len(word) <= 20 else None


def field(folder: Path, name: str, key: str) -> int | None:
    """One number of a file of ``KEY NUMBER`` lines; None where it is not there."""
    return fields(folder, name).get(key)


def fields(folder: Path, name: str) -> dict[str, int]:
    """A file of ``KEY NUMBER`` lines; what is none is passed over."""
    pairs = (line.split() for line in read(os.fsencode(folder / name)).splitlines())
    return {
        pair[0].decode("ascii", "replace"): int(pair[1])
        for pair in pairs
        if len(pair) == 2 and pair[1].isdigit() and len(pair[1]) <= 20
    }
