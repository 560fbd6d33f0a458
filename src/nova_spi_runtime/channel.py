"""A worker's end of the wire: taken over at the start, kept out of the model's way, written by one at a time."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import socket
import threading
import time
from contextlib import suppress

from . import frames
from .interrupting import Interruption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

ABANDONED_SECONDS = 3.0
"""What a worker gets to end by itself when its supervisor has gone."""
AGAIN_MILLISECONDS = 20
"""Between two signals to a call that has not noticed the first."""
_HIGHEST = 1024
"""Descriptors from here on are beyond what select(2) can wait for."""
_ROOM = 24


class Channel:
    """The two sockets and the log.

    Args:
        calls: Where calls come and answers go.
        control: Where the supervisor says that a call is to end.
        log: The descriptor of the pipe for what the model writes.

    Attributes:
        reader: Reads from ``calls``.
        open: The number of the call that may still be told of; 0 when it has been answered.
    """

    def __init__(self, calls: socket.socket, control: socket.socket, log: int) -> None:
        self.calls = calls
        self.control = control
        self.log = log
        self.open = 0
        self.interruption = Interruption()
        self.reader = frames.Reader(calls)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._forking = False
        os.register_at_fork(after_in_child=self._leave)

    @classmethod
    def take(cls, where: str) -> Channel:
        """Connect, and wait for the two descriptors that the supervisor hands over.

        Args:
            where: The number of a descriptor, or the absolute path of a socket.

        Raises:
            OSError: Nobody is there.
            FrameInvalid: What came is no hand-over.
        """
        if where.isdigit():
            calls = socket.socket(fileno=_high(int(where)))
        else:
            calls = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            calls.connect(where)
            calls = socket.socket(fileno=_high(calls.detach()))
        word, descriptors, _, _ = socket.recv_fds(calls, 1, 2)
        if word != frames.HAND_OVER or len(descriptors) != 2:
            raise frames.FrameInvalid("The first byte must hand over two descriptors.")
        control, log = (_high(each) for each in descriptors)
        return cls(calls, socket.socket(fileno=control), log)

    def receive(self) -> Optional[tuple[bytes, int, bytes]]:
        """Wait for the next frame; None where the supervisor has gone."""
        return self.reader.receive()

    def answer(self, kind: bytes, number: int, payload: bytes) -> None:
        """Send the last word about a call: whoever would tell more of it comes too late.

        Raises:
            OSError: The supervisor has gone.
        """
        with self._lock:
            self.open = 0
            frames.send(self.calls, kind, number, payload)

    def tell(self, kind: bytes, payload: bytes) -> bool:
        """Send something about the call that is going on, from whatever thread; False where there is none.

        Being interrupted would leave half a frame on the wire, so the interruption waits for its end.

        Raises:
            OSError: The supervisor has gone.
        """
        if os.getpid() != self._process:
            return False  # a child that the model has forked
        main = self.interruption.in_main()
        if main and not self.interruption.hold():
            return False  # from a handler of the model's own, in the middle of telling
        try:
            with self._lock:
                if self.open:
                    frames.send(self.calls, kind, self.open, payload)
                return bool(self.open)
        finally:
            if main:
                self.interruption.release()

    def is_own(self) -> bool:
        """Whether this is still the process that answers, and no child of it."""
        return os.getpid() == self._process

    def listen(self) -> None:
        """Wait on control, in a thread of its own, for the numbers of calls that are to end."""
        threading.Thread(target=self._listen, name="spi-control", daemon=True).start()

    def fork(self, calls: socket.socket) -> int:
        """Fork, as ``os.fork``; the child is a worker too, with ``calls`` in place of the wire."""
        self._forking = True
        try:
            process = os.fork()
        finally:
            self._forking = False
        if not process:
            self._process = os.getpid()
            self._lock = threading.Lock()
            self._shut()
            self.calls = socket.socket(fileno=_high(calls.detach()))
        return process

    def _listen(self) -> None:
        poller = select.poll()
        poller.register(self.control, select.POLLIN)
        waiting = False
        with suppress(OSError, frames.FrameInvalid):
            while True:
                if waiting and not poller.poll(AGAIN_MILLISECONDS):
                    waiting = self.interruption.insist()
                    continue
                frame = frames.receive(self.control)
                if frame is None:
                    break
                if frame[0] == frames.CANCEL:
                    self.interruption.ask(frame[1])
                    waiting = True
        # The supervisor has gone, whatever killed it: nobody waits for what goes on here.
        end_within(ABANDONED_SECONDS)
        self.interruption.ask(self.open)
        while True:
            time.sleep(AGAIN_MILLISECONDS / 1000)
            self.interruption.insist()

    def _leave(self) -> None:
        """In a child that the model has forked: nothing of the wire is its."""
        if not self._forking:
            self._shut()

    def _shut(self) -> None:
        for each in (self.calls, self.control):
            with suppress(OSError):
                each.close()


def end_within(seconds: float) -> None:
    """End this process after so long, whatever threads and handlers of the model keep it from ending by itself."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=end, name="spi-end", daemon=True).start()


def _high(descriptor: int) -> int:
    """Move a descriptor away from the small numbers, which some programs close without asking; it is not inherited."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _HIGHEST if soft == resource.RLIM_INFINITY else min(soft, _HIGHEST)
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(limit - _ROOM, 3))
    os.close(descriptor)
    return moved
