"""What a container uses, read from its control group while it runs; cgroup v1 and v2.

Memory is what the container cannot give back: usage without the page cache that is not in active use, as ``docker
stats`` counts it. It is sampled, so a peak between two samples is missed. CPU time is the kernel's own count, as of
the last sample; the last one is taken in the moment in which the container's first process ends.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_spi.engines.process.cgroups.hearing import RESTLESS_SECONDS, Bell
from nova_spi.engines.process.cgroups.watching import PATIENT_SECONDS
from nova_spi.engines.process.memory import latest_pause

FIRST_SECONDS = 0.005
GROWTH = 1.5
"""How much longer each pause between two samples is than the one before, up to what `latest_pause` allows."""
_MAX_BYTES = 16 * 1024
_V1_FILES = {
    "memory": "memory.usage_in_bytes",
    "stat": "memory.stat",
    "events": "memory.oom_control",
    "mark": "memory.max_usage_in_bytes",
}
_V2_FILES = {"memory": "memory.current", "stat": "memory.stat", "events": "memory.events", "mark": "memory.peak"}


@dataclass(frozen=True, slots=True)
class Usage:
    """One sample.

    Attributes:
        memory_bytes: In use, without inactive page cache.
        mark_bytes: The kernel's high-water mark, page cache and all; 0 where it keeps none.
        cpu_seconds: User and system time of all processes so far.
        oom_kills: How many processes the kernel has ended for want of memory.
    """

    memory_bytes: int
    mark_bytes: int
    cpu_seconds: float
    oom_kills: int


class Cgroup:
    """The control group of one container, its files held open.

    Args:
        files: ``memory``, ``stat``, ``events``, ``mark`` and ``cpu``, by their paths; those that are not there count
            as zero.
        version: 1 or 2.
    """

    def __init__(self, files: Mapping[str, Path], version: int) -> None:
        self._version = version
        self.bell = Bell.of(version, files["events"].parent) if "events" in files else None
        self._open: dict[str, int] = {}
        for name, path in files.items():
            with suppress(OSError):
                self._open[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @classmethod
    def of_process(cls, pid: int, mark: str) -> "Cgroup | None":
        """The group of a container by its first process; None where this machine does not show it.

        Args:
            pid: As the engine tells it, which may be a number of another machine (a virtual one) or namespace.
            mark: The container's id, which its group's path must hold.
        """
        groups = groups_of(_text(f"/proc/{pid}/cgroup"))
        mounts = mounts_of(_text("/proc/self/mountinfo"))
        if mark in groups.get("memory", "") and "memory" in mounts:
            folder = mounts["memory"] + groups["memory"]
            files = {name: Path(folder, file) for name, file in _V1_FILES.items()}
            if "cpuacct" in mounts and "cpuacct" in groups:
                files["cpu"] = Path(mounts["cpuacct"] + groups["cpuacct"], "cpuacct.usage")
            return cls(files, 1)
        if mark in groups.get("", "") and "" in mounts:
            folder = mounts[""] + groups[""]
            return cls({name: Path(folder, file) for name, file in {**_V2_FILES, "cpu": "cpu.stat"}.items()}, 2)
        return None

    def sample(self) -> Usage | None:
        """What is used now; None once the group is gone."""
        said = self._read("memory")
        if not said:
            return None
        stat, events = pairs(self._read("stat")), pairs(self._read("events"))
        cache = stat.get("total_inactive_file" if self._version == 1 else "inactive_file", 0)
        return Usage(max(0, _number(said) - cache), _number(self._read("mark")), self._cpu(), events.get("oom_kill", 0))

    def close(self) -> None:
        """Closes the files."""
        while self._open:
            os.close(self._open.popitem()[1])
        if self.bell is not None:
            self.bell.close()

    def _cpu(self) -> float:
        said = self._read("cpu")
        return _number(said) / 1e9 if self._version == 1 else pairs(said).get("usage_usec", 0) / 1e6

    def _read(self, name: str) -> str:
        try:
            return os.pread(self._open[name], _MAX_BYTES, 0).decode("ascii", "replace")
        except (KeyError, OSError):
            return ""


class Meter:
    """The use of one container over its life.

    Args:
        cgroup: Its group.

    Attributes:
        peak_bytes: The largest sample; None before the first.
        mark_bytes: The kernel's own high-water mark.
        cpu_seconds: As of the last sample.
        killed: The kernel has ended a process of it for want of memory.
        due: When the next sample is wanted, by the monotonic clock.
    """

    def __init__(self, cgroup: Cgroup) -> None:
        self.peak_bytes: int | None = None
        self.mark_bytes = 0
        self.cpu_seconds = 0.0
        self.killed = False
        self.due = 0.0
        self._pause = FIRST_SECONDS
        self._restless_until = 0.0
        self._began = time.monotonic()
        self._cgroup = cgroup

    def sample(self) -> bool:
        """Takes a sample; True where a process has been ended for want of memory."""
        now = time.monotonic()
        self._pause = min(self._pause * GROWTH, latest_pause(now - self._began, PATIENT_SECONDS))
        self.due = now + (FIRST_SECONDS if now < self._restless_until else self._pause)
        usage = self._cgroup.sample()
        if usage is not None:
            self.peak_bytes = max(self.peak_bytes or 0, usage.memory_bytes)
            self.mark_bytes = max(self.mark_bytes, usage.mark_bytes)
            self.cpu_seconds = max(self.cpu_seconds, usage.cpu_seconds)
            self.killed = self.killed or usage.oom_kills > 0
        return self.killed

    @property
    def bell(self) -> Bell | None:
        """What rings where a sample is wanted sooner, since memory has run out; None where nothing does."""
        return self._cgroup.bell

    def rang(self) -> None:
        """The bell has rung: the kernel is about to end something, or has done so."""
        if self.bell is not None:
            self.bell.hear()
        self.due = time.monotonic()
        self._restless_until = self.due + RESTLESS_SECONDS

    def close(self) -> None:
        """Closes the group's files."""
        self._cgroup.close()


class StreamedMeter(Meter):
    """The same where the engine's machine is not this one (a virtual machine, on macOS): by the engine's statistics.

    They come once a second, so a short run has none.

    Args:
        stream: Objects as ``GET /containers/ID/stats`` gives them; see `follow`.
    """

    def __init__(self) -> None:
        super().__init__(Cgroup({}, 2))
        self.due = float("inf")
        self._ended = False

    def sample(self) -> bool:
        """Samples come by themselves."""
        return False

    def follow(self, stream: Callable[[], Any]) -> None:
        """Reads statistics until there are no more; to be called in a thread of its own."""
        for each in stream():
            if self._ended:
                return
            memory, cpu = each.get("memory_stats") or {}, (each.get("cpu_stats") or {}).get("cpu_usage") or {}
            if memory.get("usage"):
                cache = (memory.get("stats") or {}).get("inactive_file", 0)
                self.peak_bytes = max(self.peak_bytes or 0, memory["usage"] - cache)
                self.cpu_seconds = max(self.cpu_seconds, cpu.get("total_usage", 0) / 1e9)

    def close(self) -> None:
        """What still comes is not read."""
        self._ended = True


def groups_of(text: str) -> dict[str, str]:
    """``/proc/PID/cgroup``: the path by controller; of v2 by the empty name (cgroups(7))."""
    found = {}
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if path.startswith("/") and ".." not in path.split("/"):
            for name in names.split(",") if number != "0" else [""]:
                found[name] = path.rstrip("/")
    return found


def mounts_of(text: str) -> dict[str, str]:
    """``/proc/PID/mountinfo``: where each controller of v1, and the whole of v2 by the empty name, is mounted.

    Only mounts of a hierarchy's root count: in a container of one's own the paths of `groups_of` would mean others.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) < 6 or len(kind) < 3 or words[3] != "/":
            continue
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[4])
        if kind[0] == "cgroup2":
            found[""] = place
        elif kind[0] == "cgroup":
            found |= dict.fromkeys(kind[2].split(","), place)
    return found


def pairs(text: str) -> dict[str, int]:
    """Lines of a name and a whole number; others are left out."""
    words = (line.split() for line in text.splitlines())
    return {each[0]: int(each[1]) for each in words if len(each) == 2 and each[1].isascii() and each[1].isdigit()}


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else 0


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123  # a file of /proc
            return stream.read(1 << 20)
    except OSError:
        return ""
