"""The end of an execution: outputs delivered, log and record without secrets, working folders gone."""

import re
from contextlib import suppress
from os import SEEK_END
from pathlib import Path
from typing import Any

from nova_spi.artifacts.locking import held
from nova_spi.errors import (
    ExecutionError,
    OutputMissing,
    RunCancelled,
    RunTimeout,
    WorkerCrashed,
    WorkerOutOfDisk,
    WorkerOutOfMemory,
)
from nova_spi.execution.collect import Collected
from nova_spi.execution.deliver import deliver
from nova_spi.execution.places import RunFolder, runs_folder
from nova_spi.execution.records import ExecutionResult, bounded, now, replace_bytes, write_json
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.request import Request
from nova_spi.execution.secrets import Scrubber

LAST_LINES, LAST_WIDTH, LAST_BYTES = 10, 500, 64 * 1024

SPEAKS_BY_ITS_LOG = (WorkerCrashed, WorkerOutOfMemory, WorkerOutOfDisk, RunTimeout, OutputMissing)
"""Errors that say what happened to a program and not why; the end of its log often does."""


class Closing:
    """What is left to do once a run has ended, however it ended.

    Args:
        request: What was asked for.
        run: Where it leaves its traces.
        scrubber: Knows the secrets.
        collected: What came out.
        warnings: What should be known; more may come.
    """

    def __init__(
        self, request: Request, run: RunFolder, scrubber: Scrubber, collected: Collected, warnings: list[str]
    ) -> None:
        self._request = request
        self._run = run
        self._scrubber = scrubber
        self._collected = collected
        self._warnings = warnings

    def close(self, error: ExecutionError | None, record: dict[str, Any]) -> ExecutionResult:
        """Does it, and gives the result. Whatever the system refuses here is a warning: the result is there."""
        self._run.root.mkdir(parents=True, exist_ok=True)  # a model may have removed its own run
        self._make_room()
        with suppress(OSError):
            self._finish_log(error)
        with held(runs_folder(self._request.folder.root) / ".delivering"):
            if error is None and self._request.output is not None:
                error = self._deliver(self._request.output, record)
            error = self._cleaned(error, ran=record["exit"] is not None)
            record = self._scrubber.clean(record | self._last(error, record["log"] or {}))
            self._write(record)
        return ExecutionResult(
            id=self._run.id,
            command=self._request.command.name,
            ok=error is None,
            outputs=self._collected.values,
            error=error,
            folder=self._run.root,
            log=self._run.log,
            warnings=tuple(self._warnings),
            record=record,
        )

    def _make_room(self) -> None:
        """Before the record: on a full disk there is no place for it otherwise."""
        if not self._request.keep:
            remove_tree(self._run.work)
            remove_tree(self._run.scratch)
            return
        place = self._run.inputs_file
        with suppress(OSError):
            if place.resolve().is_relative_to(self._run.work):  # what only the model was to see must not stay
                replace_bytes(place, self._run.inputs.read_bytes())

    def _finish_log(self, error: ExecutionError | None) -> None:
        """Every run has a log: the model's, else what went wrong before it could write one."""
        if self._run.log.exists():
            if not self._scrubber.idle:
                replace_bytes(self._run.log, self._scrubber.scrub(self._run.log.read_bytes()))
            return
        told = [error.message, error.why, *error.details.get("lines", ())] if error is not None else []
        text = "".join(f"{line}\n" for line in told if line)
        replace_bytes(self._run.log, self._scrubber.scrub(text.encode("utf-8", "backslashreplace")))

    def _deliver(self, output: Path, record: dict[str, Any]) -> ExecutionError | None:
        """Copies the outputs to where the caller wants them; the values then name the copies."""
        try:
            record["delivered"] = deliver(self._run.outputs, self._collected.files, output)
        except ExecutionError as error:
            return error
        folder = Path(record["delivered"]["folder"])
        for parameter in self._request.command.outputs:
            if parameter.type == "file" and parameter.name in self._collected.plain:
                paths = self._collected.plain[parameter.name]
                self._collected.values[parameter.name] = [folder / relative for relative in paths]
        return None

    def _cleaned(self, error: ExecutionError | None, *, ran: bool) -> ExecutionError | None:
        """The same error without a secret's value in it, with its log's place and, where it tells most, its end."""
        if error is None:
            return None
        clean = self._scrubber.clean
        details = clean(error.details) | {"log": str(self._run.log)}
        why = clean(error.why)
        if ran and isinstance(error, SPEAKS_BY_ITS_LOG) and (lines := last_lines(self._run.log)):
            details["lines"] = lines
        if ran and (hint := self._elsewhere("\n".join([error.message, *details.get("lines", [])]))):
            why = f"{why} {hint}".strip()
        return type(error)(clean(error.message), why=why, mend=clean(error.mend), code=error.error_code, **details)

    def _elsewhere(self, told: str) -> str:
        """A word for a program that looked below base_work_dir, where nothing of it stands without a container."""
        base = self._request.execution.base_work_dir.rstrip("/")
        if not base or not re.search(rf"(?<![\w./-]){re.escape(base)}/", told) or Path(base).exists():
            return ""
        return f"There is no {base} without a container: use relative paths, or the folder that SPI_WORK_DIR names."

    def _last(self, error: ExecutionError | None, log: dict[str, Any]) -> dict[str, Any]:
        """What only the end knows."""
        status = "succeeded" if error is None else "cancelled" if isinstance(error, RunCancelled) else "failed"
        size = self._run.log.stat().st_size if self._run.log.exists() else 0
        return {
            "status": status,
            "outputs": {name: bounded(value) for name, value in self._collected.plain.items()},
            "error": error.to_dict() if error is not None else None,
            "warnings": list(self._warnings),
            "log": {"file": self._run.log.name, "size_bytes": size, "truncated": False} | log,
            "finished_at": now(),
        }

    def _write(self, record: dict[str, Any]) -> None:
        try:
            write_json(self._run.record, record)
        except OSError as failed:
            message = f"run.json cannot be written: {failed.strerror}."
            self._warnings.append(message)
            self._request.progress.warn(message)


def last_lines(log: Path) -> list[str]:
    """The end of a log: the last lines that are not empty, cut where they are long."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, SEEK_END) - LAST_BYTES))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line[:LAST_WIDTH] for line in lines if line.strip()][-LAST_LINES:]
