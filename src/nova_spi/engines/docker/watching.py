"""When a container must be ended: its deadline, a cancel, its memory, its disk; and how, from SIGTERM to giving up."""

import signal
import threading
import time
from collections.abc import Callable

from nova_spi.engines.docker.resources import Meter
from nova_spi.engines.port import Job, Reason
from nova_spi.engines.process.disk import DiskWatch

CANCEL_SECONDS = 0.05
"""How often a cancel is looked for."""
UNKILLABLE_SECONDS = 2.0
"""After SIGKILL: how long the end may take before the caller has the outcome without it."""


class Watch:
    """Looks after one container from its start.

    Args:
        job: What runs in it.
        cancel: Ends it.

    Attributes:
        reason: Why it was ended; None where it was not.
        give_up_at: From this moment on, by the monotonic clock, nobody waits for its end.
        deadline: Of the run itself, by the same clock.
    """

    def __init__(self, job: Job, cancel: threading.Event | None) -> None:
        self.reason: Reason | None = None
        self.give_up_at = self.deadline = float("inf")
        self._job = job
        self._cancel = cancel
        self._kill_at: float | None = None
        self._meter: Meter | None = None
        self._send: Callable[[signal.Signals], None] | None = None
        disk = job.limits.disk_bytes
        self._disk = None if disk is None else DiskWatch(job.folder, disk)

    @property
    def cancelled(self) -> bool:
        """Whether the caller wants it to end."""
        return self._cancel is not None and self._cancel.is_set()

    def begin(self, started: float, meter: Meter, send: Callable[[signal.Signals], None]) -> None:
        """The container runs.

        Args:
            started: Since when, by the monotonic clock.
            meter: Its use of memory and processor.
            send: Sends it a signal.
        """
        self.deadline = started + self._job.limits.timeout_seconds
        self._meter = meter
        self._send = send

    def next(self) -> float:
        """When to `step` again at the latest."""
        timers = [self.deadline if self.reason is None else self._kill_at or self.give_up_at]
        if self._cancel is not None:
            timers.append(time.monotonic() + CANCEL_SECONDS)
        if self._meter is not None:
            timers.append(self._meter.due)
        if self._disk is not None and self.reason is None:
            timers.append(self._disk.due)
        return min(timers)

    def step(self) -> None:
        """Looks at everything that is due, and ends the container where it must be."""
        now, grace = time.monotonic(), self._job.limits.grace_seconds
        starved = self._meter is not None and now >= self._meter.due and self._meter.sample()
        if self.reason is not None:
            if self._kill_at is not None and now >= self._kill_at:
                self._kill(now)
        elif self.cancelled:
            self._end("cancelled", now, grace)
        elif starved:
            self._end("out_of_memory", now, 0)
        elif now >= self.deadline:
            self._end("timeout", now, grace)
        elif self._disk is not None and now >= self._disk.due and self._disk.step():
            self._end("out_of_disk", now, 0)

    def is_full(self, *, failed: bool) -> bool:
        """After the end: whether the disk was the matter; see `DiskWatch.final`."""
        return self.reason is None and self._disk is not None and self._disk.final(failed=failed)

    def _end(self, reason: Reason, now: float, grace: float) -> None:
        self.reason = reason
        self._kill_at = now + grace
        self.give_up_at = self._kill_at + UNKILLABLE_SECONDS
        if grace <= 0:
            self._kill(now)
        elif self._send is not None:
            self._send(signal.SIGTERM)

    def _kill(self, now: float) -> None:
        self._kill_at = None
        self.give_up_at = now + UNKILLABLE_SECONDS
        if self._send is not None:
            self._send(signal.SIGKILL)
