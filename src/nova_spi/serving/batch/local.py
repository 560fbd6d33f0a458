"""Items run here: a supervisor in this process, with its workers."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from nova_spi.engines.port import Engine
from nova_spi.errors import (
    AssetUnavailable,
    Draining,
    EngineUnavailable,
    EnvironmentFailed,
    ExecutionError,
    InputInvalid,
    NovaSpiError,
    RunCancelled,
    WorkerUnavailable,
)
from nova_spi.execution.removal import remove_tree
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.batch.asking import Ask
from nova_spi.serving.batch.runner import Answer, CannotGoOn
from nova_spi.serving.calls import Call, Execution
from nova_spi.serving.plan import Plan
from nova_spi.serving.supervisor import Supervisor

_NOT_THE_ITEMS = (
    WorkerUnavailable,
    EngineUnavailable,
    EnvironmentFailed,
    AssetUnavailable,
    Draining,
    RunCancelled,
)
"""Errors that say nothing about the item that met them."""


class LocalRunner:
    """Items run by the workers of a plan.

    Args:
        plan: What is served; it stays the caller's.
        engine: Where its workers run.
        command: The command that runs.
        timeout: Of one item, in seconds; None is the command's.
    """

    def __init__(self, plan: Plan, engine: Engine, command: str, timeout: float | None = None) -> None:
        self._plan = plan
        self._command = plan.commands[command]
        self._timeout = timeout
        self._acceptor = Acceptor(plan)
        self._supervisor = Supervisor(plan, engine)

    @property
    def capacity(self) -> int:
        """Two for each place of each worker: the next call is there when one has ended."""
        return min(2 * self._plan.workers * self._plan.max_batch_size, self._plan.queue_size)

    @property
    def engine(self) -> Mapping[str, Any]:
        """See `Runner.engine`."""
        return {"name": self._plan.engine, "level": self._plan.level}

    async def start(self) -> None:
        """Loads the model.

        Raises:
            WorkerUnavailable: It does not load.
        """
        await self._supervisor.start()
        if self._command.warm:
            await self._supervisor.ready()

    async def run(self, ask: Ask) -> Answer:
        """See `Runner.run`."""
        try:
            execution = self._supervisor.submit(await self._call(ask))
        except InputInvalid as error:
            return Answer(None, error=error)
        except NovaSpiError as error:
            raise CannotGoOn(error) from error
        try:
            await asyncio.shield(execution.done)
        except asyncio.CancelledError:
            execution.cancel()
            raise
        return self._answer(execution)

    async def close(self) -> None:
        """See `Runner.close`."""
        await self._supervisor.close()
        await self._acceptor.close()

    async def _call(self, ask: Ask) -> Call:
        name = secrets.token_hex(12)
        if ask.embedded:
            place = self._plan.store / name / "in"
            place.mkdir(parents=True)
            inputs, files = await self._acceptor.document(self._command, ask.inputs, place)
        else:
            files = await self._acceptor.files(self._command, ask.files)
            inputs = await self._acceptor.body(self._command, ask.inputs, files.keys())
        return Call(self._command.name, inputs, files, self._timeout, id=name)

    def _answer(self, execution: Execution) -> Answer:
        error: ExecutionError | None = execution.error
        if isinstance(error, _NOT_THE_ITEMS):
            remove_tree(self._plan.store / execution.id)
            raise CannotGoOn(error)
        with_files = bool(execution.files or execution.call.files)
        return Answer(
            execution.outputs,
            execution.files,
            error,
            execution.duration,
            execution.log.text(),
            (lambda: remove_tree(self._plan.store / execution.id)) if with_files else lambda: None,
        )
