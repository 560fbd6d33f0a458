"""Commands that no worker answers: each call is a run of its own, as `nova-spi run` makes it.

A command whose entry point is a program begins anew each time, in whatever language it is. It has the same execution,
events, deadline and log as one that a worker answers, and leaves a record in the project as every run does.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nova_spi.engines.port import Engine
from nova_spi.errors import ExecutionError, OutputInvalid
from nova_spi.execution.removal import remove_tree
from nova_spi.progress import Silent
from nova_spi.serving.calls import Execution, OutputFile
from nova_spi.serving.collecting import media_type
from nova_spi.serving.plan import Plan
from nova_spi.serving.supervisor import reasons
from nova_spi.serving.supervisor.laying import lay
from nova_spi.serving.supervisor.telling import Telling
from nova_spi.serving.supervisor.waiting import Waiting

if TYPE_CHECKING:
    from nova_spi.execution.records import ExecutionResult

CALLS = "cold"
"""Below the plan's folder: the input files of these calls."""


class Crew(Protocol):
    """The supervisor, as this part knows it."""

    loop: asyncio.AbstractEventLoop
    plan: Plan
    engine: Engine
    secrets: Mapping[str, str]
    shown: Callable[[str, bytes], None] | None

    def ended(self, execution: Execution) -> None:
        """An execution has come to its end."""
        ...


class Cold:
    """The runs of commands that are not warm: as many at once as the plan has workers, the others wait in line.

    Args:
        crew: Whose it is.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._waiting = Waiting(crew.plan.queue_size)
        self._places = crew.plan.workers
        self._runs: dict[Execution, _Run] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def submit(self, execution: Execution, others: int) -> None:
        """Takes one in.

        Raises:
            QueueFull: Too many wait, with the ``others`` that wait elsewhere.
        """
        self._waiting.put(execution, self._crew.loop.time(), others, self._places)
        self._crew.loop.call_soon(self._dispatch)

    def cancel(self, execution: Execution) -> None:
        """Its caller does not want it any more."""
        if run := self._runs.get(execution):
            run.end(reasons.cancelled())
        else:
            self._waiting.remove(execution)
            self._end(execution, reasons.cancelled())

    async def close(self) -> None:
        """Ends all of them, and waits until nothing is running."""
        self._closed = True
        for execution in self._waiting.clear():
            self._end(execution, reasons.draining("The server ended before the call's turn had come."))
        for run in tuple(self._runs.values()):
            run.end(reasons.ended_meanwhile())
        while self._runs:
            await asyncio.wait([run.done for run in self._runs.values()])
        if self._threads is not None:
            self._threads.shutdown()

    def _dispatch(self) -> None:
        while self._waiting and len(self._runs) < self._places and not self._closed:
            execution = self._waiting.take()[0]
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._places, "run")
            run = self._runs[execution] = _Run(execution, self._crew, self._end)
            run.done = asyncio.ensure_future(self._go(run, self._threads))

    async def _go(self, run: "_Run", threads: ThreadPoolExecutor) -> None:
        run.execution.begin()
        try:
            result = await self._crew.loop.run_in_executor(threads, run.perform)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is one failed call
            run.close()
            self._end(run.execution, reasons.of_exception(error))
        else:
            run.close()
            await run.take(result, threads)
        if run.execution.status != "succeeded":
            await self._crew.loop.run_in_executor(threads, remove_tree, run.output)
        if run.execution.started_at is not None:
            self._waiting.took(run.execution.duration)
        del self._runs[run.execution]
        self._dispatch()

    def _end(self, execution: Execution, error: ExecutionError | None) -> None:
        if execution.ended:
            return
        if error is None:
            execution.end("succeeded")
        else:
            cancelled = error.error_code == "run.cancelled"
            execution.end("cancelled" if cancelled else "failed", reasons.told(error, execution.log.tail(), None))
        self._crew.ended(execution)


class _Run:
    """One of them."""

    done: "asyncio.Future[None]"

    def __init__(
        self, execution: Execution, crew: Crew, ended: Callable[[Execution, ExecutionError | None], None]
    ) -> None:
        self.execution = execution
        self.output = crew.plan.store / execution.id
        self._crew = crew
        self._ended = ended
        self._cancel = threading.Event()
        self._telling: Telling | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._closed = False

    def end(self, error: ExecutionError) -> None:
        """Answers whoever waits, and has the run ended."""
        self._cancel.set()
        self._close_telling()
        self._ended(self.execution, error)

    def close(self) -> None:
        """It is over: nothing comes any more."""
        self._closed = True
        if self._deadline is not None:
            self._deadline.cancel()
        self._close_telling()

    def perform(self) -> "ExecutionResult":
        """The run itself, in a thread."""
        # What it needs is heavy, and a server of workers alone never needs it.
        from nova_spi.execution.run import execute
        from nova_spi.project.folder import open_folder
        from nova_spi.settings import Settings

        plan, call = self._crew.plan, self.execution.call
        root = plan.folder / CALLS
        try:
            root.mkdir(exist_ok=True)
            lay(root, str(root), (call.id,), call.files)
            inputs: dict[str, Any] = json.loads(call.inputs)
            folder = replace(open_folder(plan.project), from_image=plan.image is not None)
            return execute(
                folder,
                command=call.command,
                inputs=inputs | {name: str(root / call.id / name) for name, files in call.files.items() if files},
                secrets=self._crew.secrets,
                timeout=self._seconds() if call.timeout_seconds is not None else None,
                engine=self._crew.engine,
                settings=Settings.load(
                    folder.settings_root, cache_dir=plan.cache_dir, data_dir=plan.data_dir, engine=plan.engine
                ),
                progress=_Heard(self),
                output=self.output,
                cancel=self._cancel,
                image=plan.image,
            )
        finally:
            remove_tree(root / call.id)

    async def take(self, result: "ExecutionResult", threads: ThreadPoolExecutor) -> None:
        """What it came to."""
        if self.execution.ended or result.error is not None:
            self._ended(self.execution, result.error)
            return
        try:
            outputs, files = await self._crew.loop.run_in_executor(threads, self._collected)
        except (OSError, ValueError) as error:
            self._ended(self.execution, OutputInvalid(f"The outputs cannot be read: {error}"))
            return
        if not self.execution.ended:
            self.execution.outputs, self.execution.files = outputs, files
            self._ended(self.execution, None)

    def heard(self, chunk: bytes) -> None:
        """The program wrote something."""
        if self._closed:
            return
        self.execution.log.write(chunk)
        if self._crew.shown is not None:
            self._crew.shown(self.execution.call.command, chunk)
        if self.execution.watchers and not self.execution.ended:
            self._telling = self._telling or Telling(self.execution, self._crew.loop)
            self._telling.log(chunk)

    def began(self) -> None:
        """The program runs: from now on its deadline counts."""
        if not self._closed:
            self._deadline = self._crew.loop.call_later(self._seconds(), self._late)

    def tell(self, function: Callable[..., None], *arguments: Any) -> None:
        """Calls something in the loop's thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
            self._crew.loop.call_soon_threadsafe(function, *arguments)

    def _late(self) -> None:
        """The caller has the answer now; the engine ends the program."""
        self._close_telling()
        self._ended(self.execution, reasons.passed_deadline(self._seconds()))

    def _seconds(self) -> float:
        call = self.execution.call
        found = call.timeout_seconds
        return self._crew.plan.commands[call.command].timeout_seconds if found is None else found

    def _close_telling(self) -> None:
        if self._telling is not None:
            self._telling.close()
            self._telling = None

    def _collected(self) -> tuple[bytes, dict[str, tuple[OutputFile, ...]]]:
        """The outputs as they were delivered; the files are checked and ours already."""
        plain: dict[str, Any] = json.loads((self.output / "output.json").read_bytes())
        command = self._crew.plan.commands[self.execution.call.command]
        files = {
            parameter.name: tuple(_file(self.output, name) for name in plain[parameter.name])
            for parameter in command.file_outputs
            if plain.get(parameter.name)
        }
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"), files


def _file(folder: Path, name: str) -> OutputFile:
    path = folder / name
    return OutputFile(path, name, path.lstat().st_size, media_type(path))


class _Heard(Silent):
    """What a run says, in its own thread."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def stage(self, name: str, detail: str = "") -> None:
        """See `nova_spi.progress.Progress.stage`."""
        if name == "run":
            self._run.tell(self._run.began)

    def log(self, chunk: bytes) -> None:
        """See `nova_spi.progress.Progress.log`."""
        self._run.tell(self._run.heard, chunk)
