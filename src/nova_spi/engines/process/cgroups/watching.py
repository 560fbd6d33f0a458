"""The memory of a run that has a group: what the group holds, and whether the kernel has ended something in it."""

import time

from nova_spi.engines.process.cgroups.group import Group
from nova_spi.engines.process.cgroups.hearing import RESTLESS_SECONDS
from nova_spi.engines.process.memory import SHARE, SOONEST_SECONDS, MemoryWatch, latest_pause

PATIENT_SECONDS = 1.0
"""The longest pause between two samples: the kernel holds the limit, so they are for the record."""


class GroupTree:
    """The processes of a group, as a `nova_spi.engines.process.memory.Tree`."""

    def __init__(self, group: Group) -> None:
        self._group = group

    def count(self) -> int:
        """See `Tree.count`."""
        return self._group.count()

    def resident(self) -> int:
        """What the group holds: shared pages once, files in memory with them, what is read from a disk not."""
        return self._group.held()

    def proportional(self) -> int:
        """The same: nothing is counted twice."""
        return self._group.held()

    def kill_known(self) -> int:
        """See `Tree.kill_known`."""
        return self._group.kill()


class GroupWatch(MemoryWatch):
    """Looks whether the kernel has ended a process of the run for want of memory, and keeps the largest sample."""

    def __init__(self, group: Group, limit: int | None) -> None:
        super().__init__(GroupTree(group), limit)
        self.bell = group.bell()
        self._group = group
        self._restless_until = 0.0

    def rang(self) -> None:
        """The limit is reached: the kernel is about to end something, or has done so."""
        super().rang()
        self.due = time.monotonic()
        self._restless_until = self.due + RESTLESS_SECONDS

    def exceeded(self, used: int) -> bool:
        """The kernel holds the limit; we look whether it had to."""
        del used
        return self._group.out_of_memory()

    def pause(self, used: int, cost: float) -> float:
        """See `MemoryWatch.pause`; being near the limit is the kernel's business."""
        del used
        if time.monotonic() < self._restless_until:
            return SOONEST_SECONDS
        return max(latest_pause(self.age, PATIENT_SECONDS), cost / SHARE)

    def final(self, largest: int) -> bool:
        """Whether the kernel had to end something; then the peak is what it has counted itself."""
        self.peak = max(self.peak, largest)
        if not self._group.out_of_memory():
            return False
        self.peak = max(self.peak, self._group.highest())
        return True
