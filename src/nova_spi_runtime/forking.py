"""Every call in a process of its own: a fork of the worker that has the model loaded.

What a call does to its process, its memory and its modules ends with it, as do the processes that it has started (but
for one that has made itself a session of its own), and a call that dies takes nothing along. Of
the loaded model everything is there but its threads, which no fork takes along, and its event loop: a call that awaits
gets a new one. A model that needs threads of its own must begin them in the call.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
import warnings
from contextlib import suppress

from . import frames
from .channel import AGAIN_MILLISECONDS
from .errors import SPIError
from .interrupting import SIGNAL
from .serving_calls import failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Optional

    from .calling import Shared
    from .channel import Channel
    from .serving_calls import Answer

VARIABLE = "SPI_WORKER_PROCESS_PER_CALL"
GRACE_SECONDS = 0.5
"""What a call that is cancelled gets to end by itself before its process is killed."""
_TICK_SECONDS = 0.2
_LAST = frozenset((frames.RESULT, frames.RESULTS, frames.ERROR, frames.WELL))


class Forks:
    """Waits for calls, and for the children that answer them.

    There is no second thread here: while a child works, this process has nothing to do but to listen.

    Args:
        channel: The wire.
        shared: The model.
    """

    def __init__(self, channel: Channel, shared: Shared) -> None:
        import gc

        self._channel = channel
        self._shared = shared
        gc.freeze()  # what is loaded is never looked at by a collection, so that a child shares its pages for good

    def receive(self) -> Optional[tuple[bytes, int, bytes]]:
        """Wait for the next frame on calls; None where the supervisor has gone."""
        while True:
            if self._channel.reader.ahead:
                return self._channel.receive()
            ready = _ready(None, self._channel.calls, self._channel.control)
            if self._channel.calls in ready:
                return self._channel.receive()
            if not self._hear():
                return None

    def answer(self, number: int, work: Callable[[], Answer]) -> Answer:
        """Have a call answered by a child.

        Args:
            number: The call's.
            work: Answers it, in the child.

        Raises:
            ConnectionError: The supervisor has gone.
        """
        try:
            child, ours = self._begin(number, work)
        except OSError as problem:
            message = f"A process for the call could not be started: {problem.strerror or problem}."
            return failed(SPIError("worker.crashed", message))
        with ours:
            return _Child(child, ours, number).outcome(self._channel, self._hear)

    def _begin(self, number: int, work: Callable[[], Answer]) -> tuple[int, socket.socket]:
        """Fork; returns only in this process, with the child's number and our end of the wire to it."""
        ours, theirs = socket.socketpair()
        interruption = self._channel.interruption
        # A signal that comes before the child has begun means it all the same.
        interruption.own_process(number)
        try:
            with theirs, warnings.catch_warnings():
                # Python warns of a fork beside threads of the model. The module's own words above do so too.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = self._channel.fork(theirs)
                _lead_group(child)
                if not child:
                    self._be_child(ours, number, work)
        except OSError:
            ours.close()
            raise
        finally:
            interruption.own_process(0)
        return child, ours

    def _be_child(self, ours: socket.socket, number: int, work: Callable[[], Answer]) -> None:
        status = 1
        try:
            ours.close()
            self._shared.forget_loop()
            self._channel.interruption.begin_process()
            self._channel.open = number
            kind, payload = work()
            self._channel.answer(kind, number, payload)
            status = 0
        finally:
            os._exit(status)

    def _hear(self) -> bool:
        """Take one frame from control; False where the supervisor has gone."""
        frame = frames.receive(self._channel.control)
        if frame is not None and frame[0] == frames.CANCEL:
            self._channel.interruption.ask(frame[1])
        return frame is not None


class _Child:
    """One child, from its first word to its end."""

    def __init__(self, process: int, wire: socket.socket, number: int) -> None:
        self._process = process
        self._wire = wire
        self._number = number
        self._status: Optional[int] = None
        self._kill_at: Optional[float] = None

    def outcome(self, channel: Channel, hear: Callable[[], bool]) -> Answer:
        """Pass on what it tells, and wait for its answer or its end. Afterwards it is no more."""
        answer = None
        try:
            while answer is None:
                ready = _ready(
                    _TICK_SECONDS if self._kill_at is None else AGAIN_MILLISECONDS / 1000, self._wire, channel.control
                )
                if channel.control in ready and not hear():
                    raise ConnectionError("The supervisor has gone.")
                self._cancel(channel.interruption.asked(self._number))
                if self._wire in ready:
                    frame = self._frame()
                    if frame is None:
                        break
                    if frame[0] in _LAST:
                        answer = frame[0], frame[2]
                    else:
                        channel.tell(frame[0], frame[2])
                elif not ready and self._reap(os.WNOHANG):
                    break  # a process that it has left behind may still hold its end of the wire
        finally:
            self._end()
        return answer or self._lost(channel.interruption.asked(self._number))

    def _frame(self) -> Optional[tuple[bytes, int, bytes]]:
        try:
            return frames.receive(self._wire)
        except (OSError, frames.FrameInvalid):
            return None  # it died in the middle of a word

    def _cancel(self, asked: bool) -> None:
        if not asked:
            return
        now = time.monotonic()
        self._kill_at = self._kill_at or now + GRACE_SECONDS
        self._signal(SIGNAL if now < self._kill_at else signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._status is None:
            with suppress(ProcessLookupError):
                os.kill(self._process, number)

    def _reap(self, options: int = 0) -> bool:
        if self._status is None:
            try:
                process, status = os.waitpid(self._process, options)
            except ChildProcessError:  # the model has the kernel reap its children (SIGCHLD is ignored)
                process, status = self._process, 0
            if process:
                self._status = status
        return self._status is not None

    def _end(self) -> None:
        """It has answered, or never will: whatever it and those that it has started still do is of no more use."""
        with suppress(OSError):
            os.killpg(self._process, signal.SIGKILL)
        self._signal(signal.SIGKILL)
        self._reap()

    def _lost(self, asked: bool) -> Answer:
        if asked:
            return failed(SPIError("run.cancelled", "The call was cancelled."))
        status = self._status or 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            name = signal.Signals(number).name if number in set(signal.Signals) else "a signal"
            perhaps = ", perhaps because memory ran out" if number == signal.SIGKILL else ""
            message = f"The call's process was ended by {name} ({number}){perhaps}."
        else:
            message = f"The call's process ended itself with status {os.WEXITSTATUS(status)} before it had an answer."
        return failed(SPIError("worker.crashed", message))


def _lead_group(child: int) -> None:
    """Give a child a process group of its own, so that its descendants can be ended with it; said by both of them."""
    with suppress(OSError):
        os.setpgid(child, child)


def _ready(seconds: Optional[float], *sockets: socket.socket) -> list[socket.socket]:
    poller = select.poll()
    for each in sockets:
        poller.register(each, select.POLLIN)
    found = {descriptor for descriptor, _ in poller.poll(None if seconds is None else seconds * 1000)}
    return [each for each in sockets if each.fileno() in found]
