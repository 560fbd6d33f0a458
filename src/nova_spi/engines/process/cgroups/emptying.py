"""Empties and removes groups: those of a run that has ended, and those that nobody else will."""

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from nova_spi.engines.process.cgroups import joining, names

REMOVE_SECONDS = 0.25
"""What the groups of one run get to become empty; a process that cannot be ended keeps its own until later."""

_stuck: set[bytes] = set()


def removed(groups: Sequence[bytes], *, kill: bool = True) -> bool:
    """Removes groups, and ends all that is in them before; False where something in one does not end.

    Args:
        groups: As `joining` takes them.
        kill: Otherwise it only waits until nothing is in them, as for a thread of ours that is about to end.
    """
    until, pause = time.monotonic() + REMOVE_SECONDS, 0.0001
    while groups:
        if kill:
            joining.kill(list(groups))
        if joining.remove(list(groups)):
            break
        if time.monotonic() > until:
            _stuck.update(groups)
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.01)
    _stuck.difference_update(groups)
    return True


def sweep(parents: Iterable[tuple[int, Path]]) -> None:
    """Removes the groups of our user whose nova-spi is gone, with all in them, and our own that could not be before.

    Args:
        parents: The version and the folder in which groups are made.
    """
    abandoned: list[bytes] = []
    for version, folder in parents:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            abandoned += [b"%d%s" % (version, os.fsencode(entry.path)) for entry in entries if _is_abandoned(entry)]
    for group in list(_stuck):  # once each, without waiting
        joining.kill([group])
        if joining.remove([group]):
            _stuck.discard(group)
    removed([group for group in abandoned if group not in _stuck])


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    return names.abandoned(entry.name) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
