"""How a run fails: one exception with a code that programs compare."""

from __future__ import annotations

from .problems import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

CODES = (
    "input.invalid",
    "output.missing",
    "output.invalid",
    "model.error",
    "manifest.unreadable",
    "run.cancelled",
    "worker.crashed",
)
"""The codes that arise beside a model."""


class SPIError(Exception):
    """A run cannot go on. Uncaught, it ends the program with one line, the typed error and exit status 1.

    Args:
        code: One of `CODES`.
        message: What happened, in one sentence.
        problems: What is wrong in each place.
        traceback: The model's own frames, for ``model.error``.
    """

    def __init__(self, code: str, message: str, problems: Iterable[Problem] = (), traceback: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.problems: tuple[Problem, ...] = tuple(Problem(*problem) for problem in problems)
        self.traceback = traceback

    def __reduce__(self) -> Any:
        return SPIError, (self.code, self.message, self.problems, self.traceback)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``SPI_ERROR_FILE`` holds."""
        problems = [{"path": path, "message": message} for path, message in self.problems]
        return {"code": self.code, "message": self.message, "problems": problems, "traceback": self.traceback}
