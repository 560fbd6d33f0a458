"""One run in a container from its start to its outcome: its log, its deadline, a cancel, its disk and its memory."""

import select
import signal
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nova_spi.engines.docker.attached import Attached
from nova_spi.engines.docker.calls import Call, T
from nova_spi.engines.docker.container import Begun, Container, no_program
from nova_spi.engines.docker.ending import End, outcome_of
from nova_spi.engines.docker.owning import give, take_back
from nova_spi.engines.docker.reaping import Reaper
from nova_spi.engines.docker.resources import Cgroup, Meter, StreamedMeter
from nova_spi.engines.docker.watching import CANCEL_SECONDS, UNKILLABLE_SECONDS, Watch
from nova_spi.engines.port import Job, Outcome
from nova_spi.engines.process.log import Log
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Progress

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

START_SECONDS = 60.0
"""An engine that has not started a container after so long will not."""
ANSWER_SECONDS = 10.0
"""How long an engine may take to say how a container ended."""
REMOVE_SECONDS = 10.0
HUNG_SECONDS = 0.5
"""The same where the engine has not answered before; the reaper goes on."""
LONGEST_SECONDS = 60.0
"""Between two looks at everything, where no timer is due before."""
LAST_LOG_SECONDS = 2.0
"""After the end: how long the engine may take to pass on what is left of the log."""
_NO_PROGRAM = (b"[FATAL tini", b"ERROR (catatonit")


class Running:
    """One container that runs. Use `to_its_end` once, then `close`.

    Its end is told by a handle of its first process, so a daemon that hangs delays nothing that has a deadline; by the
    engine where this machine does not show that process.

    Args:
        connection: The engine.
        container: What to run; its job's mounts are there.
        progress: Hears the log.
        cancel: Ends it.
    """

    def __init__(
        self, connection: "Connection", container: Container, progress: Progress, cancel: threading.Event | None
    ) -> None:
        self._connection = connection
        self._container = container
        self._job: Job = container.flags.job
        self._watch = Watch(self._job, cancel)
        self._began: Call[Begun] | None = None
        self._begun: Begun | None = None
        self._reaper: Reaper | None = None
        self._attached: Attached | None = None
        self._meter: Meter | None = None
        self._state: Mapping[str, Any] = {}
        self._question: Call[Mapping[str, Any]] | None = None
        self._started = 0.0
        self._waiting: Call[None] | None = None
        self._hung = False
        self._log = Log(self._job.log, self._job.limits.log_bytes, progress)

    def to_its_end(self) -> Outcome:
        """Starts the container, waits for its end, ends it where it must be ended, and says how it ended.

        Raises:
            EngineUnavailable: It could not be started, or the engine went away.
            ImageGone: The engine does not have its image any more.
        """
        owner = self._container.flags.user.owner
        if owner is not None:
            give(self._job, owner)
        self._began = Call(self._container.begin)
        self._reaper = Reaper(self._connection.host, self._container.flags.name)
        if not self._start(self._began):
            return outcome_of(End({}, "cancelled", 0.0), None, self._job.limits)
        while not self._over():
            self._step()
        seconds = time.monotonic() - self._started
        self._last_words()
        return self._outcome(seconds)

    def close(self) -> None:
        """Ends and removes the container, and closes everything. To be called in every case."""
        try:
            self._remove()
        finally:
            for each in (self._begun, self._meter, self._log):
                if each is not None:
                    each.close()

    def _start(self, began: Call[Begun]) -> bool:
        """Waits until the container runs; False where it was cancelled before."""
        until = time.monotonic() + START_SECONDS
        while not began.wait(CANCEL_SECONDS):
            if self._watch.cancelled:
                return False
            if time.monotonic() > until:
                self._hung = True
                raise EngineUnavailable(
                    f"The container engine has not started a container in {START_SECONDS:g} s.",
                    mend="Start the engine again: sudo systemctl restart docker",
                    engine=self._connection.engine,
                )
        try:
            self._begun = begun = began.result()
        except EngineUnavailable as error:
            self._hung = bool(error.details.get("gone"))
            raise
        self._started = time.monotonic()
        self._attached = Attached(begun.stream, self._log)
        self._meter = self._measured(begun)
        self._watch.begin(self._started, self._meter, self._send)
        if begun.process is None:
            self._waiting = Call(self._container.wait)
        return True

    def _measured(self, begun: Begun) -> Meter:
        cgroup = Cgroup.of_process(begun.process.pid, begun.id) if begun.process is not None else None
        if cgroup is not None:
            return Meter(cgroup)
        meter = StreamedMeter()
        Call(lambda: meter.follow(self._container.statistics))
        return meter

    def _over(self) -> bool:
        """Whether the container has ended, or must be waited for no longer."""
        if self._waiting is not None and self._waiting.done:
            self._asked(self._waiting)
            return True
        if self._question is not None and self._question.done:
            self._state = self._asked(self._question)
            self._question = None
            return not self._state.get("Running")
        if self._begun is not None and self._begun.process is not None and _is_readable(self._begun.process.handle):
            return True
        self._hung = time.monotonic() >= self._watch.give_up_at
        return self._hung

    def _step(self) -> None:
        """Waits for what comes first, and sees to it."""
        attached, begun = self._attached, self._begun
        poller = select.poll()
        if begun is not None and begun.process is not None:
            poller.register(begun.process.handle, select.POLLIN)
        bell = self._meter.bell if self._meter is not None else None
        if bell is not None:
            poller.register(bell, bell.events)
        now = time.monotonic()
        until = min(self._watch.next(), now + LONGEST_SECONDS)
        if self._question is not None or self._waiting is not None:
            until = min(until, now + CANCEL_SECONDS)
        if attached is not None and not attached.ended:
            if now >= attached.due:
                poller.register(attached, select.POLLIN)
            else:
                until = min(until, attached.due)
        ready = [descriptor for descriptor, _ in poller.poll(max(0.0, until - now) * 1000 + 0.5)]
        if self._meter is not None and bell is not None and bell.fileno() in ready:
            self._meter.rang()
        if attached is not None and not attached.ended and attached.fileno() in ready:
            attached.pump()
            if attached.ended and self._question is None:
                self._question = Call(self._container.state)  # has it closed its output, or is the daemon gone?
        self._watch.step()

    def _send(self, number: signal.Signals) -> None:
        """A signal to the container, past the daemon where this machine lets us."""
        process = self._begun.process if self._begun is not None else None
        if process is None or not process.send(number):
            Call(lambda: self._container.signal(number))

    def _last_words(self) -> None:
        """The last sample, the rest of the log, and how the engine says that it ended.

        The log is read on meanwhile, also where it is thrown away: Podman says nothing before it has passed it on.
        """
        asked = None if self._state or self._hung else Call(self._container.state)
        if self._meter is not None:
            self._meter.sample()
        ended = time.monotonic()
        until = min(
            self._watch.give_up_at, ended + ANSWER_SECONDS, max(ended, self._watch.deadline) + UNKILLABLE_SECONDS
        )
        while asked is not None and not self._hung:
            self._drain(asked, CANCEL_SECONDS)
            if asked.done:
                self._state = self._asked(asked)
                asked = Call(self._container.state) if self._state.get("Running") else None
            elif self._watch.reason is None and self._watch.cancelled:
                self._watch.reason, until = "cancelled", min(until, time.monotonic() + UNKILLABLE_SECONDS)
            self._hung = asked is not None and time.monotonic() > until
        if self._attached is not None and not self._hung and not self._log.truncated:
            self._attached.drain(time.monotonic() + LAST_LOG_SECONDS)
        if self._hung and self._watch.reason is None:
            raise self._lost(f"It does not say how a container ended within {ANSWER_SECONDS:g} s.")

    def _drain(self, asked: Call[Mapping[str, Any]], seconds: float) -> None:
        """Reads the log until it ends, then waits for an answer; for so long together."""
        until = time.monotonic() + seconds
        if self._attached is not None:
            self._attached.drain(until)
        asked.wait(until - time.monotonic())

    def _outcome(self, seconds: float) -> Outcome:
        state = {} if self._hung else self._state
        failed = state.get("ExitCode") != 0
        head = self._attached.head if self._attached is not None else b""
        if state.get("ExitCode") in (126, 127) and head.startswith(_NO_PROGRAM):
            raise no_program(self._job.argv[0], head.decode("utf-8", "replace").strip())
        full = self._watch.is_full(failed=failed)
        end = End(state, self._watch.reason, seconds, full, self._log.truncated)
        return outcome_of(end, self._meter, self._job.limits)

    def _asked(self, call: Call[T]) -> T:
        """The answer to a question about a container that was there; without one it is lost."""
        try:
            return call.result()
        except EngineUnavailable as error:
            raise self._lost(error.why) from error

    def _lost(self, why: str) -> EngineUnavailable:
        self._hung = True
        return EngineUnavailable(
            "The container engine went away in the middle of a run; what ran has been ended.",
            why=why,
            mend="Start the engine again, then run again.",
            code="engine.lost",
            engine=self._connection.engine,
        )

    def _remove(self) -> None:
        """Ends the container and removes it; where the engine hangs, that is left to the reaper."""
        if self._began is None:
            return
        ended = bool(self._state) and not self._state.get("Running")
        if not ended and self._begun is not None and self._begun.process is not None:
            self._begun.process.send(signal.SIGKILL)
        self._container.abandon()
        until = time.monotonic() + (HUNG_SECONDS if self._hung else REMOVE_SECONDS)
        started = self._began.wait(until - time.monotonic())
        if self._began.succeeded:
            self._begun = self._began.result()  # to be closed, whether we have waited for it or not
        removed = Call(self._container.remove)
        if ended:
            self._take_back()
        removed.wait(until - time.monotonic())
        if self._reaper is not None:
            self._reaper.close(safe=started and removed.succeeded)
        if removed.succeeded and not ended:
            self._take_back()

    def _take_back(self) -> None:
        if self._container.flags.user.owner is not None:
            take_back(self._job)


def run(
    connection: "Connection", container: Container, progress: Progress, cancel: threading.Event | None = None
) -> Outcome:
    """Runs a container to its end; see `nova_spi.engines.docker.engine.DockerEngine.run`."""
    running = Running(connection, container, progress, cancel)
    try:
        return running.to_its_end()
    finally:
        running.close()


def _is_readable(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))
