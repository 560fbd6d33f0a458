"""One execution, from inputs to outputs and evidence: prepare, run, collect, record."""

import errno
import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Engine, Environment, Job, Outcome
from nova_spi.errors import ExecutionError, ProjectError, RunCancelled, WorkerOutOfDisk
from nova_spi.execution.collect import Collected, collect, keep_raw
from nova_spi.execution.deliver import deliver
from nova_spi.execution.failures import cancelled, failure
from nova_spi.execution.history import prune
from nova_spi.execution.intrusion import modified
from nova_spi.execution.output_files import listing
from nova_spi.execution.places import RunFolder, held, open_run, runs_folder
from nova_spi.execution.prepare import (
    fetch_assets,
    fill,
    make_job,
    recipe_of,
    recorded_inputs,
    room_warning,
    write_inputs,
)
from nova_spi.execution.records import (
    ExecutionResult,
    blank,
    bounded,
    exit_of,
    now,
    replace_bytes,
    usage_of,
    write_json,
)
from nova_spi.execution.request import Request, checked_timeout
from nova_spi.execution.secrets import Scrubber, gather, laid_out
from nova_spi.interface.binding import bind_inputs
from nova_spi.interface.compiled import compile_interface
from nova_spi.progress import Progress, Silent
from nova_spi.project.files import Snapshot
from nova_spi.settings import Settings
from nova_spi.version import __version__

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder


def execute(
    folder: "Folder",
    *,
    command: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    timeout: float | None = None,
    engine: Engine,
    settings: Settings,
    progress: Progress | None = None,
    output: Path | None = None,
    keep: bool = False,
    cancel: threading.Event | None = None,
) -> ExecutionResult:
    """Runs one command of a project once.

    A run that fails, for whatever reason, is a result with its error, log and record; so is one that Ctrl-C ends
    (`RunCancelled`). What is raised is a call that makes no sense.

    Args:
        folder: The project.
        command: One of its commands; None is the default one.
        inputs: Values by name; a file input is a path, a glob, a folder or a list of them, relative to the current
            folder. `nova_spi.interface.binding.Text` marks a value that came as text.
        secrets: Values by name, over those in the caller's environment.
        timeout: Deadline of the run itself in seconds, over the manifest's.
        engine: Where it runs.
        settings: For the cache and the volumes.
        progress: Hears what is going on, and the log as it comes.
        output: Receives output.json and the output files where the run succeeds.
        keep: The working folder stays, for debugging.
        cancel: Ends the execution where it is set, from another thread.

    Raises:
        ManifestInvalid: The manifest has errors.
        UsageError: There is no such command or secret, or the timeout is none.
        ProjectError: The project's folder cannot be written.
    """
    request = make_request(folder, command, inputs, secrets, timeout, engine, settings, progress or Silent())
    request = replace(request, output=output, keep=keep, cancel=cancel)
    with open_run(folder.root, keep=keep) as run:
        prune(folder.root)
        return _Execution(request, run).go()


def make_request(
    folder: "Folder",
    command: str | None,
    inputs: Mapping[str, Any] | None,
    secrets: Mapping[str, str] | None,
    timeout: float | None,
    engine: Engine,
    settings: Settings,
    progress: Progress,
) -> Request:
    """Checks a call as far as nothing has to be made for it; the arguments and errors are those of `execute`."""
    manifest = folder.manifest
    interface = compile_interface(manifest)
    return Request(
        folder=folder,
        manifest=manifest,
        interface=interface,
        command=interface.command(command),
        inputs=dict(inputs or {}),
        secrets=gather(manifest.execution.secrets if manifest.execution else (), secrets or {}, environ),
        timeout=checked_timeout(timeout),
        engine=engine,
        settings=settings,
        progress=progress,
    )


class _Execution:
    """One execution while it is going on."""

    def __init__(self, request: Request, run: RunFolder) -> None:
        self._request = request
        self._run = run
        self._warnings: list[str] = []
        self._timings: dict[str, float] = {}
        self._collected = Collected()
        self._scrubber = Scrubber(request.secrets)
        self._started = time.perf_counter()
        self._record = blank(run.id, request.command.name, self._facts())

    def go(self) -> ExecutionResult:
        error: ExecutionError | None = None
        try:
            write_json(self._run.record, self._record)
            self._perform()
            error = self._collected.error
        except ExecutionError as failed:
            error = failed
        except KeyboardInterrupt:
            error = cancelled()
        except OSError as failed:
            error = _of_system(failed)
        except ProjectError as failed:
            error = ExecutionError(failed.message, why=failed.why, mend=failed.mend, code=failed.error_code)
        return self._finish(error)

    def _facts(self) -> dict[str, Any]:
        request, model = self._request, self._request.manifest.model
        source = request.folder.manifest_path
        limits = request.limits()
        return {
            "nova_spi": __version__,
            "model": {"name": model.name, "version": model.version},
            "manifest": {"file": source.name, "sha256": hashlib.sha256(source.read_bytes()).hexdigest()},
            "engine": {
                "name": request.engine.name,
                "level": getattr(request.engine, "level", request.engine.name),
                "protections": [asdict(one) for one in request.engine.protection(limits)],
            },
            "limits": asdict(limits),
            "secrets": sorted(request.secrets),
        }

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Times a stage, which may come in parts; a cancelled execution does not begin another."""
        if self._request.cancel is not None and self._request.cancel.is_set():
            raise cancelled()
        if name not in self._timings:
            self._request.progress.stage(name)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._timings[name] = self._timings.get(name, 0.0) + time.perf_counter() - begun

    def _perform(self) -> None:
        request, run = self._request, self._run
        with self._stage("prepare"):
            bound = bind_inputs(request.command, request.inputs, Path.cwd())
            self._warn(bound.warnings)
            hidden = {
                p.name: str(bound.values[p.name])
                for p in request.command.inputs
                if p.secret and bound.values.get(p.name)
            }
            self._scrubber = Scrubber({**hidden, **request.secrets})
            write_inputs(request, bound, run.inputs)
            self._record["inputs"] = recorded_inputs(request, bound)
            self._warn_of_secrets()
            if warning := room_warning(request, run):
                self._warn([warning])
        with self._stage("environment"):
            environment = request.engine.provide(recipe_of(request), request.progress)
            self._record["environment"] = _of_environment(environment)
        with self._stage("assets"):
            found: list[str] = []
            assets, self._record["assets"] = fetch_assets(request, found)
            self._warn(found)
        with laid_out(request.secrets, run.scratch / "secrets") as secrets:
            with self._stage("prepare"):
                stage = fill(request, run, bound, assets, found := [])
                self._warn(found)
                job = make_job(request, run, stage, bound, environment, secrets)
                self._record["limits"] = asdict(job.limits)
                before = listing(run.work, request.command.outputs)
            outcome, intrusion = self._run_job(job)
        with self._stage("collect"):
            error = failure(outcome, run.error_file, job.limits)
            if error is None:
                self._collect(before, frozenset(stage.linked))
            self._collected.error = intrusion or error or self._collected.error

    def _warn_of_secrets(self) -> None:
        for name in self._request.execution.secrets:
            if name not in self._request.secrets:
                self._warn(
                    [f"The secret {name} has no value: set {name} in the environment, or --secret {name}=@FILE."]
                )

    def _warn(self, messages: Any) -> None:
        for message in messages:
            self._warnings.append(message)
            self._request.progress.warn(message)

    def _run_job(self, job: Job) -> tuple[Outcome, ExecutionError | None]:
        request = self._request
        project = Snapshot.take(request.folder.root)
        listener = request.progress if self._scrubber.idle else _Scrubbed(request.progress, self._scrubber)
        try:
            with self._stage("run"):
                outcome = request.engine.run(job, listener, request.cancel)
        finally:
            if isinstance(listener, _Scrubbed):
                listener.close()
        self._record |= {"exit": exit_of(outcome), "usage": usage_of(outcome), "leftovers": outcome.leftovers}
        self._record["log"] = {"truncated": outcome.log_truncated}
        if outcome.leftovers:
            self._warn([f"The model left {outcome.leftovers} processes behind; they were ended."])
        with held(runs_folder(request.folder.root) / ".delivering"):
            return outcome, modified(request.folder.root, project)

    def _collect(self, before: Any, allowed: frozenset[str]) -> None:
        run, request = self._run, self._request
        self._collected = collect(run, request.command, before, allowed)
        self._warn(self._collected.warnings)
        if self._collected.error is not None:
            keep_raw(run.output_file.parent, run.outputs)

    def _deliver(self, output: Path) -> ExecutionError | None:
        """Copies the outputs to where the caller wants them; the record is written under the same lock."""
        try:
            self._record["delivered"] = deliver(self._run.outputs, self._collected.files, output)
        except ExecutionError as error:
            return error
        folder = Path(self._record["delivered"]["folder"])
        for name, value in self._collected.plain.items():
            if isinstance(self._collected.values[name], list) and self._is_file(name):
                self._collected.values[name] = [folder / relative for relative in value]
        return None

    def _is_file(self, name: str) -> bool:
        return any(p.name == name and p.type == "file" for p in self._request.command.outputs)

    def _finish(self, error: ExecutionError | None) -> ExecutionResult:
        with suppress(OSError):
            self._run.root.mkdir(parents=True, exist_ok=True)  # a model may have removed its own run
            self._scrub_log(error)
        with held(runs_folder(self._request.folder.root) / ".delivering"):
            if error is None and self._request.output is not None:
                error = self._deliver(self._request.output)
            error = self._cleaned(error)
            self._close_record(error)
        return ExecutionResult(
            id=self._run.id,
            command=self._request.command.name,
            ok=error is None,
            outputs=self._collected.values,
            error=error,
            folder=self._run.root,
            log=self._run.log,
            warnings=tuple(self._warnings),
            record=self._record,
        )

    def _cleaned(self, error: ExecutionError | None) -> ExecutionError | None:
        """The same error without a secret's value in it, and with the place of its log."""
        if error is None:
            return None
        clean = self._scrubber.clean
        details = {key: clean(value) for key, value in error.details.items()} | {"log": str(self._run.log)}
        return type(error)(
            clean(error.message), why=clean(error.why), mend=clean(error.mend), code=error.error_code, **details
        )

    def _scrub_log(self, error: ExecutionError | None) -> None:
        """Every run has a log: the model's, else what went wrong before it could write one."""
        if not self._run.log.exists():
            lines = error.details.get("output", "") if error is not None else ""
            text = f"{error.message}\n{lines}\n" if error is not None else ""
            replace_bytes(self._run.log, self._scrubber.scrub(text.encode("utf-8", "backslashreplace")))
        elif not self._scrubber.idle:
            replace_bytes(self._run.log, self._scrubber.scrub(self._run.log.read_bytes()))

    def _close_record(self, error: ExecutionError | None) -> None:
        status = "succeeded" if error is None else "cancelled" if isinstance(error, RunCancelled) else "failed"
        self._timings["total"] = time.perf_counter() - self._started
        log = self._run.log
        self._record |= {
            "status": status,
            "timings": {name: round(seconds, 6) for name, seconds in self._timings.items()},
            "outputs": {name: bounded(value) for name, value in self._collected.plain.items()},
            "error": error.to_dict() if error is not None else None,
            "warnings": self._warnings,
            "log": {"file": log.name, "size_bytes": log.stat().st_size if log.exists() else 0, "truncated": False}
            | (self._record["log"] or {}),
            "finished_at": now(),
        }
        self._record = self._scrubber.clean(self._record)
        try:
            write_json(self._run.record, self._record)
        except OSError as failed:
            self._warn([f"run.json cannot be written: {failed.strerror}."])
        if self._request.keep:
            self._hide_inputs()

    def _hide_inputs(self) -> None:
        """A working folder that stays must not hold what only the model was to see."""
        place = self._run.inputs_file
        with suppress(OSError):
            if place.resolve().is_relative_to(self._run.work):
                replace_bytes(place, self._run.inputs.read_bytes())


class _Scrubbed:
    """Progress with the secrets taken out of the log."""

    def __init__(self, inner: Progress, scrubber: Scrubber) -> None:
        self.stage = inner.stage
        self.advance = inner.advance
        self.warn = inner.warn
        self._inner = inner
        self._scrubber = scrubber

    def log(self, chunk: bytes) -> None:
        if clean := self._scrubber.feed(chunk):
            self._inner.log(clean)

    def close(self) -> None:
        if rest := self._scrubber.rest():
            self._inner.log(rest)


def _of_environment(environment: Environment) -> dict[str, Any]:
    return {"python": environment.version, "digest": environment.digest, "cached": environment.cached}


def _of_system(error: OSError) -> ExecutionError:
    """What the operating system refused, outside the model."""
    reason = error.strerror or str(error)
    where = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkerOutOfDisk(
            f"The disk is full{where}.", mend="Make room on the project's disk, or run a copy on another one."
        )
    return ExecutionError(f"The execution could not go on: {reason}{where}.", code="run.system")
