"""The executions of a server: those that are going on, and the last ones that have ended, within bounds.

One that is going on is never let go. Of those that have ended so many, so many bytes and such an age are kept; with one
of them go its output files. Ids have 96 bits of chance, so nobody finds what he was not told of.
"""

import asyncio
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nova_spi.serving.calls import Execution

PER_EXECUTION = 2048
"""Bytes that an execution takes beside its outputs and its log, as measured."""
PER_FILE = 1024
"""Bytes that the knowledge of an output file takes, as measured."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is kept of executions that have ended.

    Attributes:
        count: So many.
        memory_bytes: Of outputs, logs and errors.
        file_bytes: Of output files on disk.
        seconds: From its end.
    """

    count: int = 1000
    memory_bytes: int = 64 * 1024 * 1024
    file_bytes: int = 10 * 1024**3
    seconds: float = 3600.0


@dataclass(slots=True, eq=False)
class Kept:
    """An execution and who cares for it.

    Attributes:
        execution: The execution.
        waiting: How many requests wait for its end; when the last of them goes it is cancelled,
        lasting: unless somebody may come for it later: it was begun to be fetched, or has an idempotency key.
        folder: Where its input files came in; it goes at its end.
        warnings: What its caller should know.
        ended_at: When it ended, by the loop's time.
        memory_bytes, file_bytes: What it takes, once it has ended.
    """

    execution: Execution
    waiting: int = 0
    lasting: bool = False
    folder: Path | None = None
    warnings: tuple[str, ...] = ()
    ended_at: float = 0.0
    memory_bytes: int = 0
    file_bytes: int = 0

    @property
    def never_began(self) -> bool:
        """It has ended, and no worker ever had it: asking again does nothing twice."""
        return self.execution.ended and self.execution.started_at is None

    def leave(self) -> None:
        """One who waited has gone."""
        self.waiting -= 1
        if self.waiting <= 0 and not self.lasting and not self.execution.done.done():
            self.execution.cancel()

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Somebody waits for it, as long as this goes on."""
        self.waiting += 1
        try:
            yield
        finally:
            self.leave()


@dataclass(slots=True, eq=False)
class Executions:
    """The bounded store.

    Attributes:
        store: Where the files of executions stand, ``ID/...``.
        bounds: What is kept.
        on_forget: Called with the id of each execution that is let go.
        pending_bytes: What the inputs of executions that have not ended take.
    """

    store: Path
    bounds: Bounds = field(default_factory=Bounds)
    on_forget: list[Callable[[str], None]] = field(default_factory=list)
    pending_bytes: int = 0
    _all: dict[str, Kept] = field(default_factory=dict)
    _ended: dict[str, Kept] = field(default_factory=dict)
    _memory_bytes: int = 0
    _file_bytes: int = 0
    _timer: asyncio.TimerHandle | None = None
    _done: "asyncio.Future[Any] | None" = None
    _removing: set[asyncio.Future[None]] = field(default_factory=set)

    def add(self, execution: Execution, *, lasting: bool = False) -> Kept:
        """Takes in one that begins."""
        kept = self._all[execution.call.id] = Kept(execution, lasting=lasting)
        self.pending_bytes += len(execution.call.inputs)
        if execution.done.done():
            self.ended(execution)
        return kept

    def get(self, identifier: str) -> Kept | None:
        """One by its id; None where it is not there, or not any more."""
        return self._all.get(identifier)

    def ended(self, execution: Execution) -> None:
        """Notes that one has ended, and lets go of the oldest ones where it is more than may be kept."""
        kept = self._all.get(execution.call.id)
        if kept is None or execution.call.id in self._ended:
            return
        self.pending_bytes -= len(execution.call.inputs)
        if len(execution.call.inputs) > PER_EXECUTION or execution.call.files:
            execution.call = dataclasses.replace(execution.call, inputs=b"{}", files={})
        if kept.folder is not None:
            self.discard(kept.folder)
        kept.memory_bytes = _memory_bytes(execution)
        kept.file_bytes = sum(file.size for files in execution.files.values() for file in files)
        loop = execution.done.get_loop()
        kept.ended_at = loop.time()  # and not by the clock, which may jump
        if self._timer is None:
            self._timer = loop.call_later(self.bounds.seconds, self._expire)
        self._ended[execution.call.id] = kept
        self._memory_bytes += kept.memory_bytes
        self._file_bytes += kept.file_bytes
        while self._over():
            self._forget(next(iter(self._ended)))

    def remove(self, identifier: str) -> None:
        """Lets go of one that has ended."""
        if identifier in self._ended:
            self._forget(identifier)

    def __len__(self) -> int:
        return len(self._all)

    def discard(self, folder: Path) -> None:
        """Removes a folder beside."""
        loop = asyncio.get_running_loop()
        removing = loop.run_in_executor(None, lambda: shutil.rmtree(folder, ignore_errors=True))
        self._removing.add(removing)
        removing.add_done_callback(self._removing.discard)

    async def close(self) -> None:
        """Lets nothing grow old any more, and waits until the files of what was let go are gone."""
        if self._timer is not None:
            self._timer.cancel()
        while self._removing:
            await asyncio.wait(self._removing)

    def _past(self) -> "asyncio.Future[Any]":
        """A future that is over: what stands for those of executions that nobody asks for any more."""
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
            self._done.set_result(None)
        return self._done

    def _over(self) -> bool:
        """Whether the oldest one has to go; the newest stays, however large it is."""
        bounds, ended = self.bounds, self._ended
        return len(ended) > bounds.count or (
            len(ended) > 1 and (self._memory_bytes > bounds.memory_bytes or self._file_bytes > bounds.file_bytes)
        )

    def _expire(self) -> None:
        """Lets go of those that are too old, whether anybody asks or not, and looks again when the next one is."""
        self._timer, loop = None, asyncio.get_running_loop()
        while self._ended:
            identifier, kept = next(iter(self._ended.items()))
            left = kept.ended_at + self.bounds.seconds - loop.time()
            if left > 0:
                self._timer = loop.call_later(left, self._expire)
                return
            self._forget(identifier)

    def _forget(self, identifier: str) -> None:
        kept = self._ended.pop(identifier)
        del self._all[identifier]
        self._memory_bytes -= kept.memory_bytes
        self._file_bytes -= kept.file_bytes
        # Its future holds it, and it the future: a ring that only a collection of everything would find.
        kept.execution.done = self._past()
        for told in self.on_forget:
            told(identifier)
        if kept.execution.files:
            self.discard(self.store / identifier)


def _memory_bytes(execution: Execution) -> int:
    found = PER_EXECUTION + len(execution.outputs or b"") + min(execution.log.size, 128 * 1024)
    found += PER_FILE * sum(map(len, execution.files.values()))
    if execution.error is not None:
        found += len(repr(execution.error.details))
    return found
