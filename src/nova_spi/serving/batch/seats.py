"""The workers of a batch on a cluster: asked for, placed by Ray, lost with their node, and asked for again."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from nova_spi.errors import EngineUnavailable, ExecutionError
from nova_spi.progress import Progress
from nova_spi.serving.batch.node import Node, Shipment
from nova_spi.serving.batch.runner import rebuilt

MAX_DEATHS = 5
"""So many deaths in a row without one item done, and a worker is given up."""

NEWS_SECONDS = 15.0
"""After so long without a place for any worker that is told."""

LEAVE_SECONDS = 15.0
"""What a worker has to end in order."""

_ACTOR = ray.remote(Node)


class Lost(Exception):
    """The worker is gone, with its node or alone; what it ran runs again elsewhere."""


class Broken(Exception):
    """The model does not run there any more; what it was given says nothing about that, and runs elsewhere."""


class Seat:
    """One worker, as those who have work for it know it.

    Args:
        actor: The actor.
        engine: Where it runs the model there.

    Attributes:
        alive: Whether it takes work.
        error: Why its model does not run any more, where that is so.
        done: How many items it has done.
    """

    def __init__(self, actor: Any, engine: Mapping[str, Any]) -> None:
        self._actor = actor
        self.engine = engine
        self.alive = True
        self.error: ExecutionError | None = None
        self.done = 0

    async def run(self, inputs: bytes, files: Mapping[str, Any], embedded: bool) -> dict[str, Any]:
        """One item; see `Node.run`.

        Raises:
            Lost, Broken: See there.
        """
        try:
            found: dict[str, Any] = await self._actor.run.remote(inputs, files, embedded)
        except RayError as error:
            self.alive = False
            raise Lost(_first_line(error)) from error
        if "stop" in found:
            self.alive, self.error = False, rebuilt(found["stop"])
            raise Broken(self.error.message)
        self.done += 1
        return found


class Seats:
    """All workers of a batch.

    Args:
        count: How many.
        places: How many items each is given at once.
        options: What each needs, in Ray's words.
        shipment: What they are told.
        project: References to the project's pieces.
        values: The secrets.
        progress: Hears of losses.

    Attributes:
        engine: Where the first one runs.
    """

    def __init__(
        self,
        count: int,
        places: int,
        options: Mapping[str, Any],
        shipment: Shipment,
        project: Sequence[Any],
        values: Mapping[str, str],
        progress: Progress,
    ) -> None:
        self.engine: Mapping[str, Any] = {"name": "ray", "level": ""}
        self._count = count
        self._places = places
        self._options = dict(options)
        self._shipment = shipment
        self._project = project
        self._values = values
        self._progress = progress
        self._free: asyncio.Queue[Seat | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._actors: set[Any] = set()
        self._up: set[Any] = set()
        self._lost: dict[Seat, asyncio.Event] = {}
        self._error: ExecutionError | None = None

    async def start(self) -> None:
        """Asks for all of them, and waits for the first.

        Raises:
            NovaSpiError: None of them can run the model.
        """
        self._tasks = [asyncio.ensure_future(self._keep()) for _ in range(self._count)]
        waiting = asyncio.ensure_future(self._tell_waiting())
        try:
            seat = await self.take()
        finally:
            waiting.cancel()
        self.engine = {"name": "ray", "on": seat.engine["name"], "level": seat.engine["level"]}
        self.give_back(seat)

    async def take(self) -> Seat:
        """The next free place of a worker that is alive.

        Raises:
            NovaSpiError: There is none any more.
        """
        while True:
            seat = await self._free.get()
            if seat is None:
                self._free.put_nowait(None)
                raise self._error or EngineUnavailable("No worker is left on the cluster.")
            if seat.alive:
                return seat

    def give_back(self, seat: Seat) -> None:
        """Its place is free again; of one that is lost, another is asked for."""
        if seat.alive:
            self._free.put_nowait(seat)
        elif seat in self._lost:
            self._lost[seat].set()

    async def close(self) -> None:
        """Ends all of them; those that are up may tidy up first."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if leaving := [actor.close.remote() for actor in self._up]:
            await asyncio.to_thread(ray.wait, leaving, num_returns=len(leaving), timeout=LEAVE_SECONDS)
        for actor in tuple(self._actors):
            self._end(actor)

    async def _keep(self) -> None:
        """One worker after the other in one place, until too many have died in a row, or the model is broken."""
        deaths = 0
        while deaths < MAX_DEATHS:
            actor = _ACTOR.options(**self._options).remote()
            self._actors.add(actor)
            try:
                deaths = 0 if await self._live(await self._begin(actor), actor) else deaths + 1
            except ExecutionError as error:
                self._end(actor)
                self._give_up(error)
                return
            except Lost as lost:
                self._progress.warn(f"A worker of the cluster was lost while it started: {lost}")
                deaths += 1
            self._end(actor)
            await asyncio.sleep(min(deaths, 3))
        self._give_up(EngineUnavailable("The workers on the cluster die again and again.", why="Ray's log says why."))

    def _end(self, actor: Any) -> None:
        self._actors.discard(actor)
        self._up.discard(actor)
        ray.kill(actor)

    async def _begin(self, actor: Any) -> Seat:
        try:
            found = await actor.start.remote(self._shipment, self._project, self._values)
        except RayError as error:
            raise Lost(_first_line(error)) from error
        if "error" in found:
            raise rebuilt(found["error"])
        return Seat(actor, found)

    async def _live(self, seat: Seat, actor: Any) -> bool:
        """Hands out its places until it is lost; whether it has done anything.

        Raises:
            ExecutionError: Its model does not run any more.
        """
        self._up.add(actor)
        lost = self._lost[seat] = asyncio.Event()
        for _ in range(self._places):
            self._free.put_nowait(seat)
        await lost.wait()
        del self._lost[seat]
        if seat.error is not None:
            raise seat.error
        self._progress.warn("A worker of the cluster was lost; what it ran runs again elsewhere.")
        return seat.done > 0

    def _give_up(self, error: ExecutionError) -> None:
        self._count -= 1
        self._error = self._error or error
        if self._count:
            self._progress.warn(f"A worker of the cluster is given up: {error.message}")
        else:
            self._free.put_nowait(None)

    async def _tell_waiting(self) -> None:
        while True:
            await asyncio.sleep(NEWS_SECONDS)
            self._progress.stage("cluster", "waits for room, or for the model to load")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
