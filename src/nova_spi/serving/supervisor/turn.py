"""A worker's turn: the one call, or the batch, that it has at a time, from the moment it takes it to the last file.

Callers have their answer at their deadline and when they cancel. The worker is told then, and has a moment to come back
by itself; what it still says of the call is thrown away.
"""

import asyncio
from collections.abc import Sequence

from nova_spi.errors import ExecutionError, RunCancelled
from nova_spi.execution.removal import remove_tree
from nova_spi.serving.calls import Execution
from nova_spi.serving.supervisor import reasons
from nova_spi.serving.supervisor.alarm import EARLY_SECONDS, NEVER
from nova_spi.serving.supervisor.answers import LARGE
from nova_spi.serving.supervisor.concluding import Concluded, Concluding
from nova_spi.serving.supervisor.crew import Post
from nova_spi.serving.supervisor.laying import lay
from nova_spi.serving.supervisor.served import Files, Served
from nova_spi.serving.supervisor.voice import Voice
from nova_spi_runtime import frames


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
        "_post",
        "_served",
        "_voice",
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
        self._voice = Voice(executions, post.loop, post.shown)
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
            return self._voice.progress(payload)
        if self.answered:
            return "it answered a call twice"
        if kind == frames.RESULT and not self._batched:
            self._answer(payload)
        elif kind == frames.ERROR:
            self._close_log()
            self._fail_all(reasons.of_words(payload))
            self._finish()
        elif kind == frames.PIECE:
            return self._voice.piece(payload)
        elif kind == frames.RESULTS and self._batched:
            self._close_log()
            self._working = self._post.loop.create_task(self._conclude(payload))
        else:
            return f"it sent a frame of the kind {kind!r} for a call that has none"
        return None

    def wrote(self, chunk: bytes) -> None:
        """The model wrote something."""
        self._voice.wrote(chunk)

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
                self._voice.flush()
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
        except Exception as error:  # noqa: BLE001  # whatever this machine refuses us, the worker has to go on
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
        self._voice.scrubber = post.scrubber(served.hidden(executions))
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
        try:
            found = await post.in_thread(concluding.several if self._batched else concluding.one, payload)
            for execution, concluded in zip(executions, found, strict=True):
                await self._settle(execution, concluded)
        except Exception as error:  # noqa: BLE001  # as above
            self._fail_all(reasons.of_exception(error))
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
        self._end(execution, reasons.told(error, execution.log.tail(), self._voice.scrubber))

    def _end(self, execution: Execution, error: ExecutionError | None) -> None:
        self._voice.close(execution)
        cancelled = isinstance(error, RunCancelled)
        execution.end("succeeded" if error is None else "cancelled" if cancelled else "failed", error)
        self._post.ended(execution)

    def _close_log(self) -> None:
        """The worker has answered: what it wrote before is in the pipe by now, and no more of it comes."""
        self._post.drain()
        self._voice.flush()
        self.answered = True
