"""One life of a worker: from a fresh copy of the model's folder to the last of its processes.

A thread of its own runs the engine from the beginning to the end; everything else happens in the loop's thread.
"""

import asyncio
import fcntl
import os
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from nova_spi.engines.port import Engine, Job, Outcome
from nova_spi.progress import Silent
from nova_spi.serving.plan import Slot
from nova_spi.serving.supervisor.channel import Channel
from nova_spi.serving.supervisor.pipe import DRAIN_BYTES, LogPipe
from nova_spi_runtime import frames

SILENT_SECONDS = 1.0
"""After a worker's end: what is still in its socket is read for so long, whoever else holds the other end."""


class Owner(Protocol):
    """The worker whose life it is; everything is called in the loop's thread."""

    def hear(self, kind: bytes, number: int, payload: bytes) -> None:
        """See `nova_spi.serving.supervisor.channel.Hearer`, and so the next two."""
        ...

    def garbage(self, what: str) -> None:
        """See there."""
        ...

    def silence(self, *, unread: bool) -> None:
        """See there."""
        ...

    def wrote(self, chunk: bytes) -> None:
        """The model wrote something."""
        ...

    def over(self, outcome: Outcome | BaseException) -> None:
        """Nothing of it is running any more, and all that it said has been heard."""
        ...


class Life:
    """One process tree, in the place of one slot.

    Args:
        slot: Its place.
        engine: What runs it.
        loop: The supervisor's.
        owner: Is told what happens.
    """

    def __init__(self, slot: Slot, engine: Engine, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._slot = slot
        self._engine = engine
        self._loop = loop
        self._owner = owner
        self._cancel = threading.Event()
        self._theirs: list[socket.socket] = []
        self._control: socket.socket | None = None
        self._channel: Channel | None = None
        self._pipe: LogPipe | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._outcome: Outcome | BaseException | None = None
        self._refused: OSError | None = None
        self.thread = threading.Thread(target=self._live, name=f"worker {slot.work.name}", daemon=True)
        self.thread.start()

    def send(self, kind: bytes, number: int, *pieces: bytes) -> None:
        """Sends the worker one frame."""
        if self._channel is not None:
            self._channel.send(kind, number, *pieces)

    def interrupt(self, number: int) -> None:
        """Asks the worker to end a call."""
        if self._control is not None:
            with suppress(OSError):  # it does not listen: the engine will end it
                self._control.send(frames.pack(frames.CANCEL, number))

    def drain(self) -> None:
        """Takes what the model has written by now."""
        if self._pipe is not None:
            self._pipe.drain()

    def listened(self) -> None:
        """The worker has its end of the socket; ours of the same are closed, so that its end is heard."""
        while self._theirs:
            self._theirs.pop().close()

    def end(self) -> None:
        """Has the engine end it: SIGTERM, then SIGKILL of everything. `Owner.over` follows."""
        self._cancel.set()

    def _live(self) -> None:
        """The thread's work."""
        outcome: Outcome | BaseException
        try:
            outcome = self._engine.run(self._prepared(), _EarlyLog(self), self._cancel)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the loop must hear of the end
            outcome = error
        with suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
            self._loop.call_soon_threadsafe(self._ended, outcome)

    def _prepared(self) -> Job:
        """Fresh folders and sockets, and the job that knows of them."""
        from nova_spi.serving.slots import renew  # heavy work, and only here

        renew(self._slot)
        if self._slot.socket is not None:
            self._slot.socket.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(str(self._slot.socket))
            self._slot.socket.chmod(0o666)  # the model has a user number of its own there
            listener.listen(1)
            listener.setblocking(False)
            self._loop.call_soon_threadsafe(self._await_caller, listener)
            return self._slot.job
        ours, theirs = socket.socketpair()
        self._theirs.append(theirs)
        self._loop.call_soon_threadsafe(self._open, ours)
        return replace(self._slot.job, channel=theirs.fileno())

    def _await_caller(self, listener: socket.socket) -> None:
        """Waits for the one worker that connects, for as long as its life."""
        if self._outcome is not None:
            listener.close()
            return
        self._theirs.append(listener)
        self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            ours, _ = listener.accept()
        except OSError:
            return  # it has gone again
        self._forget(listener)
        self._open(ours)

    def _forget(self, listener: socket.socket) -> None:
        self._loop.remove_reader(listener)
        if self._slot.socket is not None:
            self._slot.socket.unlink(missing_ok=True)

    def _open(self, ours: socket.socket) -> None:
        """Hands over the two descriptors, and listens."""
        if self._outcome is not None:
            ours.close()
            return
        try:
            control, their_control = socket.socketpair()
            reader, writer = _pipe(control, their_control)
        except OSError as error:  # there is no descriptor left: it would wait for them until its start is late
            ours.close()
            self._refused = error
            self.end()
            return
        try:
            socket.send_fds(ours, [frames.HAND_OVER], [their_control.fileno(), writer])
        except OSError:
            ours.close()  # it has closed its end already; how it ended will be told
            os.close(reader)
            control.close()
            return
        finally:
            their_control.close()
            os.close(writer)
        control.setblocking(False)
        ours.setblocking(False)
        self._control = control
        self._pipe = LogPipe(reader, self._loop, self._owner.wrote)
        self._channel = Channel(self._owner, self._loop, self._lost)
        self._connecting = self._loop.create_task(self._connect(ours, self._channel))

    async def _connect(self, ours: socket.socket, channel: Channel) -> None:
        try:
            await self._loop.create_unix_connection(lambda: channel, sock=ours)
        except OSError as error:
            ours.close()
            channel.connection_lost(error)

    def _ended(self, outcome: Outcome | BaseException) -> None:
        """The thread is done. What the worker has said is still in the socket, up to its end."""
        self._outcome = self._refused or outcome
        if self._slot.socket is not None and self._theirs and self._channel is None:
            self._forget(self._theirs[0])
        self.listened()
        if self._channel is None or self._channel.closed:
            self._close()
        else:
            self._timer = self._loop.call_later(SILENT_SECONDS, self._close)

    def _lost(self) -> None:
        """The worker's end of the socket is closed, or ours."""
        if self._outcome is not None:
            self._close()

    def _close(self) -> None:
        """Closes everything, once nothing more can be heard; then its owner is told."""
        if self._timer is not None:
            self._timer.cancel()
        if self._channel is not None and not self._channel.closed:
            self._channel.close()  # and comes again by `_lost`
            return
        if self._pipe is not None:
            self._pipe.close()
        if self._control is not None:
            self._control.close()
        self.thread.join()
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            self._owner.over(outcome)


class _EarlyLog(Silent):
    """What comes by the engine's own log: the words of a worker that has not got its pipe yet."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def log(self, chunk: bytes) -> None:
        """See `nova_spi.progress.Progress.log`; it is called in the life's thread, and bounded by the engine."""
        with suppress(RuntimeError):
            self._life._loop.call_soon_threadsafe(self._life._owner.wrote, chunk)


def _pipe(*others: socket.socket) -> tuple[int, int]:
    """A pipe, a larger one where the machine gives that: a talkative model waits less often.

    Raises:
        OSError: There is no descriptor left; the ``others`` are closed then.
    """
    try:
        reader, writer = os.pipe()
    except OSError:
        for other in others:
            other.close()
        raise
    if sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, DRAIN_BYTES)
    return reader, writer
