"""The port through which the library tells what it is doing; the library itself never prints."""

from typing import Protocol


class Progress(Protocol):
    """What a caller may listen to. Every method must return at once and must not raise."""

    def stage(self, name: str, detail: str = "") -> None:
        """A stage of the work begins, e.g. ``environment``, ``assets``, ``run``."""
        ...

    def advance(self, done: int, total: int | None, unit: str) -> None:
        """The current stage has done this much; ``total`` is None where it is not known."""
        ...

    def warn(self, message: str) -> None:
        """Something the user should know and that does not stop the work."""
        ...

    def log(self, chunk: bytes) -> None:
        """A piece of a running model's log, as it came."""
        ...


class Silent:
    """The default: nobody listens."""

    def stage(self, name: str, detail: str = "") -> None:
        """See `Progress.stage`."""

    def advance(self, done: int, total: int | None, unit: str) -> None:
        """See `Progress.advance`."""

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""

    def log(self, chunk: bytes) -> None:
        """See `Progress.log`."""
