"""What every face has of the model: how to call it, and what became of calls."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from nova_spi.errors import QueueFull, UsageError
from nova_spi.serving.calls import Call, Execution
from nova_spi.serving.http.keeping import Executions, Kept
from nova_spi.serving.http.messages import Request
from nova_spi.serving.http.metrics import Metrics
from nova_spi.serving.http.statuses import NOT_FOUND
from nova_spi.serving.plan import Plan, ServedCommand

if TYPE_CHECKING:
    from nova_spi.serving.accepting.inputs import Acceptor
    from nova_spi.serving.http.idempotency import Keys


class Supervising(Protocol):
    """What HTTP needs of a `nova_spi.serving.supervisor.Supervisor`."""

    counters: Any
    on_end: list[Callable[[Execution], None]]

    def submit(self, call: Call) -> Execution:
        """Takes up a call."""
        ...

    def health(self) -> dict[str, Any]:
        """How it stands."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What callers may use of the server.

    Attributes:
        body_bytes: Of a body that is held in memory.
        file_bytes: Of a file whose parameter has no ``max_size_bytes``.
        pending_bytes: Of the inputs of all calls that wait or run, together.
    """

    body_bytes: int = 64 * 1024 * 1024
    file_bytes: int = 10 * 1024**3
    pending_bytes: int = 512 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Served:
    """A served model.

    Attributes:
        plan: What is served.
        supervisor: Whose workers answer.
        acceptor: Who checks what comes in.
        executions: Those that go on, and the last ones.
        metrics: What is counted.
        keys: Idempotency keys.
        limits: What callers may use.
        secured: Whether a token is asked for.
    """

    plan: Plan
    supervisor: Supervising
    acceptor: "Acceptor"
    executions: Executions
    metrics: Metrics
    keys: "Keys"
    limits: Limits = field(default_factory=Limits)
    secured: bool = False

    def __post_init__(self) -> None:
        self.supervisor.on_end.append(self.executions.ended)

    def command(self, name: str) -> ServedCommand:
        """A command by its name.

        Raises:
            UsageError: There is none of that name (``usage.not_found``).
        """
        found = self.plan.commands.get(name)
        if found is None:
            raise UsageError(
                f"There is no command {name[:100]}.",
                why=f"The model has: {', '.join(self.plan.commands)}.",
                mend="GET /v1/commands lists them",
                code=NOT_FOUND,
            )
        return found

    def submit(self, call: Call, *, lasting: bool = False) -> Kept:
        """Takes up a call and returns at once.

        Args:
            call: What is asked; checked already.
            lasting: It goes on though nobody waits for it.

        Raises:
            QueueFull: As many calls, or bytes of calls, wait as may.
            Draining: The server is about to end.
            WorkerUnavailable: The model cannot be loaded.
        """
        if self.executions.pending_bytes + len(call.inputs) > self.limits.pending_bytes and len(self.executions):
            raise QueueFull(
                "The calls that wait hold as much input as they may.",
                why=f"Their inputs may take {self.limits.pending_bytes} bytes together.",
                mend="come back later, or send large inputs as files",
            )
        return self.executions.add(self.supervisor.submit(call), lasting=lasting)

    async def call(self, call: Call, request: Request) -> Execution:
        """Takes up a call and waits for its end; where the client goes away, nobody waits and it is cancelled.

        Raises:
            QueueFull, Draining, WorkerUnavailable: As `submit`.
        """
        return await self.wait(self.submit(call), request)

    async def wait(self, kept: Kept, request: Request, seconds: float | None = None) -> Execution:
        """Waits for the end of an execution beside whoever waits for it already.

        Args:
            kept: What is waited for.
            request: Who waits; its body has been read.
            seconds: At most so long; the execution goes on then.
        """
        execution = kept.execution
        if execution.done.done():
            return execution
        kept.waiting += 1
        if request.connection is None:
            return await _wait_beside(kept, request, seconds)
        connection = request.connection
        if connection.lost:
            kept.leave()
        else:
            connection.gone = kept.leave
        try:
            if seconds is None:
                await execution.done
            else:
                await asyncio.wait((execution.done,), timeout=seconds)
        finally:
            if connection.gone is not None:
                connection.gone = None
                kept.waiting -= 1
        return execution


async def _wait_beside(kept: Kept, request: Request, seconds: float | None) -> Execution:
    """`Served.wait` under a server that tells of a client's end only to who asks: a task has to ask."""
    gone = asyncio.ensure_future(request.gone())
    try:
        await asyncio.wait((kept.execution.done, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not kept.execution.done.done():
            kept.leave()
            return await kept.execution.done if not kept.lasting else kept.execution
        kept.waiting -= 1
        return kept.execution
    finally:
        gone.cancel()
