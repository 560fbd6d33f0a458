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
    """See `find`.

    Args:
        groups: Our own, as `memberships` tells them.
        mounted: The hierarchies.
        process: Our id.
    """
    wanted = frozenset(controls.CONTROLLERS)
    found: list[Parent] = []
    for one in mounted:
        if one.version == 1 and (here := one.controllers & wanted):
            folder = one.holds(groups.get(min(here), "/"))
            parent = Parent(1, folder if folder is not None and folder.is_dir() else one.folder, here)
        elif one.version == 2 and {"memory", "pids", "cpu"} & wanted and "" in groups:
            parent = _unified(one, groups[""], wanted - {"cpuacct"}, process)
        else:
            continue
        if works := tried(parent):
            found.append(Parent(parent.version, parent.folder, works))
            wanted -= works
    return tuple(found)


def tried(parent: Parent) -> frozenset[str]:
    """Makes a group, sets limits, reads them back, lets a thread in where that can be, and removes it again.

    Returns:
        The controllers that work.
    """
    folder = parent.folder / names.fresh()
    try:
        folder.mkdir()
    except OSError:
        return frozenset()
    try:
        works = frozenset(name for name in parent.controllers if _holds(parent.version, folder, name))
        return works if _enters(parent, folder) else frozenset()
    finally:
        removed([b"%d%s" % (parent.version, os.fsencode(folder))], kill=False)


def _holds(version: int, folder: Path, controller: str) -> bool:
    """Whether a controller takes a limit and says it again, and tells what we have to know of it."""
    limits = Limits(1.0, cpu_cores=TRY_CORES, memory_bytes=TRY_BYTES)
    try:
        for name, value, needed in controls.settings(version, frozenset({controller}), limits):
            if needed:
                (folder / name).write_text(value, encoding="ascii")
                if (folder / name).read_text(encoding="ascii").strip() != value:
                    return False
    except OSError:
        return False
    if controller == "memory":
        return controls.killed(version, folder) is not None
    return controller != "cpuacct" or controls.cpu_seconds(version, folder) is not None


def _enters(parent: Parent, folder: Path) -> bool:
    """Whether a process of ours gets in: tried by a thread in version 1, which can leave by ending."""
    if parent.version == 2:
        return os.access(parent.folder / "cgroup.procs", os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
    entered = []

    def enter() -> None:
        try:
            joining.enter([b"1" + os.fsencode(folder)])
            entered.append(True)
        except OSError:
            return

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return bool(entered)


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
