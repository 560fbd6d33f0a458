"""A batch from its beginning to its end, or to where it stops this time."""

import asyncio
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.errors import ExtraMissing, NovaSpiError, UsageError
from nova_spi.execution.records import now
from nova_spi.execution.request import checked_timeout
from nova_spi.interface.compiled import compile_interface
from nova_spi.progress import Progress, Silent
from nova_spi.serving.batch.asking import Asking, wanted
from nova_spi.serving.batch.binding import NAMES, Binding, alone, claim, write_state
from nova_spi.serving.batch.identity import model_digest
from nova_spi.serving.batch.items import Facts, Files, Items, Lines
from nova_spi.serving.batch.journal import Journal
from nova_spi.serving.batch.keeping import Keeping
from nova_spi.serving.batch.order import STANDARD_INPUT, Order
from nova_spi.serving.batch.runner import Runner
from nova_spi.serving.batch.running import Ended, Working
from nova_spi.version import __version__

if TYPE_CHECKING:
    from nova_spi.interface.compiled import CompiledCommand

SPOOL = ".inputs.jsonl"
"""What came from standard input; it goes once everything is done."""

Running = Callable[[Order, "CompiledCommand", Progress], AbstractContextManager[Runner]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a batch has come to.

    Attributes:
        folder: Where the results are.
        state: The content of batch.json.
        done_now: How many items this start has done.
        seconds: How long it took.
        error: Why it stopped, or None.
        signal: The number of the signal that interrupted it, or None.
    """

    folder: Path
    state: dict[str, Any] = field(repr=False)
    done_now: int
    seconds: float
    error: NovaSpiError | None = None
    signal: int | None = None

    @property
    def ok(self) -> bool:
        """Whether every item has succeeded."""
        return bool(self.state["status"] == "complete" and not self.state["counts"]["failed"])


def run_batch(order: Order, progress: Progress | None = None, running: Running | None = None) -> Report:
    """Does a batch, or goes on with it where an earlier start has stopped.

    Args:
        order: What is to be done.
        progress: Hears how far it is.
        running: What makes the runner; None is where ``order.settings.engine`` says.

    Raises:
        UsageError: The inputs cannot be read, or the folder belongs to another batch or is in use.
        ManifestInvalid, ProjectError: The project is not in order.
        InputInvalid: A shared input does not meet the interface.
        EngineUnavailable, EnvironmentFailed, AssetUnavailable, ExtraMissing: It cannot run here.
    """
    checked_timeout(order.timeout)
    command = compile_interface(order.folder.manifest).command(order.command)
    _apart(order)
    with alone(order.output):
        return _Batch(order, command, progress or Silent(), running or _where(order)).go()


def _where(order: Order) -> Running:
    if order.settings.engine == "ray":
        if find_spec("ray") is None:
            raise ExtraMissing.named("ray", "ray", "The engine 'ray'")
        from nova_spi.serving.batch.cluster import on_cluster

        return on_cluster
    from nova_spi.serving.batch.here import here

    return here


def _apart(order: Order) -> None:
    """Refuses results that would be among the project's own files or the inputs."""
    output, inputs = order.output.resolve(), order.inputs.resolve()
    what = "the project" if order.folder.root.resolve().is_relative_to(output) else ""
    if order.inputs != STANDARD_INPUT and inputs.is_relative_to(output):
        name = inputs.relative_to(output).parts[:1]
        what = what or ("the inputs" if inputs.is_dir() or name[0] in NAMES else "")
    if what:
        raise UsageError(
            f"The results cannot be written to {order.output}: {what} would be among them.",
            mend="name a folder of its own: --output DIR",
        )


class _Batch:
    def __init__(self, order: Order, command: "CompiledCommand", progress: Progress, running: Running) -> None:
        self._order = order
        self._command = command
        self._progress = progress
        self._running = running

    def go(self) -> Report:
        order = self._order
        asking, items = self._inputs()
        self._progress.stage("inputs", str(order.inputs))
        facts = items.facts()
        binding = self._binding(asking, facts)
        before = claim(order.output, binding, restart=order.restart)
        journal = Journal(order.output, facts.count, again=order.retry_failed)
        if journal.dropped:
            self._progress.warn(f"{journal.dropped} damaged lines of the results are gone; their items run again.")
        state = _State(order.output, binding, facts.count, before)
        done, began = journal.recorded, time.monotonic()
        ended = Ended()
        try:
            state.write(journal, "running")
            if not journal.complete:
                ended = self._work(items, facts.count, asking, journal, state)
        except BaseException as error:  # also Ctrl-C: put in order, and raised again
            state.spent(time.monotonic() - began)
            with suppress(OSError):  # the disk may be full; the journal has it all
                state.write(journal, "stopped", error if isinstance(error, NovaSpiError) else None)
            raise
        finally:
            journal.close()
        seconds = time.monotonic() - began
        state.spent(seconds)
        self._finish(journal, state, ended)
        return Report(order.output, state.value, journal.recorded - done, seconds, ended.error, ended.signal)

    def _inputs(self) -> tuple[Asking, Items]:
        order, source = self._order, self._order.inputs
        if source == STANDARD_INPUT:
            return Asking(self._command, Path(), order.shared, Path()), Lines(_spooled(order.output), Path())
        asking = Asking(self._command, source if source.is_dir() else source.parent, order.shared, Path())
        if not source.is_dir():
            return asking, Lines(source)
        return asking, Files(source, order.output, wanted(asking.takes_folder()))

    def _binding(self, asking: Asking, facts: Facts) -> Binding:
        order, model = self._order, self._order.folder.manifest.model
        shared = json.dumps(asking.shared, sort_keys=True, default=str)
        without = (order.output.absolute(), order.inputs.absolute())
        return Binding(
            {"name": model.name, "version": model.version, "digest": model_digest(order.folder, order.image, without)},
            self._command.name,
            {
                "source": str(order.inputs),
                "kind": "files" if order.inputs.is_dir() else "lines",
                "digest": facts.digest,
                "count": facts.count,
                "shared": f"sha256:{hashlib.sha256(shared.encode('utf-8', 'surrogatepass')).hexdigest()}",
            },
        )

    def _work(self, items: Items, count: int, asking: Asking, journal: Journal, state: "_State") -> Ended:
        order = self._order
        with self._running(order, self._command, self._progress) as runner:
            keeping = Keeping(order.output, count)
            working = Working(items, count, asking, runner, journal, keeping, self._progress, order.max_failures)
            with asyncio.Runner(loop_factory=_loop()) as loop:
                ended = loop.run(working.go())
            state.value["engine"] = dict(runner.engine)
        return ended

    def _finish(self, journal: Journal, state: "_State", ended: Ended) -> None:
        status = "complete" if journal.complete else "interrupted" if ended.signal is not None else "stopped"
        if journal.complete:
            (self._order.output / SPOOL).unlink(missing_ok=True)
            self._progress.stage("order", "results.jsonl")
            try:
                journal.put_in_order()
            except OSError as error:
                self._progress.warn(f"The results stay in the order in which they came: {error.strerror or error}.")
        with suppress(OSError):  # as above: what counts is in the journal
            state.write(journal, status, ended.error)


class _State:
    """batch.json on its way."""

    def __init__(self, folder: Path, binding: Binding, count: int, before: dict[str, Any]) -> None:
        self._folder = folder
        self._count = count
        self.value: dict[str, Any] = {
            "schema_version": "1",
            "nova_spi": __version__,
            "status": "running",
            **binding.to_dict(),
            "engine": before.get("engine"),
            "counts": {},
            "starts": int(before.get("starts", 0)) + 1,
            "seconds": float(before.get("seconds", 0.0)),
            "error": None,
            "started_at": now(),
            "finished_at": None,
        }

    def spent(self, seconds: float) -> None:
        self.value["seconds"] = round(self.value["seconds"] + seconds, 3)

    def write(self, journal: Journal, status: str, error: NovaSpiError | None = None) -> None:
        self.value["status"] = status
        self.value["counts"] = {
            "total": self._count,
            "succeeded": journal.succeeded,
            "failed": journal.failed,
            "left": self._count - journal.recorded,
        }
        self.value["error"] = None if error is None else error.to_dict()
        self.value["finished_at"] = None if status == "running" else now()
        write_state(self._folder, self.value)


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster loop of the extra 'serve', where that is installed."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


def _spooled(output: Path) -> Path:
    """Standard input as a file: it is read twice, and may be given again to go on."""
    place, fresh = output / SPOOL, output / f"{SPOOL}.new"
    with fresh.open("wb") as stream:
        shutil.copyfileobj(sys.stdin.buffer, stream)
    fresh.replace(place)
    return place
