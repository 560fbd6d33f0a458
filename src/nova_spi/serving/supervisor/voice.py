"""What a model says while it has a call: its log, its progress, the pieces of a stream; and who hears of it."""

import asyncio
import json
from collections.abc import Callable, Sequence

from nova_spi.errors import ExecutionError
from nova_spi.execution.secrets import Scrubber
from nova_spi.serving.calls import Event, Execution
from nova_spi.serving.supervisor.answers import json_in
from nova_spi.serving.supervisor.telling import Telling
from nova_spi_runtime.frames import MAX_PAYLOAD


class Voice:
    """What is said in one turn. Of a batch nobody can tell whose it is, so it is everybody's.

    Args:
        executions: Who hears it; their log is one.
        loop: The supervisor's.
        shown: Is given the log too, whoever else hears it.

    Attributes:
        scrubber: Takes secrets out of it; None where there are none.
    """

    __slots__ = ("_executions", "_loop", "_piece_bytes", "_shown", "_tellings", "scrubber")

    def __init__(
        self,
        executions: Sequence[Execution],
        loop: asyncio.AbstractEventLoop,
        shown: Callable[[bytes], None] | None = None,
    ) -> None:
        self.scrubber: Scrubber | None = None
        self._executions = executions
        self._loop = loop
        self._shown = shown
        self._piece_bytes = 0
        self._tellings: dict[Execution, Telling] | None = None

    def wrote(self, chunk: bytes) -> None:
        """The model wrote something."""
        self._log(chunk if self.scrubber is None else self.scrubber.feed(chunk))

    def flush(self) -> None:
        """Nothing more comes: what looked like the beginning of a secret was none."""
        if self.scrubber is not None:
            self._log(self.scrubber.rest())

    def progress(self, payload: bytes) -> str | None:
        """The model says how far it is; returns what is wrong where it does not."""
        for execution in self._executions:
            if execution.watchers and not execution.ended:
                try:
                    said = json.loads(payload)
                except (ValueError, RecursionError):
                    return "its progress is not JSON"
                if not isinstance(said, dict):
                    return "its progress is no JSON object"
                self._telling(execution).progress(said)
        return None

    def piece(self, payload: bytes) -> str | None:
        """A piece of a stream came; returns what is wrong where it is none, or nobody asked for one."""
        execution = self._executions[0]
        if len(self._executions) > 1 or not execution.call.stream:
            return "it sent a piece of a stream that nobody asked for"
        self._piece_bytes += len(payload)
        if self._piece_bytes > MAX_PAYLOAD:
            return f"it sent more than {MAX_PAYLOAD} bytes of pieces"
        if execution.watchers and not execution.ended:
            try:
                piece = json_in(payload)
            except ExecutionError:
                piece = None
            if not isinstance(piece, dict):
                return "a piece of its stream is no JSON object"
            execution.tell(Event("output", piece))
        return None

    def close(self, execution: Execution) -> None:
        """One of them is about to end, and hears now what is still to be told."""
        if self._tellings and (telling := self._tellings.pop(execution, None)):
            telling.close()

    def _log(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._executions[0].log.write(chunk)
        if self._shown is not None:
            self._shown(chunk)
        for execution in self._executions:
            if execution.watchers and not execution.ended:
                self._telling(execution).log(chunk)

    def _telling(self, execution: Execution) -> Telling:
        if self._tellings is None:
            self._tellings = {}
        if execution not in self._tellings:
            self._tellings[execution] = Telling(execution, self._loop)
        return self._tellings[execution]
