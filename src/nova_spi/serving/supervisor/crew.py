"""The supervisor as its workers know it, and a worker as its turns know it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nova_spi.engines.port import Engine
from nova_spi.errors import ExecutionError
from nova_spi.execution.secrets import Scrubber
from nova_spi.serving.calls import Execution, OutputFile
from nova_spi.serving.plan import Plan, ServedCommand, Slot

if TYPE_CHECKING:
    from nova_spi.serving.supervisor.turn import Turn
    from nova_spi.serving.supervisor.worker import Worker

T = TypeVar("T")


class House(Protocol):
    """What both have."""

    loop: asyncio.AbstractEventLoop
    plan: Plan

    def give_back(self, executions: list[Execution]) -> None:
        """They have not begun, and wait for a worker again."""
        ...

    def ended(self, execution: Execution) -> None:
        """An execution has come to its end."""
        ...

    def in_thread(self, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Runs what may take long."""
        ...

    async def looked_into(
        self, command: ServedCommand, files: Mapping[str, tuple[OutputFile, ...]]
    ) -> ExecutionError | None:
        """What is wrong with the content of output files, where the manifest says what they hold."""
        ...


class Crew(House, Protocol):
    """The supervisor."""

    engine: Engine
    secrets: Mapping[str, str]
    shown: Callable[[str, bytes], None] | None

    def free(self, worker: "Worker") -> None:
        """It can take a call."""
        ...

    def occupied(self, worker: "Worker") -> None:
        """It cannot, though nobody has given it one."""
        ...

    def changed(self, worker: "Worker") -> None:
        """Its state is another one."""
        ...

    def restarted(self) -> None:
        """One begins a new life because the one before ended."""
        ...


class Post(House, Protocol):
    """The worker whose turn it is."""

    slot: Slot
    shown: Callable[[bytes], None] | None

    def send(self, kind: bytes, number: int, *pieces: bytes) -> None:
        """Sends it a frame."""
        ...

    def drain(self) -> None:
        """Takes what has been written by now, by `Turn.wrote` or otherwise."""
        ...

    def wake(self, when: float) -> None:
        """Calls `Turn.look` then, by the loop's time."""
        ...

    def scrubber(self, hidden: Mapping[str, str]) -> Scrubber | None:
        """What takes the plan's secrets, and these, out of what is written; None where there are none."""
        ...

    def nobody_waits(self, turn: "Turn") -> None:
        """It is to be ended, at first by asking."""
        ...

    def done(self, turn: "Turn") -> None:
        """Nothing of it is left to do."""
        ...
