"""Progress on standard error: a moving line on a terminal, plain lines elsewhere, nothing when silent."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from nova_spi.cli import style
from nova_spi.cli.state import State

PATIENCE_SECONDS = 1.0
"""A stage that is over sooner is not worth a line outside a terminal."""


class Showing:
    """The `nova_spi.progress.Progress` of the command line; use it in a ``with`` block.

    Args:
        state: The global options: silent shows nothing, ``-v`` shows the model's log as it comes.
        moving: False where something else needs the terminal meanwhile: then stages are lines there too.
    """

    def __init__(self, state: State, *, moving: bool = True) -> None:
        self._quiet = state.silent
        self._verbose = state.verbosity >= 1
        self._lines = self._verbose or not moving
        self._terminal = sys.stderr.isatty() and not self._quiet and not self._lines
        self._bar: Any = None
        self._task: Any = None
        self._stage = ""
        self._since = time.monotonic()
        self._told = False

    def __enter__(self) -> Self:
        if self._terminal:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stage(self, name: str, detail: str = "") -> None:
        """A stage begins."""
        self._stage, self._since, self._told = (f"{name}: {detail}" if detail else name), time.monotonic(), False
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(self._stage, total=None)
        elif self._lines and not self._quiet:
            style.note(self._stage)

    def advance(self, done: int, total: int | None, unit: str) -> None:
        """The stage goes on; outside a terminal it is named once it has lasted over a second."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif not self._quiet and not self._told and time.monotonic() - self._since > PATIENCE_SECONDS:
            self._told = True
            style.note(f"{self._stage} ...")

    def warn(self, message: str) -> None:
        """A remark that does not stop the work."""
        if not self._quiet:
            paint = style.Paint(sys.stderr)
            style.note(f"{paint.yellow('!')} {message}")

    def log(self, chunk: bytes) -> None:
        """A piece of the model's log, with ``-v``."""
        if self._verbose:
            sys.stderr.write(chunk.decode("utf-8", "replace"))
            sys.stderr.flush()
