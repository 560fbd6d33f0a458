"""The moving line of a terminal: what is done now, how far it is, and how long it has taken. It is gone at the end."""

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class MovingLine:
    """One line of progress on standard error."""

    def __init__(self) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID | None = None
        self._name = ""
        self._progress.start()

    def stop(self) -> None:
        """Removes the line."""
        self._progress.stop()

    def stage(self, name: str, label: str) -> None:
        """Shows another stage, or the same one with another label: then its time goes on."""
        if self._task is None or name != self._name:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(escape(label), total=None, amount="")
            self._name = name
        else:
            self._progress.update(self._task, description=escape(label), amount="")

    def advance(self, done: int, total: int | None, amount: str) -> None:
        """Moves the bar."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total, amount=amount)
