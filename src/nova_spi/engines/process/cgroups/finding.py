"""Where this process may make groups, and with which controllers: found by trying, once in a process.

- **Version 1**: in our own group of each hierarchy; where ``/proc/self/cgroup`` names one that is not to be seen (a
  container that was given a part of the hierarchy), in the one that is mounted.
- **Version 2**: in our own group, or in the nearest above it. A group that holds processes gives its children no
  controllers (the rule of no internal processes), so an own one that holds nobody but us is left for a leaf below it;
  and one above is taken only where no group on the way carries a limit, which our runs would then escape.
"""

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nova_spi.engines.port import Limits
from nova_spi.engines.process.cgroups import controls, joining, names
from nova_spi.engines.process.cgroups.emptying import removed
from nova_spi.engines.process.cgroups.reading import MAX_BYTES, Mounted, memberships, mounts

OWN_LEAF = "nova-spi.own"
"""The group below our own, of version 2, that we go into ourselves."""
TRY_BYTES, TRY_CORES = 1 << 30, 0.01
_LIMITS = ("memory.max", "memory.high", "cpu.max")


@dataclass(frozen=True, slots=True)
class Parent:
    """A group in which runs get groups of their own.

    Attributes:
        version: 1 or 2.
        folder: Where it stands.
        controllers: Those of `controls.CONTROLLERS` that were seen to work below it.
    """

    version: int
    folder: Path
    controllers: frozenset[str]


def find() -> tuple[Parent, ...]:
    """The groups that runs get theirs in, one for each hierarchy; no controller is in two of them."""
    return _found(os.getpid())


@cache
def _found(process: int) -> tuple[Parent, ...]:
    if sys.platform != "linux":
        return ()
    own = os.fsdecode(joining.read(b"/proc/self/cgroup"))
    mounted = os.fsdecode(joining.read(b"/proc/self/mountinfo")[:MAX_BYTES])
    return parents(memberships(own), mounts(mounted), process)


def parents(groups: dict[str, str], mounted: tuple[Mounted, ...], process: int) -> tuple[Parent, ...]:
    """See `find`. A thread tries, since it goes into the groups of version 1 itself and leaves them by ending.

    Args:
        groups: Our own, as `memberships` tells them.
        mounted: The hierarchies.
        process: Our id.
    """
    found: list[Parent] = []
    made: list[bytes] = []

    def look() -> None:
        for parent in _candidates(groups, mounted, process):
            taken = frozenset().union(*(one.controllers for one in found))
            if works := _tried(parent, parent.controllers - taken, made):
                found.append(Parent(parent.version, parent.folder, works))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    removed(made, kill=False)
    return tuple(found)


def _candidates(groups: dict[str, str], mounted: tuple[Mounted, ...], process: int) -> Iterator[Parent]:
    """Where groups could be made, those of version 1 first, as a controller is in one hierarchy alone."""
    wanted = frozenset(controls.CONTROLLERS)
    for one in mounted:
        if one.version == 1 and (here := one.controllers & wanted):
            folder = one.holds(groups.get(min(here), "/"))
            yield Parent(1, folder if folder is not None and folder.is_dir() else one.folder, here)
    for one in mounted:
        if one.version == 2 and "" in groups:
            yield _unified(one, groups[""], wanted - {"cpuacct"}, process)


def _tried(parent: Parent, wanted: frozenset[str], made: list[bytes]) -> frozenset[str]:
    """Makes a group, sets limits, reads them back, and goes in where that can be.

    Args:
        parent: Where.
        wanted: The controllers to try.
        made: Takes the group.

    Returns:
        The controllers that work.
    """
    folder = parent.folder / names.fresh()
    try:
        if not wanted:
            return wanted
        folder.mkdir()
        made.append(b"%d%s" % (parent.version, os.fsencode(folder)))
        works = frozenset(name for name in wanted if _holds(parent.version, folder, name))
        if parent.version == 1:
            joining.enter(made[-1:])
        elif not os.access(parent.folder / "cgroup.procs", os.W_OK):
            return frozenset()
    except OSError:
        return frozenset()
    return works


def _holds(version: int, folder: Path, controller: str) -> bool:
    """Whether a controller takes a limit and says it again, and tells what we have to know of it."""
    limits = Limits(1.0, cpu_cores=TRY_CORES, memory_bytes=TRY_BYTES)
    for name, value, needed in controls.settings(version, frozenset({controller}), limits):
        place = os.fsencode(folder / name)
        if needed and not (joining.put(place, value.encode()) and joining.read(place).strip() == value.encode()):
            return False
    if controller == "memory":
        return controls.killed(version, folder) is not None
    return controller != "cpuacct" or controls.cpu_seconds(version, folder) is not None


def _unified(mounted: Mounted, path: str, wanted: frozenset[str], process: int) -> Parent:
    """The best group of version 2: the nearest that gives its children all that is wanted, or else the most of it."""
    best = Parent(2, mounted.folder, frozenset())
    for folder in _upwards(mounted, path):
        given = _given(folder, wanted, process)
        if len(given) > len(best.controllers):
            best = Parent(2, folder, given)
        if given == wanted:
            break
    return best


def _upwards(mounted: Mounted, path: str) -> Iterator[Path]:
    """Our own group and those above it that we may make groups in, as long as none that is left carries a limit."""
    own = mounted.holds(path)
    if own is None or not own.is_dir():
        own = mounted.folder
    for folder in (own, *own.parents):
        if os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK):
            yield folder
        if folder == mounted.folder or any(_carries(folder / name) for name in _LIMITS):
            return


def _carries(place: Path) -> bool:
    word = joining.read(os.fsencode(place)).split()
    return bool(word) and word[0] != b"max"


def _given(folder: Path, wanted: frozenset[str], process: int) -> frozenset[str]:
    """The controllers that a group gives to its children, after we have switched on those that it can give."""
    here = _words(folder / "cgroup.controllers") & wanted
    missing = here - _words(folder / "cgroup.subtree_control")
    if missing and _without_processes(folder, process):
        for name in sorted(missing):
            joining.put(os.fsencode(folder / "cgroup.subtree_control"), b"+" + name.encode())
    return here & _words(folder / "cgroup.subtree_control")


def _without_processes(folder: Path, process: int) -> bool:
    """True for the first group of all, and for one without processes: where it holds us alone, we go into a leaf."""
    if not (folder / "cgroup.type").exists():
        return True
    inside = joining.read(os.fsencode(folder / "cgroup.procs")).split()
    if inside != [b"%d" % process]:
        return not inside
    leaf = folder / OWN_LEAF
    try:
        leaf.mkdir(exist_ok=True)
    except OSError:
        return False
    return joining.put(os.fsencode(leaf / "cgroup.procs"), b"%d" % process)


def _words(place: Path) -> frozenset[str]:
    return frozenset(joining.read(os.fsencode(place)).decode("ascii", "replace").split())
