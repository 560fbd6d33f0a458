"""Progress on standard error: a moving line on a terminal, plain lines elsewhere, nothing when silent."""

import codecs
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nova_spi.cli import style
from nova_spi.cli.state import State

if TYPE_CHECKING:
    from nova_spi.cli.moving import MovingLine

PATIENCE_SECONDS = 1.0
"""A stage that is over sooner is not worth a line outside a terminal."""
NEWS_SECONDS = 5.0
"""How often such a stage says how far it is."""
SIGN_OF_LIFE_SECONDS = 30.0
"""How often it says so where nothing has changed."""


class Showing:
    """The `nova_spi.progress.Progress` of the command line; use it in a ``with`` block.

    Args:
        state: The global options: silent shows nothing, ``-v`` shows the stages and the model's log as it comes.
        moving: False where something else needs the terminal meanwhile: then stages are lines there too.
    """

    def __init__(self, state: State, *, moving: bool = True) -> None:
        self._quiet = state.silent
        self._verbose = state.verbosity >= 1 and not state.silent
        self._each = self._verbose or not moving
        self._terminal = style.moves(sys.stderr)
        self._line: MovingLine | None = None
        self._telling: _Telling | None = None
        self._case = ""
        self._log = codecs.getincrementaldecoder("utf-8")("replace")

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        if self._terminal and not self._each:
            from nova_spi.cli.moving import MovingLine

            self._line = MovingLine()
        else:
            self._telling = _Telling(each=self._each)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line is not None:
            self._line.stop()
        if self._telling is not None:
            self._telling.stop()

    def stage(self, name: str, detail: str = "") -> None:
        """A stage begins, or goes on with another detail; a test case stands before its stages."""
        if name == "case":
            self._case = f"{detail}: "
            return
        label = self._case + (f"{name}: {detail}" if detail else name)
        if self._line is not None:
            self._line.stage(self._case + name, style.harmless(label))
        elif self._telling is not None:
            self._telling.stage(self._case + name, label)

    def advance(self, done: int, total: int | None, unit: str) -> None:
        """The stage goes on."""
        if self._line is not None:
            self._line.advance(done, total, amount(done, total, unit))
        elif self._telling is not None:
            self._telling.amount = amount(done, total, unit)

    def warn(self, message: str) -> None:
        """A remark that does not stop the work."""
        if not self._quiet:
            style.note(f"{style.Paint(sys.stderr).yellow('!')} {message}")

    def log(self, chunk: bytes) -> None:
        """A piece of the model's log, with ``-v``."""
        if self._verbose:
            text = self._log.decode(chunk)
            style.put(sys.stderr, text.replace("\r\n", "\n").replace("\r", "\n"))


def amount(done: int, total: int | None, unit: str) -> str:
    """How far a stage is, for people: ``12.3 of 35.8 MB``, in the unit of the whole."""
    if unit == "bytes":
        scale, name = (1e6, "MB") if max(done, total or 0) >= 1e5 else (1e3, "kB")
        scaled = [f"{number / scale:.1f}" for number in (done, total) if number is not None]
        return f"{' of '.join(scaled)} {name}"
    return f"{done} of {total} {unit}" if total is not None else f"{done} {unit}"


class _Telling:
    """Plain lines: each stage at once where ``each``, else those that last; and news of the ones that go on."""

    def __init__(self, *, each: bool) -> None:
        self.amount = ""
        self._each = each
        self._name = self._label = self._told = ""
        self._since = self._told_at = time.monotonic()
        self._due = self._since + PATIENCE_SECONDS
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._watch = threading.Thread(target=self._look, name="nova-spi-progress", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """The work is over; nothing is told any more."""
        self._over.set()
        self._watch.join()

    def stage(self, name: str, label: str) -> None:
        """A stage begins, or goes on with another detail."""
        with self._lock:
            now = time.monotonic()
            if name != self._name:
                self._name, self._since, self._due = name, now, now + PATIENCE_SECONDS
            self._label, self.amount = label, ""
            if self._each:
                self._tell(label, label, now)

    def _look(self) -> None:
        while not self._over.wait(PATIENCE_SECONDS / 4):
            with self._lock:
                now = time.monotonic()
                if self._label and now >= self._due:
                    self._news(now)

    def _news(self, now: float) -> None:
        news = f"{self._label} ({self.amount})" if self.amount else self._label
        if news != self._told:
            self._tell(news, f"{news} ...", now)
        elif now - self._told_at >= SIGN_OF_LIFE_SECONDS:
            self._tell(news, f"{news}, for {now - self._since:.0f} s ...", now)

    def _tell(self, news: str, line: str, now: float) -> None:
        self._told, self._told_at, self._due = news, now, now + NEWS_SECONDS
        style.note(line)
