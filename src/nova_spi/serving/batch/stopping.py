"""Ctrl-C, SIGTERM and SIGHUP during a batch: the first lets what runs come to its end, the second does not wait."""

import asyncio
import signal
import threading
from types import TracebackType
from typing import Any, Self


class Stop:
    """While it is entered, those signals end the batch in order; use it in the loop that it runs in.

    One that is ignored stays ignored: ``nohup`` means it so. Outside the main thread nothing is changed.

    Attributes:
        wanted: Set by the first signal.
        now: Set by the second.
        signal: The first one's number.
    """

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self.now = asyncio.Event()
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = before
                    loop.add_signal_handler(number, self._hear, number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number, before in self._before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, before)

    def _hear(self, number: int) -> None:
        if self.wanted.is_set():
            self.now.set()
        self.signal = self.signal or number
        self.wanted.set()
