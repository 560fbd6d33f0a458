"""One supervisor, its health watched all the time, and what one fault came to."""

import asyncio
import json
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from fault_places import Place, named

from bench.remains import children
from nova_spi.serving.calls import Call, Execution
from nova_spi.serving.plan import Plan
from nova_spi.serving.supervisor import Supervisor

HANGS = 60
"""Seconds after which something hangs, and is not only slow."""
LOOK_SECONDS = 0.005
GONE = ("worker.crashed", "worker.out_of_memory", "worker.out_of_disk")
"""The worker is gone before the caller hears of it, and health has said so."""


@dataclass
class Ended:
    """What one fault came to.

    Attributes:
        execution: The call's.
        before, during, at_end, after: Health: with nothing to do, just after the call was taken, at the very moment of
            its end, and once the next call was answered.
        first, next: Who answered the call before and the one after: ``life``, ``loaded_at`` and ``pid``.
        seen: When, by the monotonic clock, health was asked, and what it said.
        ended_at: When the call came to its end.
    """

    execution: Execution
    before: dict[str, Any]
    during: dict[str, Any]
    first: dict[str, Any]
    at_end: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    next: dict[str, Any] = field(default_factory=dict)
    seen: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    ended_at: float = 0.0

    @property
    def code(self) -> str | None:
        """The error's; None of a success."""
        return None if self.execution.error is None else self.execution.error.error_code

    @property
    def restarts(self) -> int:
        """How often the worker has begun again because of it."""
        return self.after["workers"][0]["restarts"] - self.before["workers"][0]["restarts"]

    def lies(self) -> list[tuple[float, dict[str, Any]]]:
        """What health said that was not so.

        From the end of a call that took its worker along to the moment that the next one was loaded nothing could be
        served. Where the worker lives on, everything could, all the time.
        """
        gone, loaded = self.ended_at, self.next["loaded_at"]
        renewed = self.next["life"] != self.first["life"]
        return [
            (when - gone, said)
            for when, said in self.seen
            if said["ready"] != (said["status"] in ("ready", "idle"))
            or (said["ready"] and said["workers"][0]["state"] not in ("ready", "busy"))
            or (not said["ready"] and not renewed)
            or (said["ready"] and self.code in GONE and gone < when < loaded)
        ]


class Stage:
    """A supervisor that has been started, in a loop of its own.

    Args:
        place: Where.
        plan: What is served.
    """

    def __init__(self, place: Place, plan: Plan) -> None:
        self.place, self.plan = place, plan
        self.mark = f"spi-{secrets.token_hex(4)}"
        self.supervisor = Supervisor(plan, place.engine)
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def __enter__(self) -> "Stage":
        self._before = threads(), children()
        self.runner.__enter__()
        self.runner.run(self.supervisor.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.run(self.supervisor.close())
        self.runner.__exit__(None, None, None)
        assert self.left() == []
        assert threads() - self._before[0] == set()
        assert children() - self._before[1] == set()

    def left(self) -> list:
        """Processes that faults have left behind, and containers."""
        return named(self.mark) + (self.place.containers() if self._closed else [])

    @property
    def _closed(self) -> bool:
        return all(worker["state"] == "stopped" for worker in self.supervisor.health()["workers"])

    def run(self, scenario) -> Any:
        """Runs a coroutine in the supervisor's loop."""
        return self.runner.run(scenario)

    def make(self, do: str, cancel: bool = False) -> Ended:
        """Makes one fault, and asks for one call more."""
        return self.run(self._make(do, cancel))

    async def _make(self, do: str, cancel: bool) -> Ended:
        first = await self.answered()
        before = self.supervisor.health()
        execution = self.begin(do)
        ended = Ended(execution, before, self.supervisor.health(), first)
        with self._watched(ended):
            if cancel:
                await self.until(lambda: execution.log.size)
                await asyncio.sleep(0.1)  # it has said what it is about to do, and does it now
                execution.cancel()
            await asyncio.wait_for(asyncio.shield(execution.done), HANGS)
            if do == "exit while idle":
                await self.until(lambda: not self.supervisor.health()["ready"])
            ended.next = await self.answered()
            ended.after = self.supervisor.health()
        return ended

    @contextmanager
    def _watched(self, ended: Ended):
        def at_end(execution: Execution) -> None:
            if execution is ended.execution:
                ended.at_end, ended.ended_at = self.supervisor.health(), time.monotonic()

        async def watch() -> None:
            while True:
                ended.seen.append((time.monotonic(), self.supervisor.health()))
                await asyncio.sleep(LOOK_SECONDS)

        self.supervisor.on_end.append(at_end)
        watching = asyncio.ensure_future(watch())
        try:
            yield
        finally:
            watching.cancel()
            self.supervisor.on_end.remove(at_end)

    def begin(self, do: str = "nothing", command: str = "") -> Execution:
        """One call on its way."""
        command = command or self.command_of(do)
        return self.supervisor.submit(Call(command, json.dumps({"do": do, "mark": self.mark}).encode()))

    def command_of(self, do: str) -> str:
        """The command with little time for what never ends."""
        return "soon" if do in ENDLESS else "run"

    async def answered(self) -> dict[str, Any]:
        """Who answers a call that does no harm."""
        execution = await asyncio.wait_for(self.begin().done, HANGS)
        assert execution.error is None, execution.error.to_dict()
        assert execution.log.text() == "before nothing\nafter nothing\n", execution.log.text()
        return execution.value()["seen"]

    async def until(self, so) -> None:
        """Waits until something is so."""
        async with asyncio.timeout(HANGS):
            while not so():
                await asyncio.sleep(LOOK_SECONDS)


ENDLESS = {
    "sleep",
    "endless C call",
    "ignore SIGTERM",
    "flood",
    "forked children, hang",
    "deadlock",
    "fork bomb",
}


def threads() -> set[threading.Thread]:
    """Those of this process."""
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def running_in(folder: Path) -> list[int]:
    """The processes that work below a folder or name it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            seen = (entry / "cmdline").read_bytes() + bytes((entry / "cwd").readlink())
        except OSError:
            continue
        if str(folder).encode() in seen:
            found.append(int(entry.name))
    return found
