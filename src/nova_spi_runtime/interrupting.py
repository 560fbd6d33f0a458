"""Ending the call that is going on, from another thread, and never anything else.

A signal to the main thread is what ends `time.sleep`, a wait for a socket and a busy loop of Python alike: its handler
raises `Cancelled` there. Code that never returns to Python cannot be ended so; that is the supervisor's matter.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Optional

SIGNAL = int(getattr(signal, "SIGRTMAX", 0)) - 3 if sys.platform == "linux" else int(signal.SIGUSR2)
"""One that models have no use for themselves; see signal(7), "Real-time signals"."""

# Those of `signal` make members of enumerations of everything, which takes 5 us a call.
_native: Any = __import__("_signal")
_UNBLOCK = int(signal.SIG_UNBLOCK)
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Cancelled(BaseException):
    """The call is to end. No `Exception`, so that a model that goes on after every error does not go on after this."""


class Interruption:
    """Which call may be interrupted, and whether it is to be.

    Attributes:
        current: The number of the call that is going on in the main thread; 0 outside of the model's code.
        hit: Whether it has been interrupted.
        soft: Cancels what a running event loop waits for, and says whether it could; see `calling.Shared.cancel`.
    """

    def __init__(self) -> None:
        self.current = 0
        self.hit = False
        self.soft: Callable[..., bool] = lambda *, inside: False
        self._wanted = 0
        self._held = self._late = False
        self._whole_process = 0
        self._main = threading.get_ident()
        self._handler = self._arrived

    def install(self) -> None:
        """Take the signal, again if the model has taken or blocked it meanwhile; in the main thread."""
        if _native.getsignal(SIGNAL) is not self._handler:
            _native.signal(SIGNAL, self._handler)
        _native.pthread_sigmask(_UNBLOCK, (SIGNAL,))

    def ask(self, number: int) -> None:
        """End the call of this number, now or where it begins; one that is over is not touched. In another thread.

        Once may not be enough: see `insist`.
        """
        self._wanted = max(self._wanted, number)
        self.insist()

    def insist(self) -> bool:
        """Send the signal again, as long as the call that is to end has not noticed; False where there is none.

        Python notes a signal and runs its handler later. Where the main thread enters a system call in between, it
        sleeps on, and only another signal wakes it.
        """
        if not self.current or self.current != self._wanted:
            return False
        signal.pthread_kill(self._main, SIGNAL)
        return True

    def asked(self, number: int) -> bool:
        """Whether somebody wants the end of this call."""
        return self._wanted == number

    def own_process(self, number: int) -> None:
        """From now on the signal means this call, whoever sends it and whenever: its process is the call's own."""
        self._whole_process = number

    def begin_process(self) -> None:
        """This is a forked child of the process that was asked until now."""
        self._main = threading.get_ident()
        self._held = self._late = False

    def run(self, number: int, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the model's code as the call of a number, which may be interrupted in there and nowhere else.

        However it ends, `current` is 0 afterwards, and after that nothing is raised any more: a signal that comes in
        the last moment ends the call, whose result is lost, or does nothing.

        Raises:
            Cancelled: Somebody asked for it, unless the model swallowed that.
        """
        self.hit = False
        try:
            self.current = number
            if self._wanted == number:
                self._end()
            result = function(*arguments)
            self.current = 0
        except BaseException:  # also Ctrl-C: put in order, and raised again
            self.current = 0
            raise
        return result

    def hold(self) -> bool:
        """From here on nothing is raised, until `release`; False where it is held already, or in another thread."""
        if self._held or threading.get_ident() != self._main:
            return False
        self._held = True
        return True

    def release(self) -> None:
        """What came meanwhile is raised now."""
        self._held = False
        if self._late:
            self._late = False
            self._end()

    def in_main(self) -> bool:
        """Whether the calling thread is the one that calls the model."""
        return threading.get_ident() == self._main

    def _arrived(self, number: int, frame: Optional[FrameType]) -> None:
        if self._whole_process:
            self._wanted = self._whole_process
        if not self.current or self.current != self._wanted:
            return
        if self._held:
            self._late = True
            return
        # In an event loop's own code, or in another task, an exception would hit what is not this call's.
        if self.soft(inside=frame is not None and not _is_machinery(frame.f_code.co_filename)):
            self.hit = True
            self.current = 0
            return
        self._end()

    def _end(self) -> None:
        if self.current and self.current == self._wanted:
            self.current = 0
            self.hit = True
            raise Cancelled


def _is_machinery(filename: str) -> bool:
    if filename.startswith(_OURS):
        return True
    folder, name = os.path.split(filename)
    return os.path.basename(folder) == "asyncio" or name == "selectors.py"
