"""One worker: a place that the model lives in, again and again, with one piece of work at a time.

Its states, and what leads from one to the next::

    stopped      start()                           -> starting
    starting     it says that it is ready          -> ready
                 it fails, ends, is late           -> ending
    ready        take()                            -> busy
                 unwell, ends                      -> ending
    busy         it answers                        -> ready
                 ends, breaks the protocol, or has
                 no answer when nobody waits       -> ending
    ending       nothing of it is running any more -> starting, backing_off or stopped
    backing_off  the pause is over                 -> starting

A worker that dies with a call in hand starts again at once; one that cannot start, or dies without one, waits longer
each time.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from nova_spi.engines.port import Outcome
from nova_spi.errors import ExecutionError
from nova_spi.execution.secrets import Scrubber
from nova_spi.serving.calls import Execution
from nova_spi.serving.log import CallLog
from nova_spi.serving.plan import Slot
from nova_spi.serving.supervisor import reasons
from nova_spi.serving.supervisor.alarm import Alarm
from nova_spi.serving.supervisor.crew import Crew
from nova_spi.serving.supervisor.failures import STABLE_SECONDS, Failures
from nova_spi.serving.supervisor.greeting import read_greeting
from nova_spi.serving.supervisor.life import Life
from nova_spi.serving.supervisor.questions import Questions
from nova_spi.serving.supervisor.served import Served
from nova_spi.serving.supervisor.turn import Turn
from nova_spi_runtime import frames

State = Literal["starting", "ready", "busy", "ending", "backing_off", "stopped"]
LAST_NUMBER = 2**32 - 1
CLOSED_SECONDS = 1.0
"""A worker that has closed its socket has so long to end by itself, so that its own end tells why."""


class Worker:
    """One worker; everything of it belongs to the loop's thread.

    Args:
        slot: Its place.
        crew: Whose it is.

    Attributes:
        state: Where it stands.
        pid: Of its process, as this machine numbers it; None where a namespace of its own hides that.
        calls: How many it has taken, in all lives.
        restarts: How often it began again because it had ended.
        last_error: Why it ended the last time, where that was not wanted.
        failures: Its starts that failed in a row.
        batch: The commands that it takes several calls of together.
        log: What this life wrote that belongs to no call.
    """

    def __init__(self, slot: Slot, crew: Crew) -> None:
        self.state: State = "stopped"
        self.pid: int | None = None
        self.calls = 0
        self.restarts = 0
        self.last_error: ExecutionError | None = None
        self.failures = Failures(crew.plan.max_retries, crew.plan.backoff_seconds)
        self.batch: frozenset[str] = frozenset()
        self.log = CallLog()
        self.slot = slot
        self.shown: Callable[[bytes], None] | None = None
        if crew.shown is not None:
            self.shown = partial(crew.shown, f"worker {crew.plan.slots.index(slot)}")
        self.plan = crew.plan
        self.loop = crew.loop
        self.give_back = crew.give_back
        self.ended = crew.ended
        self.in_thread = crew.in_thread
        self.looked_into = crew.looked_into
        self._crew = crew
        self._wanted = False
        self._life: Life | None = None
        self._turn: Turn | None = None
        self._number = 0
        self._why: ExecutionError | None = None
        self._unread = False
        self._ready_at: float | None = None
        self._answered = False
        self._pause = 0.0
        self._questions: Questions | None = None
        self._scrubber = Scrubber(crew.secrets) if crew.secrets else None
        self._timer: asyncio.TimerHandle | None = None
        self._alarm = Alarm(crew.loop, self._look)

    @property
    def alive(self) -> bool:
        """Whether it takes calls, or has one."""
        return self.state in ("ready", "busy")

    def start(self) -> None:
        """Lets it live, from now on and again."""
        self._wanted = True
        if self.state == "stopped":
            self._begin()

    def stop(self) -> None:
        """Ends it, and begins no more; a call that it has fails."""
        self._wanted = False
        if self.state == "backing_off":
            self._after(None)
            self._become("stopped")
        elif self.state != "stopped":
            self._end(None)

    def take(self, served: Served, executions: list[Execution]) -> None:
        """Gives it something to do; it is free."""
        self.state = "busy"
        self.calls += len(executions)
        turn = self._turn = Turn(self, self.next_number(), served, executions)
        turn.begin()

    def has(self, execution: Execution) -> bool:
        """Whether that is what it is doing."""
        return self._turn is not None and execution in self._turn.executions

    def cancel(self, execution: Execution) -> None:
        """The caller of what it is doing does not want it any more."""
        if self._turn is not None:
            self._turn.cancel(execution)

    def hear(self, kind: bytes, number: int, payload: bytes) -> None:
        """A frame came."""
        turn = self._turn
        if self.state == "ending":
            return
        if turn is not None and number == turn.number and turn.sent:
            wrong = turn.hear(kind, payload)
        elif self.state == "starting" and number == 0:
            wrong = self._hear_of_start(kind, payload)
        elif self._questions is not None and number and number == self._questions.number:
            wrong = self._questions.hear(kind, payload)
        elif kind == frames.PROGRESS and number <= self._number:
            wrong = None  # of a call that is over, a moment too late
        else:
            wrong = f"it sent a frame of the kind {kind!r} for the call {number}, which it does not have"
        if wrong is not None:
            self.garbage(wrong)

    def garbage(self, what: str) -> None:
        """What it says is not what a worker says: it is ended."""
        if self.state != "ending":
            self._end(reasons.broke_the_protocol(what))

    def silence(self, *, unread: bool) -> None:
        """It cannot be heard any more. Most likely it has ended; how, the engine will say."""
        if self.state != "ending":
            self._unread = unread
            self._leave()
            self._after(CLOSED_SECONDS, self._end_deaf)
            self._become("ending")

    def wrote(self, chunk: bytes) -> None:
        """The model wrote something."""
        turn = self._turn
        if turn is not None and turn.sent and not turn.answered:
            turn.wrote(chunk)
        else:
            self._log(chunk if self._scrubber is None else self._scrubber.feed(chunk))

    def over(self, outcome: Outcome | BaseException) -> None:
        """Nothing of it is running any more."""
        self._life = self.pid = None
        self._leave()
        self._after(None)
        turn = self._turn
        at_work = turn is not None and turn.sent and not turn.answered and not self._unread
        cause = self._cause(outcome, at_work=at_work)
        if self.state != "ending":
            self._become("ending")
        self._pause = self._pause_after(cause, at_work=at_work)
        if turn is not None:
            turn.lose(cause or reasons.ended_meanwhile(), unread=self._unread)  # and comes again by `done`
        else:
            self._go_on()

    def send(self, kind: bytes, number: int, *pieces: bytes) -> None:
        """Sends it a frame."""
        if self._life is not None:
            self._life.send(kind, number, *pieces)

    def interrupt(self, number: int) -> None:
        """Asks it to end what has this number."""
        if self._life is not None:
            self._life.interrupt(number)

    def drain(self) -> None:
        """Takes what has been written by now."""
        if self._life is not None:
            self._life.drain()

    def wake(self, when: float) -> None:
        """Lets the turn look at its deadline then."""
        self._alarm.set(when)

    def next_number(self) -> int:
        """A number that no call of this worker has."""
        self._number = self._number % LAST_NUMBER + 1
        return self._number

    def scrubber(self, hidden: Mapping[str, str]) -> Scrubber | None:
        """What takes secrets out of what is written from now on."""
        if self._scrubber is not None:
            self._log(self._scrubber.rest())
        return Scrubber({**self._crew.secrets, **hidden}) if hidden else self._scrubber

    def _log(self, chunk: bytes) -> None:
        self.log.write(chunk)
        if self.shown is not None:
            self.shown(chunk)

    def nobody_waits(self, turn: Turn) -> None:
        """What it is doing is to be ended: at first by asking, after a moment of grace with all of it."""
        self.interrupt(turn.number)
        self._after(self.plan.grace_seconds, self._end_stubborn)

    def done(self, turn: Turn) -> None:
        """Nothing of the turn is left to do."""
        self._turn = None
        if self.state == "busy":
            if self._timer is not None:
                self._after(None)
            if turn.sent:
                self._answered = True
                self.failures.forget()
            self.state = "ready"
            self._crew.free(self)
        elif self._life is None:
            self._go_on()

    def may_be_asked(self) -> bool:
        """Whether it has nothing to do; it gets nothing to do then until it is `well`."""
        if self.state != "ready":
            return False
        self._crew.occupied(self)
        return True

    def well(self) -> None:
        """It has answered a health check."""
        self._crew.free(self)

    def unwell(self, why: str) -> None:
        """It has failed too many of them."""
        self._end(reasons.unwell(why))

    def _begin(self) -> None:
        self._why, self._unread, self._ready_at, self._answered = None, False, None, False
        self.log = CallLog()
        self._become("starting")
        self._after(self.plan.start_timeout_seconds, self._end_late)
        self._life = Life(self.slot, self._crew.engine, self.loop, self)

    def _hear_of_start(self, kind: bytes, payload: bytes) -> str | None:
        if kind == frames.PROGRESS:
            return None
        if kind == frames.ERROR:
            self._end(reasons.of_words(payload))
            return None
        said = read_greeting(payload) if kind == frames.READY else None
        if said is None or self._life is None:
            return "it did not say in the words of this version that it is ready"
        self.pid = said.pid if self._crew.engine.level in ("process", "landlock") else None
        self.batch = said.batch
        self._ready_at = self.loop.time()
        self._life.listened()
        self._after(None)
        self.drain()
        if self.plan.health is not None:
            self._questions = Questions(self.plan.health, self.plan.grace_seconds, self.loop, self)
        self._become("ready")
        self._crew.free(self)
        return None

    def _end(self, why: ExecutionError | None) -> None:
        """Has the engine end it; whoever waits for it has the answer now."""
        self._why = why
        self._leave()
        self._after(None)
        self._become("ending")
        if self._life is not None:
            self._life.end()
        if self._turn is not None:
            self._turn.lose(why or reasons.ended_meanwhile(), unread=self._unread)

    def _end_late(self) -> None:
        self._end(reasons.never_ready(self.plan.start_timeout_seconds))

    def _end_stubborn(self) -> None:
        self._end(reasons.did_not_come_back(self.plan.grace_seconds))

    def _end_deaf(self) -> None:
        self._end(reasons.closed_its_socket())

    def _leave(self) -> None:
        """It takes no calls."""
        self._crew.occupied(self)
        self._alarm.close()
        if self._questions is not None:
            self._questions.close()
            self._questions = None

    def _cause(self, outcome: Outcome | BaseException, *, at_work: bool) -> ExecutionError | None:
        """Why it ended; None where that was wanted."""
        if self._why is not None:
            return self._why
        if isinstance(outcome, BaseException):
            return reasons.of_exception(outcome)
        if outcome.reason == "cancelled":
            return None
        when = "before it had answered" if at_work or self._ready_at is None else "while it had no call"
        return reasons.of_outcome(outcome, self.slot.job.limits, when)

    def _pause_after(self, cause: ExecutionError | None, *, at_work: bool) -> float:
        """The seconds until the next life; negative where the last one was ended because nobody needed it."""
        if cause is None:
            return -1.0
        ready_at = self._ready_at
        if ready_at is None:
            cause = reasons.ended_while_loading(cause)
        self.last_error = reasons.told(cause, self.log.tail(), self._scrubber)
        if ready_at is not None and (at_work or self._answered or self.loop.time() - ready_at >= STABLE_SECONDS):
            return 0.0
        return self.failures.add()

    def _go_on(self) -> None:
        if not self._wanted:
            self._become("stopped")
        elif self._pause > 0:
            self._after(self._pause, self._again)
            self._become("backing_off")
        elif self._pause == 0:
            self._again()
        else:
            self._begin()

    def _again(self) -> None:
        self.restarts += 1
        self._crew.restarted()
        self._begin()

    def _become(self, state: State) -> None:
        self.state = state
        self._crew.changed(self)

    def _after(self, seconds: float | None, function: Callable[[], None] | None = None) -> None:
        """Calls the function then, and nothing else that was to be called."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None or function is None else self.loop.call_later(seconds, function)

    def _look(self) -> None:
        if self._turn is not None:
            self._turn.look()
