"""A worker's turn: the one call, or the batch, that it has at a time, from the moment it takes it to the last file.

Callers have their answer at their deadline and when they cancel. The worker is told then, and has a moment to come back
by itself; what it still says of the call is thrown away.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from nova_spi.errors import ExecutionError, RunCancelled
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.secrets import Scrubber
from nova_spi.serving.calls import Event, Execution, OutputFile
from nova_spi.serving.plan import Plan, ServedCommand, Slot
from nova_spi.serving.supervisor import reasons
from nova_spi.serving.supervisor.alarm import EARLY_SECONDS, NEVER
from nova_spi.serving.supervisor.answers import LARGE, json_in
from nova_spi.serving.supervisor.concluding import Concluded, Concluding
from nova_spi.serving.supervisor.laying import lay
from nova_spi.serving.supervisor.served import Files, Served
from nova_spi.serving.supervisor.telling import Telling
from nova_spi_runtime import frames

T = TypeVar("T")


class Post(Protocol):
    """The worker whose turn it is."""

    loop: asyncio.AbstractEventLoop
    plan: Plan
    slot: Slot

    def send(self, kind: bytes, number: int, *pieces: bytes) -> None:
        """Sends it a frame."""
        ...

    def drain(self) -> None:
        """Takes what has been written by now, by `Turn.wrote` or otherwise."""
        ...

    def wake(self, when: float) -> None:
        """Calls `Turn.look` then, by the loop's time."""
        ...

    def scrubber(self, hidden: Mapping[str, str]) -> Scrubber | None:
        """What takes the plan's secrets, and these, out of what is written; None where there are none."""
        ...

    def in_thread(self, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Runs what may take long."""
        ...

    async def looked_into(
        self, command: ServedCommand, files: Mapping[str, tuple[OutputFile, ...]]
    ) -> ExecutionError | None:
        """What is wrong with the content of output files, where the manifest says what they hold."""
        ...

    def nobody_waits(self, turn: "Turn") -> None:
        """It is to be ended, at first by asking."""
        ...

    def give_back(self, executions: list[Execution]) -> None:
        """They have not begun, and wait for a worker again."""
        ...

    def ended(self, execution: Execution) -> None:
        """One of its calls has come to its end."""
        ...

    def done(self, turn: "Turn") -> None:
        """Nothing of it is left to do."""
        ...


class Turn:
    """One call, or several of one command that travel together.

    Args:
        post: Whose turn it is.
        number: By which the worker knows it.
        served: The command.
        executions: Who waits.

    Attributes:
        number: By which the worker knows it.
        executions: Who waits.
        sent: The worker has it, or may have.
        answered: The worker is done with it.
    """

    __slots__ = (
        "_batched",
        "_deadlines",
        "_dropped",
        "_has_files",
        "_piece_bytes",
        "_post",
        "_scrubber",
        "_served",
        "_tellings",
        "_working",
        "answered",
        "executions",
        "number",
        "sent",
    )

    def __init__(self, post: Post, number: int, served: Served, executions: list[Execution]) -> None:
        self.number = number
        self.sent = False
        self.answered = False
        self._post = post
        self._served = served
        self.executions = executions
        self._batched = len(executions) > 1
        self._has_files = any(execution.call.files for execution in executions)
        self._deadlines: list[float] = []
        self._dropped = False
        self._piece_bytes = 0
        self._scrubber: Scrubber | None = None
        self._tellings: dict[Execution, Telling] | None = None
        self._working: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Takes it to the worker."""
        executions = self.executions
        for execution in executions:
            execution.begin()
            execution.log = executions[0].log
        if self._has_files:
            self._working = self._post.loop.create_task(self._lay_and_send())
        else:
            self._send([{}] * len(executions))

    def hear(self, kind: bytes, payload: bytes) -> str | None:
        """Takes what the worker says of it; returns what is wrong where that is not what a worker says."""
        if kind == frames.PROGRESS:
            return self._progress(payload)
        if self.answered:
            return "it answered a call twice"
        if kind == frames.RESULT and not self._batched:
            self._answer(payload)
        elif kind == frames.ERROR:
            self._close_log()
            self._fail_all(reasons.of_words(payload))
            self._finish()
        elif kind == frames.PIECE:
            return self._piece(payload)
        elif kind == frames.RESULTS and self._batched:
            self._close_log()
            self._working = self._post.loop.create_task(self._conclude(payload))
        else:
            return f"it sent a frame of the kind {kind!r} for a call that has none"
        return None

    def wrote(self, chunk: bytes) -> None:
        """The model wrote something."""
        if self._scrubber is not None:
            chunk = self._scrubber.feed(chunk)
        self._log(chunk)

    def look(self) -> None:
        """Answers those whose deadline has passed, and looks again at the next one."""
        if self.answered or not self.sent:
            return
        now = self._post.loop.time() + EARLY_SECONDS
        late = [e for e, when in zip(self.executions, self._deadlines, strict=True) if when <= now and not e.ended]
        if late:
            self._post.drain()
        for execution in late:
            self._fail(execution, reasons.passed_deadline(self._served.seconds(execution.call)))
        if not self._end_where_nobody_waits():
            self._post.wake(self._next_deadline())

    def cancel(self, execution: Execution) -> None:
        """One of the callers does not want it any more."""
        if self.sent and not self.answered:
            self._post.drain()
        self._fail(execution, reasons.cancelled())
        if self.sent and not self.answered:
            self._end_where_nobody_waits()

    def lose(self, cause: ExecutionError, *, unread: bool = False) -> None:
        """The worker is gone, or as good as gone.

        Args:
            cause: Why those that it had have no answer.
            unread: It never read what it was sent, so that another may have it.
        """
        self._dropped = True
        if not self.answered:
            if self.sent:
                self._post.drain()
                self._flush_log()
            self.answered = True
            if self.sent and not unread:
                self._fail_all(cause)
            else:
                self._post.give_back([execution for execution in self.executions if not execution.ended])
        if self._working is None:
            self._finish()

    async def _lay_and_send(self) -> None:
        files: list[Files] = []
        slot = self._post.slot
        try:
            for index, execution in enumerate(self.executions):
                place, own = self._place(index), execution.call.files
                files.append(await self._post.in_thread(lay, slot.calls, slot.calls_seen, place, own))
        except (OSError, ExecutionError) as error:
            self.answered = True
            self._fail_all(reasons.of_exception(error))
        if self._dropped or self.answered or not self._waiting():
            self._finish()
        else:
            self._working = None
            self._send(files)

    def _place(self, index: int) -> tuple[str, ...]:
        """Where the files of one call are, below the folder of all calls."""
        return (str(self.number), str(index)) if self._batched else (str(self.number),)

    def _send(self, files: Sequence[Files]) -> None:
        post, served, executions = self._post, self._served, self.executions
        post.drain()  # what came between two calls is none of this one's
        self._scrubber = post.scrubber(served.hidden(executions))
        self.sent = True
        now = post.loop.time()
        self._deadlines = [now + served.seconds(execution.call) for execution in executions]
        if self._batched:
            post.send(frames.BATCH, self.number, *served.batch([one.call for one in executions], files))
        else:
            post.send(frames.CALL, self.number, *served.frame(executions[0].call, files[0]))
        post.wake(self._next_deadline())

    def _next_deadline(self) -> float:
        if not self._batched:
            return self._deadlines[0]
        pairs = zip(self.executions, self._deadlines, strict=True)
        return min((when for execution, when in pairs if not execution.ended), default=NEVER)

    def _waiting(self) -> bool:
        return any(not execution.ended for execution in self.executions)

    def _end_where_nobody_waits(self) -> bool:
        if self._waiting():
            return False
        self._post.nobody_waits(self)
        return True

    def _answer(self, payload: bytes) -> None:
        self._close_log()
        answers, execution = self._served.answers, self.executions[0]
        if not execution.ended and (not answers.plain or len(payload) > LARGE):
            self._working = self._post.loop.create_task(self._conclude(payload))
            return
        self._finish()  # first: the worker begins the next call while we read what it gave
        if execution.ended:
            return
        try:
            answers.values(payload)
        except ExecutionError as error:
            self._fail(execution, error)
        else:
            execution.outputs = payload
            self._end(execution, None)

    async def _conclude(self, payload: bytes) -> None:
        """Reads an answer that is large, or has files, or is of several calls."""
        post, executions = self._post, self.executions
        places = [self._place(index) for index in range(len(executions))]
        ids = [None if execution.ended else execution.id for execution in executions]
        concluding = Concluding(self._served, post.plan, post.slot, places, ids)
        found = await post.in_thread(concluding.several if self._batched else concluding.one, payload)
        for execution, concluded in zip(executions, found, strict=True):
            await self._settle(execution, concluded)
        self._finish()

    async def _settle(self, execution: Execution, concluded: Concluded) -> None:
        """One answer, read: its files are looked into, and its caller has it."""
        if not execution.ended and concluded is not None and not isinstance(concluded, ExecutionError):
            outputs, files = concluded
            problem = await self._post.looked_into(self._served.command, files) if files else None
            if problem is None and not execution.ended:
                execution.outputs, execution.files = outputs, files
                self._end(execution, None)
                return
            concluded = problem or concluded
        if not execution.ended and isinstance(concluded, ExecutionError):
            self._fail(execution, concluded)
        await self._post.in_thread(remove_tree, self._post.plan.store / execution.id)

    def _finish(self) -> None:
        """Takes its folders away, and lets the worker go on."""
        self._working = None
        if self._has_files:
            self._post.in_thread(remove_tree, self._post.slot.calls / str(self.number))
        self._post.done(self)

    def _fail_all(self, error: ExecutionError) -> None:
        for execution in self.executions:
            if not execution.ended:
                self._fail(execution, error)

    def _fail(self, execution: Execution, error: ExecutionError) -> None:
        self._end(execution, reasons.told(error, execution.log.tail(), self._scrubber))

    def _end(self, execution: Execution, error: ExecutionError | None) -> None:
        if self._tellings and (telling := self._tellings.pop(execution, None)):
            telling.close()
        cancelled = isinstance(error, RunCancelled)
        execution.end("succeeded" if error is None else "cancelled" if cancelled else "failed", error)
        self._post.ended(execution)

    def _close_log(self) -> None:
        """The worker has answered: what it wrote before is in the pipe by now, and no more of it comes."""
        self._post.drain()
        self._flush_log()
        self.answered = True

    def _flush_log(self) -> None:
        if self._scrubber is not None:
            self._log(self._scrubber.rest())

    def _log(self, chunk: bytes) -> None:
        if not chunk:
            return
        self.executions[0].log.write(chunk)
        for execution in self.executions:
            if execution.watchers and not execution.ended:
                self._telling(execution).log(chunk)

    def _telling(self, execution: Execution) -> Telling:
        if self._tellings is None:
            self._tellings = {}
        if execution not in self._tellings:
            self._tellings[execution] = Telling(execution, self._post.loop)
        return self._tellings[execution]

    def _progress(self, payload: bytes) -> str | None:
        """Says on how far it is; of a call that has been answered the worker may say so a moment too late."""
        for execution in self.executions:
            if execution.watchers and not execution.ended:
                try:
                    said = json.loads(payload)
                except (ValueError, RecursionError):
                    return "its progress is not JSON"
                if not isinstance(said, dict):
                    return "its progress is no JSON object"
                self._telling(execution).progress(said)
        return None

    def _piece(self, payload: bytes) -> str | None:
        """Passes on a piece of a stream."""
        execution = self.executions[0]
        if self._batched or not execution.call.stream:
            return "it sent a piece of a stream that nobody asked for"
        self._piece_bytes += len(payload)
        if self._piece_bytes > frames.MAX_PAYLOAD:
            return f"it sent more than {frames.MAX_PAYLOAD} bytes of pieces"
        if execution.watchers and not execution.ended:
            try:
                piece = json_in(payload)
            except ExecutionError:
                piece = None
            if not isinstance(piece, dict):
                return "a piece of its stream is no JSON object"
            execution.tell(Event("output", piece))
        return None
