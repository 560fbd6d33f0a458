"""Files looked into in a process of its own, which a hostile one may crash without harm to the server.

A process (`nova_spi.serving.accepting.media_program`) is started when the first file comes, answers one request
after the other, and ends when it has had nothing to do for a while. Where it dies, the request at hand is refused,
and the next one has a new process.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Any

from nova_spi.errors import ExtraMissing, InputInvalid, NovaSpiError
from nova_spi.execution.failures import of_system
from nova_spi_runtime.parameters import Parameter

IDLE_SECONDS = 60.0
SECONDS_A_FILE = 20.0
"""Until the process is ended; `nova_spi.interface.facts.ProbeLimits` end honest work at half of that."""

MAX_ANSWERS = 1000
"""Answers after which a process is replaced: readers of media are known to hold on to memory."""

MAX_PROCESSES = 3

_MAX_LINE = 64 * 1024 * 1024
_SLACK_SECONDS = 10.0
_KEPT = ("PATH", "LANG", "LC_", "LD_LIBRARY_PATH", "PYTHON", "COVERAGE_", "TMPDIR")
"""Beginnings of the variables that the process gets; no secret of the server's is among them."""


class Prober:
    """Asks the process. It belongs to one event loop.

    Args:
        idle_seconds: The process ends after so long without a request.
        seconds_a_file: What one file may take.
    """

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS, seconds_a_file: float = SECONDS_A_FILE) -> None:
        self._idle_seconds = idle_seconds
        self._seconds_a_file = seconds_a_file
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._answers = 0
        self._idle: asyncio.TimerHandle | None = None
        self._asking: set[asyncio.Task[Any]] = set()

    @property
    def waiting(self) -> int:
        """How many requests it has before it."""
        return len(self._asking)

    @property
    def pid(self) -> int | None:
        """The process, where one is alive."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def ask(self, parameter: Parameter, request: dict[str, Any], files: int = 1) -> dict[str, Any]:
        """What `nova_spi.serving.accepting.media_program` says of the files of one parameter.

        Args:
            parameter: The parameter.
            request: ``{"files": [...]}`` or ``{"value": ..., "base": ...}``.
            files: How many there are, for the time that it may take.

        Returns:
            ``files``, ``problems`` and ``warnings``.

        Raises:
            ExtraMissing: Media facts are needed, and what reads them is not installed.
            ExecutionError: This machine has no process or descriptor left for it.
        """
        asking = asyncio.ensure_future(self._ask(request | {"parameter": parameter.to_dict()}, files))
        self._asking.add(asking)
        asking.add_done_callback(self._asked)
        # A caller who goes away leaves the answer to be read: the next one must not get it.
        found: dict[str, Any] = await asyncio.shield(asking)
        if "failed" in found:
            raise _rebuilt(found["failed"])
        if "unreadable" in found:
            message = f"cannot be looked into: {found['unreadable']}"
            return {"files": [], "warnings": [], "problems": [[parameter.name, message]]}
        return found

    def _asked(self, asking: asyncio.Task[Any]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()

    async def _ask(self, request: dict[str, Any], files: int) -> dict[str, Any]:
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            process = await self._alive()
            try:
                async with asyncio.timeout(self._seconds_a_file * max(1, files) + _SLACK_SECONDS):
                    found = await _exchange(process, request)
            except (TimeoutError, OSError, ValueError):
                found = None
            if found is None:
                return {"unreadable": await self._died(process)}
            self._answers += 1
            if self._answers >= MAX_ANSWERS:
                await self._end()
            else:
                self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)
            return found

    async def _alive(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._end()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "nova_spi.serving.accepting.media_program", str(self._seconds_a_file)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={name: value for name, value in os.environ.items() if name.startswith(_KEPT)},
                limit=_MAX_LINE,
            )
        except OSError as error:
            raise of_system(error) from error
        return self._process

    async def _died(self, process: Process) -> str:
        """Makes sure that the process is gone, and says how it went."""
        await asyncio.sleep(0)
        if process.returncode is None:
            try:
                async with asyncio.timeout(1):
                    await process.wait()
            except TimeoutError:
                process.kill()
        status = await process.wait()
        await self._end()
        if status == -signal.SIGALRM or status == -signal.SIGKILL:
            return "it takes too long, or too much memory"
        return f"its reader crashed ({signal.Signals(-status).name})" if status < 0 else "its reader ended"

    def _end_idle(self) -> None:
        self._idle = None
        ending = asyncio.ensure_future(self._end_between())
        self._asking.add(ending)
        ending.add_done_callback(self._asked)

    async def _end_between(self) -> None:
        async with self._turn:
            if self._idle is None:
                await self._end()

    async def _end(self) -> None:
        """Ends the process: it ends by itself when nothing more can come."""
        process, self._process, self._answers = self._process, None, 0
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def close(self) -> None:
        """Ends the process at once; a request that waits is refused."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        while self._asking:
            await asyncio.wait(tuple(self._asking))
        await self._end()


class Probers:
    """Several of them, so that one large picture does not keep everybody waiting; most of the time one is alive.

    Args:
        count: How many at most.
    """

    def __init__(self, count: int = MAX_PROCESSES) -> None:
        self.all = tuple(Prober() for _ in range(count))

    async def ask(self, parameter: Parameter, request: dict[str, Any], files: int = 1) -> dict[str, Any]:
        """As `Prober.ask`, of the one with the least to do."""
        return await min(self.all, key=lambda prober: prober.waiting).ask(parameter, request, files)

    async def close(self) -> None:
        """Ends them at once."""
        for prober in self.all:
            await prober.close()


async def _exchange(process: Process, request: dict[str, Any]) -> dict[str, Any] | None:
    """One request and its answer; None where the process is gone."""
    if process.stdin is None or process.stdout is None:
        return None
    process.stdin.write(json.dumps(request).encode() + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    found: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
    return found


def _rebuilt(error: dict[str, Any]) -> NovaSpiError:
    kind = ExtraMissing if error["code"] == ExtraMissing.code else InputInvalid
    return kind(error["message"], why=error.get("why", ""), mend=error.get("mend", ""), **error.get("details", {}))


def asked_of(files: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The request for files by path and name."""
    return {"files": [{"path": path, "name": name} for path, name in files]}
