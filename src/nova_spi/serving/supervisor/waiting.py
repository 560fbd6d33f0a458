"""The queue before the workers: first in, first out, bounded; and what the next worker takes of it."""

import math
from collections import deque

from nova_spi.errors import QueueFull
from nova_spi.serving.calls import Execution

WEIGHT = 0.1
"""Of the newest duration in the running mean."""


class Waiting:
    """Calls that no worker has yet.

    Args:
        size: How many may wait.
        batch_size: How many of one command a worker takes together.
        batch_delay: Seconds that the first of them waits for the others.

    Attributes:
        batched: The commands that take several calls together.
    """

    def __init__(self, size: int, batch_size: int = 1, batch_delay: float = 0.0) -> None:
        self.batched: frozenset[str] = frozenset()
        self._size = size
        self._batch_size = batch_size
        self._batch_delay = batch_delay
        self._calls: deque[tuple[float, Execution]] = deque()
        self._seconds = 0.0

    def __len__(self) -> int:
        return len(self._calls)

    def put(self, execution: Execution, now: float, others: int, workers: int) -> None:
        """Takes one in.

        Args:
            execution: The last in line.
            now: The loop's time.
            others: How many wait elsewhere that count against the same bound.
            workers: How many take calls, for the estimate.

        Raises:
            QueueFull: There are too many.
        """
        if len(self._calls) + others >= self._size:
            seconds = self.seconds_until_room(workers)
            raise QueueFull(
                f"{len(self._calls) + others} calls are waiting already, and no more may.",
                mend=f"Try again in {seconds} s, or serve it with more workers: --workers N",
                retry_after_seconds=seconds,
            )
        self._calls.append((now, execution))

    def put_back(self, executions: list[Execution], now: float) -> None:
        """Those that were taken and not begun are the first again."""
        self._calls.extendleft((now - self._batch_delay, execution) for execution in reversed(executions))

    def remove(self, execution: Execution) -> None:
        """One that does not want to wait any longer."""
        self._calls = deque(pair for pair in self._calls if pair[1] is not execution)

    def clear(self) -> list[Execution]:
        """Takes all of them out."""
        found = [execution for _, execution in self._calls]
        self._calls.clear()
        return found

    def due(self) -> float:
        """When the next ones may be taken, by the loop's time; a full batch and a call that is no batch at once."""
        came, execution = self._calls[0]
        if not self._gathers(execution) or self._alike() >= self._batch_size:
            return came
        return came + self._batch_delay

    def take(self) -> list[Execution]:
        """The first one; with it those behind it that go with it in one batch. Nobody is overtaken."""
        execution = self._calls[0][1]
        count = self._alike() if self._gathers(execution) else 1
        return [self._calls.popleft()[1] for _ in range(count)]

    def took(self, seconds: float) -> None:
        """How long a call has kept a worker, for the estimate."""
        self._seconds += WEIGHT * (seconds - self._seconds)

    def seconds_until_room(self, workers: int) -> int:
        """When a caller that was refused should come back: a whole second at least, ten minutes at most."""
        share = max(1, workers) * max(1, self._batch_size)
        return max(1, min(600, math.ceil(self._seconds * len(self._calls) / share)))

    def _gathers(self, execution: Execution) -> bool:
        call = execution.call
        return self._batch_size > 1 and call.command in self.batched and not call.stream

    def _alike(self) -> int:
        """How many at the front go into one batch."""
        first = self._calls[0][1].call
        count = 0
        for _, execution in self._calls:
            if execution.call.command != first.command or execution.call.stream or count == self._batch_size:
                break
            count += 1
        return count
