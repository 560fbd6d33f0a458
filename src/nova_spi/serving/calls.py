"""One call of a served model, and what becomes of it: the words that the supervisor and its faces share."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from nova_spi.errors import ExecutionError
from nova_spi.serving.log import CallLog

T = TypeVar("T")
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
EventKind = Literal["started", "output", "progress", "log", "ended"]


_IDS: list[str] = []
"""Ids that nobody has yet: asking the system for chance once a call would be a thirtieth of a small one."""
os.register_at_fork(after_in_child=_IDS.clear)


def _new_id() -> str:
    """A name of 96 bits of chance, which nobody finds by trying."""
    try:
        return _IDS.pop()
    except IndexError:
        chance = os.urandom(12 * 128).hex()
        _IDS.extend(chance[at : at + 24] for at in range(24, len(chance), 24))
        return chance[:24]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file for a call, on this machine, checked already.

    Attributes:
        path: Where it stands. The call owns it: it is moved to where the model reads it, or copied where ``ours`` is
            False, and removed after the call.
        name: What the model sees it as, below the folder of its parameter; one file name or a relative path.
        ours: Whether it was made for this call alone (an upload).
    """

    path: Path
    name: str
    ours: bool = True


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a call gave.

    Attributes:
        path: Where it stands now, out of the model's reach.
        name: ``outputs/picture_000.png``: below the call's folder, with the mount path of its parameter.
        size: In bytes.
        media_type: What it is, by its content.
    """

    path: Path
    name: str
    size: int
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a model; checked already, so that a worker never hears of a call that makes no sense.

    Attributes:
        command: One of the plan's.
        inputs: A JSON object of all values that are no files, as they came (see `nova_spi.serving.accepting.inputs`).
        files: The files of each file input that has any.
        timeout_seconds: From the moment that a worker takes it; None is the command's.
        stream: The pieces of a generator are wanted as they come.
        id: Its name for callers.
    """

    command: str
    inputs: bytes = b"{}"
    files: Mapping[str, tuple[InputFile, ...]] = field(default_factory=dict)
    timeout_seconds: float | None = None
    stream: bool = False
    id: str = field(default_factory=_new_id)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a call.

    Attributes:
        kind: ``output``: a piece, a dict of name -> value; ``progress``: {fraction, message}; ``log``: a piece of text;
            ``started`` and ``ended``: nothing. Of progress the last counts, and no more than some twenty come a second;
            log comes some ten times a second, and of a flood its end.
        data: As ``kind`` says.
    """

    kind: EventKind
    data: Any = None


def heard(loop: asyncio.AbstractEventLoop, listener: Callable[[T], None], said: T) -> None:
    """Tells a listener something. One that fails is the loop's to report, and no worker's to suffer from."""
    try:
        listener(said)
    except Exception as error:  # noqa: BLE001  # whatever it is, the call must come to its end
        loop.call_exception_handler({"message": "A listener failed.", "exception": error})


class Execution:
    """A call on its way; made by `nova_spi.serving.supervisor.Supervisor.submit`, alive after its end.

    Everything of it belongs to the thread of the supervisor's event loop.

    Attributes:
        call: What was asked.
        status: Where it stands.
        created_at, started_at, finished_at: Seconds since the epoch; None as long as it has not come to that.
        done: Resolves to the execution itself at its end, whatever the end is; never raises but for its own cancelling.
        outputs: The JSON object of the outputs as bytes, once it has succeeded; the value of a file output is a list of
            `OutputFile.name`.
        files: The files of each file output.
        error: Why it failed, once it has; ``details`` holds ``log``, the end of what it wrote.
        log: What it wrote; the calls of one batch share one.
        duration: Seconds that a worker had it, by the monotonic clock; 0.0 where none did.
    """

    __slots__ = (
        "_began",
        "call",
        "created_at",
        "done",
        "duration",
        "error",
        "files",
        "finished_at",
        "log",
        "on_cancel",
        "outputs",
        "started_at",
        "status",
        "watchers",
    )

    def __init__(self, call: Call, loop: asyncio.AbstractEventLoop) -> None:
        self.call = call
        self.status: Status = "queued"
        self.created_at = time.time()
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.done: asyncio.Future[Execution] = loop.create_future()
        self.outputs: bytes | None = None
        self.files: Mapping[str, tuple[OutputFile, ...]] = {}
        self.error: ExecutionError | None = None
        self.log = CallLog()
        self.duration = 0.0
        self._began = 0.0
        self.watchers: list[Callable[[Event], None]] | None = None
        self.on_cancel: Callable[[], None] | None = None

    @property
    def id(self) -> str:
        """The call's."""
        return self.call.id

    def value(self) -> dict[str, Any]:
        """The outputs, read; to be asked for after success."""
        found: dict[str, Any] = json.loads(self.outputs or b"{}")
        return found

    def watch(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls ``listener`` with every event from now on; returns what ends that."""
        watchers = self.watchers = self.watchers or []
        watchers.append(listener)
        return lambda: watchers.remove(listener) if listener in watchers else None

    def tell(self, event: Event) -> None:
        """Passes an event on to whoever watches."""
        for listener in tuple(self.watchers or ()):
            heard(self.done.get_loop(), listener, event)

    def cancel(self) -> None:
        """Ends it at once for whoever waits, and then its worker's part of it; what has ended stays as it is."""
        if self.on_cancel is not None:
            self.on_cancel()

    def begin(self) -> None:
        """A worker has it now."""
        self.status = "running"
        self.started_at = time.time()
        self._began = time.monotonic()
        if self.watchers:
            self.tell(Event("started"))

    def end(self, status: Status, error: ExecutionError | None = None) -> None:
        """The one end of it; to be called once. Outputs and files have been set before."""
        self.status = status
        self.error = error
        self.on_cancel = None
        self.finished_at = time.time()
        if self.started_at is not None:
            self.duration = time.monotonic() - self._began
        if self.watchers:
            self.tell(Event("ended"))
        if not self.done.done():  # whoever waited may have cancelled the future itself
            self.done.set_result(self)

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.finished_at is not None
