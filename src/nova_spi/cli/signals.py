"""SIGTERM and SIGHUP end the program as Ctrl-C does: the model is ended, and its record says so."""

import signal
from contextlib import suppress
from typing import Any

INTERRUPTED = 130
"""The exit status of Ctrl-C."""


class Ending:
    """While it is entered, the first such signal is a KeyboardInterrupt; those after it do not disturb the ending.

    A signal that is ignored stays ignored: ``nohup`` means it so.
    """

    def __init__(self) -> None:
        self._heard: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Ending":
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                with suppress(ValueError):  # only the main thread may
                    self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def status(self, status: int) -> int:
        """The exit status as a shell has it: 128 and the signal's number where one ended the work."""
        return status if self._heard is None or status != INTERRUPTED else 128 + self._heard

    def _hear(self, number: int, _: object) -> None:
        if self._heard is None:
            self._heard = number
            raise KeyboardInterrupt
