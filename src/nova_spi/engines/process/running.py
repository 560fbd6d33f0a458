"""One run from its start to its outcome: waits for the program, its log, its deadline, a cancel and the watchdogs."""

import os
import select
import signal
import sys
import threading
import time

from nova_spi.engines.port import Job, Outcome, Reason
from nova_spi.engines.process import launcher
from nova_spi.engines.process.cgroups.group import Group
from nova_spi.engines.process.cgroups.watching import GroupWatch
from nova_spi.engines.process.disk import DiskWatch
from nova_spi.engines.process.escaped import end_escaped
from nova_spi.engines.process.launching import START_SECONDS, Launch, no_launcher
from nova_spi.engines.process.log import Log
from nova_spi.engines.process.memory import MemoryWatch, tree_below
from nova_spi.progress import Progress

CANCEL_SECONDS = 0.05
"""How often a cancel is looked for."""
UNKILLABLE_SECONDS = 2.0
"""After SIGKILL: how long the launcher may take; then we try for a second ourselves, and the caller has the outcome."""
LAST_LOG_BYTES = 4 * 1024 * 1024
"""What may still be read after the end; a pipe holds less."""


class Running:
    """One program that runs. Use `to_its_end` once, then `close`.

    Attributes:
        reason: Why we ended it; None where we did not.
    """

    def __init__(self, job: Job, progress: Progress, cancel: threading.Event | None, level: str) -> None:
        self.reason: Reason | None = None
        self._job = job
        self._cancel = cancel
        self._kill_at: float | None = None
        self._give_up_at = float("inf")
        disk = job.limits.disk_bytes
        self._disk = None if disk is None else DiskWatch(job.folder, disk)
        self._group = Group(job.limits)
        try:
            self._log = Log(job.log, job.limits.log_bytes, progress)
        except BaseException:  # also Ctrl-C: put in order, and raised again
            self._group.remove()
            raise
        try:
            self._launch = Launch(job, level, self._group.words)
        except BaseException:  # also Ctrl-C: put in order, and raised again
            self._log.close()
            self._group.remove()
            raise
        self._started = time.monotonic()
        self._deadline = self._started + job.limits.timeout_seconds
        self._memory = self._watch_of_memory()

    def to_its_end(self) -> Outcome:
        """Waits for the program's end, ends it where it must be ended, and says how it ended.

        Raises:
            EngineUnavailable: It could not be started.
        """
        poller = select.poll()
        poller.register(self._launch.status, select.POLLIN)
        poller.register(self._launch.log, select.POLLIN)
        bell = self._memory.bell
        if bell is not None:
            poller.register(bell, bell.events)
        while self._launch.report is None and not self._launch.gone:
            now = time.monotonic()
            if now >= self._give_up_at:
                break
            poller.modify(self._launch.log, select.POLLIN if now >= self._log.due else 0)
            for descriptor, _ in self._waited(poller, self._next_timer()):
                if descriptor == self._launch.status:
                    self._launch.read_status()
                elif bell is not None and descriptor == bell.fileno():
                    self._memory.rang()
                else:
                    self._log.pump(descriptor)
            self._tick(time.monotonic())
        return self._finish()

    def close(self) -> None:
        """Ends whatever still runs, and closes everything. To be called in every case.

        It takes 5 ms at most; 0.3 s where something in the run's control group cannot be ended.
        """
        self._launch.close()
        self._log.close()
        self._memory.close()
        self._group.remove()

    def _watch_of_memory(self) -> MemoryWatch:
        limit = self._job.limits.memory_bytes
        if self._group.measures_memory:
            return GroupWatch(self._group, limit)
        return MemoryWatch(tree_below(self._launch.pid), limit)

    def _waited(self, poller: select.poll, until: float) -> list[tuple[int, int]]:
        """What is ready to be read; nothing at that moment, or when a cancel comes before it.

        A worker may wait here for days: a look at the cancel costs no more than it must.
        """
        cancel = self._cancel if self.reason is None else None
        while True:
            left = until - time.monotonic()
            pause = left if cancel is None else min(left, CANCEL_SECONDS)
            ready = poller.poll(max(0.0, pause) * 1000 + 0.5)
            if ready or pause >= left or cancel is None or cancel.is_set():
                return ready

    def _next_timer(self) -> float:
        timers = [self._log.due] if self._log.due > time.monotonic() else []
        if self.reason is not None:
            return min([*timers, self._give_up_at, self._kill_at or self._give_up_at])
        timers += [self._deadline, self._memory.due]
        if self._disk is not None:
            timers.append(self._disk.due)
        return min(timers)

    def _tick(self, now: float) -> None:
        """Looks at every timer that is due."""
        if self._launch.program is None and now > self._started + START_SECONDS:
            raise no_launcher()
        if self.reason is None:
            self._watch(now)
        elif self._kill_at is not None and now >= self._kill_at:
            self._kill(now)

    def _watch(self, now: float) -> None:
        if self._cancel is not None and self._cancel.is_set():
            self._end("cancelled", now, self._job.limits.grace_seconds)
        elif now >= self._deadline:
            self._end("timeout", now, self._job.limits.grace_seconds)
        elif now >= self._memory.due and self._memory.sample():
            self._end("out_of_memory", now, 0)
        elif self._disk is not None and now >= self._disk.due and self._disk.step():
            self._end("out_of_disk", now, 0)

    def _end(self, reason: Reason, now: float, grace: float) -> None:
        self.reason = reason
        self._kill_at = now + grace
        self._give_up_at = self._kill_at + UNKILLABLE_SECONDS
        if grace > 0:
            self._launch.order(launcher.TERMINATE)
        else:
            self._kill(now)

    def _kill(self, now: float) -> None:
        self._kill_at = None
        self._give_up_at = now + UNKILLABLE_SECONDS
        self._launch.order(launcher.KILL)

    def _finish(self) -> Outcome:
        """The outcome, from the launcher's report where there is one."""
        read = 0
        while read < LAST_LOG_BYTES and (count := self._log.pump(self._launch.log)):
            read += count
        report = self._launch.report
        if report is None:
            return self._without_report()
        left = report["leftovers"] + report["alive"]
        if sys.platform != "linux":
            left += self._memory.tree.kill_known()
        cpu = self._group.cpu_seconds()
        code = os.waitstatus_to_exitcode(report["status"]) if report["status"] >= 0 else None
        of_memory = self._memory.final(report["peak"])
        return Outcome(
            reason=self._reason(code, of_memory=of_memory),
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            wall_seconds=report["wall"],
            cpu_seconds=report["cpu"] if cpu is None else cpu,
            peak_memory_bytes=self._memory.peak,
            log_truncated=self._log.truncated,
            leftovers=left,
        )

    def _reason(self, code: int | None, *, of_memory: bool) -> Reason:
        if self.reason is not None:
            return self.reason
        if of_memory:
            return "out_of_memory"
        if code is None or code == -signal.SIGXFSZ:
            return "out_of_disk" if code else "signalled"
        if self._disk is not None and self._disk.final(failed=code != 0):
            return "out_of_disk"
        return "exited" if code >= 0 else "signalled"

    def _without_report(self) -> Outcome:
        """The launcher was killed or stopped, or something cannot be ended: end what we know of, and say what we know.

        A program of the same user can do that to the launcher; this level of isolation cannot hinder it.
        """
        wall = time.monotonic() - self._started
        left = end_escaped(self._launch.pid, self._launch.program, self._launch.log, self._memory.tree)
        self._launch.kill()
        if self._launch.program is None:
            raise no_launcher()
        of_memory = self._memory.final(0)
        return Outcome(
            reason=self.reason or ("out_of_memory" if of_memory else "signalled"),
            exit_code=None,
            signal=int(signal.SIGKILL),
            wall_seconds=wall,
            cpu_seconds=self._group.cpu_seconds() or 0.0,
            peak_memory_bytes=self._memory.peak or None,
            log_truncated=self._log.truncated,
            leftovers=left,
        )


def run(job: Job, progress: Progress, cancel: threading.Event | None = None, *, level: str = "process") -> Outcome:
    """See `nova_spi.engines.process.engine.ProcessEngine.run`; ``level`` is one of `isolation.levels.LEVELS`."""
    running = Running(job, progress, cancel, level)
    try:
        return running.to_its_end()
    finally:
        running.close()
