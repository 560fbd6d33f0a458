"""The port to where the items of a batch run: here (`local`), or on the nodes of a cluster (`cluster`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nova_spi.errors import ExecutionError, NovaSpiError
from nova_spi.serving.batch.asking import Ask
from nova_spi.serving.calls import OutputFile


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one item.

    Attributes:
        outputs: The JSON object of the outputs where it succeeded.
        files: Its output files, on this machine.
        error: Why it failed, else None.
        seconds: How long its call took.
        log: What the model wrote.
        release: Lets go of what is kept for it; to be called once its files are taken.
    """

    outputs: bytes | None
    files: Mapping[str, Sequence[OutputFile]] = field(default_factory=dict)
    error: NovaSpiError | None = None
    seconds: float = 0.0
    log: str = ""
    release: Callable[[], None] = lambda: None


class CannotGoOn(Exception):
    """The batch ends here: the item says nothing about itself, and no other would fare better.

    Attributes:
        error: Why.
    """

    def __init__(self, error: NovaSpiError) -> None:
        super().__init__(error.message)
        self.error = error


class Runner(Protocol):
    """Where items run."""

    @property
    def capacity(self) -> int:
        """How many items it wants at once: a little more than it has workers."""
        ...

    @property
    def engine(self) -> Mapping[str, Any]:
        """{name, level} for the record; known once it has started."""
        ...

    async def start(self) -> None:
        """Gets ready.

        Raises:
            NovaSpiError: It cannot: the model does not load, there is no such cluster.
        """
        ...

    async def run(self, ask: Ask) -> Answer:
        """Runs one item; a failure of the item is an answer.

        Raises:
            CannotGoOn: See there.
        """
        ...

    async def close(self) -> None:
        """Ends everything that is still going on, and leaves nothing behind."""
        ...


def rebuilt(told: Mapping[str, Any]) -> ExecutionError:
    """The error that was sent as its dictionary: of the same class where its code is that of one."""
    kinds = {kind.code: kind for kind in ExecutionError.__subclasses__()}
    kind = kinds.get(told["code"], ExecutionError)
    error = kind(told["message"], why=told.get("why", ""), mend=told.get("mend", ""), code=told["code"])
    error.details = dict(told.get("details", {}))
    return error
