"""The groups of one run: made with its limits, asked what it used, emptied and removed."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from nova_spi.engines.port import Limits
from nova_spi.engines.process.cgroups import controls, joining, names
from nova_spi.engines.process.cgroups.emptying import removed, sweep
from nova_spi.engines.process.cgroups.finding import Parent, find
from nova_spi.engines.process.cgroups.hearing import Bell
from nova_spi.errors import EngineUnavailable


class Group:
    """What one run has of control groups: one in each hierarchy, all of the same name; none at all is a group too.

    Attributes:
        words: The groups as the launcher takes them (see `joining`).
        measures_memory: It tells what memory the run holds.
        limits_memory: It has a limit of memory, so the kernel ends what goes beyond.
    """

    def __init__(self, limits: Limits, parents: Sequence[Parent] | None = None) -> None:
        """Makes the groups.

        Args:
            limits: What they shall hold the run to.
            parents: Where they are made; None is what `find` says.

        Raises:
            EngineUnavailable: A group cannot be made where one could be before, so that the limits would not hold.
        """
        name = names.fresh()
        self._parents = find() if parents is None else tuple(parents)
        self._places = [(parent, parent.folder / name) for parent in self._parents if _needed(parent, limits)]
        self._memory = self._place("memory")
        self._cpu = self._place("cpuacct") or next((place for place in self._places if place[0].version == 2), None)
        self.words = [b"%d%s" % (parent.version, os.fsencode(folder)) for parent, folder in self._places]
        self.measures_memory = self._memory is not None
        self.limits_memory = self.measures_memory and limits.memory_bytes is not None
        try:
            for parent, folder in self._places:
                _make(parent, folder, limits)
        except OSError as error:
            self.remove()
            raise EngineUnavailable(
                "The run's control group could not be made.",
                why=f"{error.strerror}: {error.filename}",
                mend="Try again; if it stays so, look whether that folder still is what it was.",
            ) from error
        except BaseException:  # also Ctrl-C: put in order, and raised again
            self.remove()
            raise

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended any process of the run because the run had reached its limit of memory."""
        if self._memory is None or not self.limits_memory:
            return False
        return bool(controls.killed(self._memory[0].version, self._memory[1]))

    def bell(self) -> Bell | None:
        """What rings where the run has reached its limit of memory; None where there is none."""
        return Bell.of(self._memory[0].version, self._memory[1]) if self._memory and self.limits_memory else None

    def held(self) -> int:
        """Bytes that the run holds now; see `controls.held`."""
        return controls.held(self._memory[0].version, self._memory[1]) if self._memory else 0

    def highest(self) -> int:
        """The most bytes that were charged to the run at once; see `controls.highest`."""
        return controls.highest(self._memory[0].version, self._memory[1]) if self._memory else 0

    def cpu_seconds(self) -> float | None:
        """User and system time of all the run's processes, also of those that nobody waited for."""
        return controls.cpu_seconds(self._cpu[0].version, self._cpu[1]) if self._cpu else None

    def count(self) -> int:
        """How many processes it has now."""
        return max((len(joining.members(word[1:])) for word in self.words), default=0)

    def kill(self) -> int:
        """Sends SIGKILL to all that is in it; returns how many they were."""
        return len(joining.kill(self.words))

    def remove(self) -> None:
        """Ends what is still in it and removes it, and with it the groups here of a nova-spi that was killed."""
        removed(self.words)
        sweep((parent.version, parent.folder) for parent in self._parents)

    def _place(self, controller: str) -> tuple[Parent, Path] | None:
        return next((place for place in self._places if controller in place[0].controllers), None)


def _needed(parent: Parent, limits: Limits) -> bool:
    """A hierarchy that has nothing but a limit that the run has not would only cost time."""
    return parent.version == 2 or parent.controllers != {"cpu"} or limits.cpu_cores is not None


def _make(parent: Parent, folder: Path, limits: Limits) -> None:
    folder.mkdir()
    for name, value, needed in controls.settings(parent.version, parent.controllers, limits):
        try:
            (folder / name).write_text(value, encoding="ascii")
        except OSError as error:
            stricter = name == "cpu.cfs_quota_us" and error.errno == errno.EINVAL  # the group above has less anyway
            if needed and not stricter:
                raise
