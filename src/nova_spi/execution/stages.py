"""The stages of one execution: prepare, environment, assets, run, collect; then its record is closed."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.artifacts.locking import held
from nova_spi.engines.port import Environment, Job, Outcome
from nova_spi.errors import ExecutionError, NovaSpiError
from nova_spi.execution.closing import Closing
from nova_spi.execution.collect import Collected, collect, keep_raw
from nova_spi.execution.failures import cancelled, failure, of_library, of_system
from nova_spi.execution.in_image import with_image
from nova_spi.execution.intrusion import modified
from nova_spi.execution.jobs import make_job
from nova_spi.execution.output_files import Listing, listing
from nova_spi.execution.places import RunFolder, runs_folder
from nova_spi.execution.prepare import (
    fetch_assets,
    fill,
    recipe_of,
    recorded_inputs,
    room_warning,
    write_inputs,
)
from nova_spi.execution.records import ExecutionResult, beginning, exit_of, usage_of, write_json
from nova_spi.execution.request import Request
from nova_spi.execution.secrets import Scrubbed, Scrubber, laid_out
from nova_spi.interface.binding import bind_inputs
from nova_spi.project.files import Snapshot

if TYPE_CHECKING:
    from nova_spi.execution.staging import Stage
    from nova_spi.interface.binding import BoundInputs


class Stages:
    """One execution while it is going on.

    Args:
        request: What is asked for.
        run: Where it leaves its traces.
    """

    def __init__(self, request: Request, run: RunFolder) -> None:
        self._request = request
        self._run = run
        self._warnings: list[str] = []
        self._timings: dict[str, float] = {}
        self._collected = Collected()
        self._scrubber = Scrubber(_hidden(request))
        self._started = time.perf_counter()
        self._record = beginning(request, run)

    def go(self) -> ExecutionResult:
        """Runs all stages, or as many as it comes to, and closes the record."""
        error: ExecutionError | None = None
        try:
            write_json(self._run.record, self._record)
            error = self._perform()
        except ExecutionError as failed:
            error = failed
        except NovaSpiError as failed:
            error = of_library(failed)
        except OSError as failed:
            error = of_system(failed)
        except KeyboardInterrupt:
            error = cancelled()
        closing = Closing(self._request, self._run, self._scrubber, self._collected, self._warnings)
        self._timings["total"] = time.perf_counter() - self._started
        return closing.close(error, self._record | {"timings": _rounded(self._timings)})

    def _perform(self) -> ExecutionError | None:
        request = self._request
        with self._stage("prepare"):
            bound = self._bind()
        with self._stage("environment"):
            request = self._request = with_image(request)
            environment = request.engine.provide(recipe_of(request), request.progress)
            self._record["environment"] = _of_environment(environment)
        with self._stage("assets"):
            assets, self._record["assets"] = fetch_assets(request, self._warn)
        with laid_out(request.secrets, self._run.scratch / "secrets") as secrets:
            with self._stage("prepare"):
                stage = fill(request, self._run, environment, bound, assets, self._warn)
                job = make_job(request, self._run, stage, bound, environment, secrets)
                self._record["limits"] = asdict(job.limits)
                before = listing(self._run.work, request.command.outputs)
                project = Snapshot.take(request.folder.root)
            outcome = self._run_job(job)
        with self._stage("collect"):
            with held(runs_folder(request.folder.root) / ".delivering"):
                intrusion = modified(request.folder.root, project)
            error = self._collect(outcome, job, stage, before)
            return intrusion or error

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Times a stage, which may come in parts; a cancelled execution does not begin another."""
        if self._request.cancel is not None and self._request.cancel.is_set() and name != "collect":
            raise cancelled()
        if name not in self._timings:
            self._request.progress.stage(name)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._timings[name] = self._timings.get(name, 0.0) + time.perf_counter() - begun

    def _warn(self, *messages: str) -> None:
        for message in messages:
            self._warnings.append(message)
            self._request.progress.warn(message)

    def _bind(self) -> "BoundInputs":
        request, run = self._request, self._run
        bound = bind_inputs(request.command, request.inputs, Path.cwd())
        self._warn(*bound.warnings)
        self._scrubber = Scrubber(_hidden(request, bound))
        write_inputs(request, bound, run.inputs)
        self._record["inputs"] = recorded_inputs(request, bound)
        self._warn(*secrets_without_value(request), *room_warning(request, run))
        return bound

    def _run_job(self, job: Job) -> Outcome:
        request = self._request
        listener = Scrubbed(request.progress, self._scrubber)
        try:
            with self._stage("run"):
                outcome = request.engine.run(job, listener, request.cancel)
        finally:
            listener.close()
        self._record |= {"exit": exit_of(outcome), "usage": usage_of(outcome), "leftovers": outcome.leftovers}
        self._record["log"] = {"truncated": outcome.log_truncated}
        if outcome.leftovers:
            self._warn(f"The model left {outcome.leftovers} processes behind; they were ended.")
        return outcome

    def _collect(self, outcome: Outcome, job: Job, stage: "Stage", before: Listing) -> ExecutionError | None:
        """Collects what came out of a run that ended well; of any other, says why it did not."""
        run, command = self._run, self._request.command
        if error := failure(outcome, run.error_file, job.limits):
            return error
        self._collected = collect(run, command, before, frozenset(stage.linked), self._request.execution.base_work_dir)
        self._warn(*self._collected.warnings)
        if self._collected.error is not None:
            keep_raw(run.output_file.parent, run.outputs)
        return self._collected.error


def _hidden(request: Request, bound: "BoundInputs | None" = None) -> dict[str, str]:
    """Every value that must not be shown, by name."""
    values: Any = bound.values if bound is not None else request.inputs
    names = [parameter.name for parameter in request.command.inputs if parameter.secret]
    return {name: str(values[name]) for name in names if values.get(name) is not None} | dict(request.secrets)


def secrets_without_value(request: Request) -> Iterable[str]:
    """A warning for each secret that the manifest names and nobody has given."""
    for name in request.execution.secrets:
        if name not in request.secrets:
            where = "" if request.folder.from_image else f"set {name} in the environment, or "
            yield f"The secret {name} has no value: {where}give --secret {name}=@FILE."


def _of_environment(environment: Environment) -> dict[str, Any]:
    found = {"python": environment.version, "digest": environment.digest, "cached": environment.cached}
    return found | {"image": environment.image.name if environment.image is not None else None}


def _rounded(timings: dict[str, float]) -> dict[str, float]:
    return {name: round(seconds, 6) for name, seconds in timings.items()}
