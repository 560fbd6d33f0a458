"""What watchers of a call hear of its log and its progress: not everything, and not at once, but the newest."""

import asyncio
import codecs
from collections.abc import Mapping
from typing import Any

from nova_spi.serving.calls import Event, Execution

LOG_SECONDS = 0.1
PROGRESS_SECONDS = 0.05
LOG_BYTES = 32 * 1024
"""Of what was written between two events at most; its end is told."""


class Telling:
    """Tells the watchers of one execution.

    Args:
        execution: It.
        loop: The supervisor's.
    """

    __slots__ = ("_decode", "_execution", "_log", "_loop", "_progress", "_quiet_until", "_skipped", "_timers")

    def __init__(self, execution: Execution, loop: asyncio.AbstractEventLoop) -> None:
        self._execution = execution
        self._loop = loop
        self._log = bytearray()
        self._skipped = 0
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._progress: Mapping[str, Any] | None = None
        self._quiet_until = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def log(self, chunk: bytes) -> None:
        """A piece of the log came."""
        self._log += chunk[-LOG_BYTES:]
        self._skipped += max(0, len(chunk) - LOG_BYTES)
        if len(self._log) > LOG_BYTES:
            self._skipped += len(self._log) - LOG_BYTES
            del self._log[:-LOG_BYTES]
        self._later("log", LOG_SECONDS)

    def progress(self, said: Mapping[str, Any]) -> None:
        """The model says how far it is."""
        self._progress = said
        if self._loop.time() >= self._quiet_until:
            self._tell_progress()
        else:
            self._later("progress", PROGRESS_SECONDS)

    def close(self) -> None:
        """Tells what is still to be told; nothing comes any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._tell_progress()
        self._tell_log(final=True)

    def _later(self, what: str, seconds: float) -> None:
        if what not in self._timers:
            tell = self._tell_log if what == "log" else self._tell_progress
            self._timers[what] = self._loop.call_later(seconds, tell)

    def _tell_progress(self) -> None:
        self._timers.pop("progress", None)
        said, self._progress = self._progress, None
        if said is not None:
            self._quiet_until = self._loop.time() + PROGRESS_SECONDS
            self._execution.tell(Event("progress", said))

    def _tell_log(self, *, final: bool = False) -> None:
        self._timers.pop("log", None)
        gap = f"\n[... {self._skipped} bytes are not shown ...]\n" if self._skipped else ""
        text = gap + self._decode(bytes(self._log), final)
        self._log.clear()
        self._skipped = 0
        if text:
            self._execution.tell(Event("log", text))
