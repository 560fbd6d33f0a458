"""Running the manifest's test cases, each an execution with a folder of evidence of its own."""

import difflib
import hashlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.checks.testing.expectations import judge
from nova_spi.checks.testing.report import CaseResult, Status, TestReport
from nova_spi.engines.port import Engine, Image
from nova_spi.errors import NovaSpiError, RunCancelled, UsageError
from nova_spi.execution.records import ExecutionResult
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.run import execute
from nova_spi.interface.compiled import CompiledCommand, Interface, compile_interface
from nova_spi.progress import Progress, Silent
from nova_spi.settings import Settings
from nova_spi.version import __version__
from nova_spi_runtime.patterns import natural_key

if TYPE_CHECKING:
    from nova_spi.manifest.models import TestCase
    from nova_spi.project.folder import Folder

__all__ = ["CaseResult", "TestReport", "run_cases"]

NOT_RUN = frozenset({"engine.unavailable", "environment.failed", "asset.unavailable"})
"""Errors that say nothing about the model."""

_Run = Callable[[CompiledCommand, Mapping[str, Any], Path], ExecutionResult]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def run_cases(
    folder: "Folder",
    *,
    names: Sequence[str] = (),
    secrets: Mapping[str, str] | None = None,
    engine: Engine,
    settings: Settings,
    output: Path,
    progress: Progress | None = None,
    keep: bool = False,
    cancel: threading.Event | None = None,
    image: Image | None = None,
) -> TestReport:
    """Runs test cases one after the other.

    Args:
        folder: The project.
        names: Only these cases; empty means all.
        secrets: Values by name, as for an execution.
        engine: Where they run.
        settings: The caller's.
        output: Receives a folder a case: output.json, the output files, log.txt and run.json.
        progress: Hears of every case as the stage ``case``.
        keep: The working folders stay.
        cancel: Ends the case that is running; the others are skipped.
        image: What they run in, see `nova_spi.execution.run.execute`.

    Raises:
        UsageError: There is no case of one of the names.
        ManifestInvalid: The manifest has errors.
    """
    cases = _chosen(folder.manifest.test_cases, names)
    interface = compile_interface(folder.manifest)
    found: list[CaseResult] = []

    def run(command: CompiledCommand, inputs: Mapping[str, Any], place: Path) -> ExecutionResult:
        return execute(
            folder,
            command=command.name,
            inputs=inputs,
            secrets=secrets,
            engine=engine,
            settings=settings,
            progress=progress,
            output=place,
            keep=keep,
            cancel=cancel,
            image=image,
        )

    for case in cases:
        if found and _was_cancelled(found[-1]):
            found.append(CaseResult(case.name, "skipped", 0.0, ("the tests were cancelled before it",)))
            continue
        (progress or Silent()).stage("case", case.name)
        began = time.perf_counter()
        done = _one(case, interface, folder.root, output / folder_name(case.name), run)
        found.append(replace(done, seconds=time.perf_counter() - began))
    return TestReport(tuple(found), _facts(folder, engine))


def _one(case: "TestCase", interface: Interface, root: Path, place: Path, run: _Run) -> CaseResult:
    """Runs one case and judges it."""
    try:
        command = interface.command(case.command)
        inputs = case_inputs(case, command, root)
        _forget(place)
        result = run(command, inputs, place)
    except NovaSpiError as error:
        return CaseResult(case.name, "error", 0.0, (error.message,))
    _keep_evidence(result, place)
    return _judged(case, result, command, root)


def _was_cancelled(case: CaseResult) -> bool:
    """The case that was cancelled ends the run of the cases, and so does every one that was skipped after it."""
    return case.status == "skipped" or (case.execution is not None and isinstance(case.execution.error, RunCancelled))


def _chosen(cases: Sequence["TestCase"], names: Sequence[str]) -> list["TestCase"]:
    known = [case.name for case in cases]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(
                f"There is no test case {name!r}.",
                why=f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known) or 'none'}.",
                mend=f"--case {near[0]}" if near else "Choose one of them, or leave --case out.",
            )
    return [case for case in cases if not names or case.name in names]


def case_inputs(case: "TestCase", command: CompiledCommand, root: Path) -> dict[str, Any]:
    """The inputs of a case; its files as absolute paths.

    Raises:
        UsageError: A file leads out of the project.
    """
    files = {parameter.name for parameter in command.inputs if parameter.type == "file"}
    found: dict[str, Any] = dict(case.inputs or {})
    named: dict[str, Any] = {name: found[name] for name in files & found.keys()} | dict(case.files or {})
    for name, paths in named.items():
        listed = (paths,) if isinstance(paths, str) else paths
        found[name] = [one for path in listed for one in _files(root, path)]
    return found


def _files(root: Path, path: Any) -> list[Path]:
    """What a path of a case stands for: a file, a folder, or what matches a glob, by natural name."""
    place = root / str(path)
    if not place.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"The file {path} of a test case leads out of the project.")
    if place.exists() or not any(character in str(path) for character in "*?["):
        return [place]
    matching = sorted(root.glob(str(path)), key=lambda one: natural_key(one.as_posix()))
    return [one for one in matching if one.resolve().is_relative_to(root.resolve())] or [place]


def _judged(case: "TestCase", result: ExecutionResult, command: CompiledCommand, root: Path) -> CaseResult:
    findings = tuple(judge(case.expect, result, command, root))
    status: Status = "failed" if findings else "passed"
    code = result.error.error_code if result.error else ""
    if findings and code in NOT_RUN:
        status = "error"
    return CaseResult(case.name, status, 0.0, findings, result)


def folder_name(name: str) -> str:
    """A folder's name for a case: its own name where that is plain, else a readable beginning and a digest."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40]
    return f"{readable or 'case'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _forget(place: Path) -> None:
    """Removes the evidence of the last time: a folder with the record of a run. Anybody else's folder stays."""
    if (place / "run.json").is_file() and not place.is_symlink():
        remove_tree(place)


def _keep_evidence(result: ExecutionResult, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for source in (result.log, result.folder / "run.json"):
        if source.is_file():
            fresh = place / f".{source.name}.new"
            shutil.copyfile(source, fresh)
            fresh.replace(place / source.name)


def _facts(folder: "Folder", engine: Engine) -> dict[str, Any]:
    model = folder.manifest.model
    digest = hashlib.sha256(folder.manifest_path.read_bytes()).hexdigest()
    return {
        "nova_spi": __version__,
        "model": {"name": model.name, "version": model.version},
        "manifest": {"file": folder.manifest_path.name, "sha256": digest},
        "engine": engine.name,
    }
