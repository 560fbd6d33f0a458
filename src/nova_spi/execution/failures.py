"""Why a run failed: from what the engine saw and from the model's own error file, never from a status."""

import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nova_spi.engines.port import Limits, Outcome
from nova_spi.errors import (
    ExecutionError,
    InputInvalid,
    ModelError,
    NovaSpiError,
    OutputInvalid,
    OutputMissing,
    RunCancelled,
    RunTimeout,
    WorkerCrashed,
    WorkerOutOfDisk,
    WorkerOutOfMemory,
)
from nova_spi.execution.records import signal_name

MAX_ERROR_BYTES = 1 << 20
MAX_PROBLEMS = 100
LONGEST_TEXT = 16 * 1024

REPORTED: dict[str, type[ExecutionError]] = {
    "input.invalid": InputInvalid,
    "output.missing": OutputMissing,
    "output.invalid": OutputInvalid,
    "model.error": ModelError,
}
"""The kinds that a model may report; any other word of its own is a `ModelError` that quotes it."""


def failure(outcome: Outcome, error_file: Path, limits: Limits) -> ExecutionError | None:
    """The error of a run that has ended, or None where it ended well."""
    if outcome.reason == "timeout":
        return RunTimeout(
            f"The deadline of {limits.timeout_seconds:g} seconds passed, and the model was ended.",
            mend="Give it more: --timeout SECONDS, or execution.timeout_seconds in the manifest.",
            timeout_seconds=limits.timeout_seconds,
        )
    if outcome.reason == "out_of_memory":
        return WorkerOutOfMemory(
            f"The model used more memory than its {limits.memory_bytes} bytes, and was ended.",
            mend="Raise execution.resources.memory, or make it use less.",
            memory_bytes=limits.memory_bytes,
            peak_memory_bytes=outcome.peak_memory_bytes,
        )
    if outcome.reason == "out_of_disk":
        return WorkerOutOfDisk(
            "The model wrote more than its disk, and was ended.",
            mend="Raise execution.resources.disk, or make it write less.",
        )
    if outcome.reason == "cancelled":
        return cancelled()
    if outcome.reason == "signalled":
        name = signal_name(outcome.signal)
        return WorkerCrashed(
            f"The model was ended by the signal {name}.", mend="The log shows how far it came.", signal=name
        )
    return _exited(outcome, error_file)


def cancelled() -> RunCancelled:
    """The error of an execution that its caller ended."""
    return RunCancelled("The execution was cancelled; nothing of it is running.")


def of_library(error: NovaSpiError) -> ExecutionError:
    """An error of another branch of the tree that ended an execution; it keeps its code and words."""
    return ExecutionError(error.message, why=error.why, mend=error.mend, code=error.error_code, **error.details)


def of_system(error: OSError) -> ExecutionError:
    """What the operating system refused to us, not to the model."""
    reason = error.strerror or str(error)
    where = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkerOutOfDisk(
            f"The disk is full{where}.", mend="Make room on the project's disk, or run a copy on another one."
        )
    return ExecutionError(f"The execution could not go on: {reason}{where}.", code="run.system")


def _exited(outcome: Outcome, error_file: Path) -> ExecutionError | None:
    told = _read(error_file)
    if told is not None:
        return reported(told, exit_code=outcome.exit_code)
    if outcome.exit_code == 0:
        return None
    return WorkerCrashed(
        f"The model ended with status {outcome.exit_code} and said no more.",
        why="A program that uses the runtime leaves its reason in SPI_ERROR_FILE; this one left none.",
        mend="The log shows how far it came.",
        exit_code=outcome.exit_code,
    )


def reported(told: Mapping[str, Any], **details: Any) -> ExecutionError:
    """The error that a model has put into words, as {code, message, problems, traceback}; all of it is bounded."""
    code = str(told.get("code", ""))
    kind = REPORTED.get(code, ModelError)
    message = str(told.get("message") or "The model reported an error without a message.")[:LONGEST_TEXT].strip()
    if problems := _problems(told.get("problems")):
        details["problems"] = problems
    if isinstance(trace := told.get("traceback"), str) and trace.strip():
        details["traceback"] = trace[-LONGEST_TEXT:]
    if code not in REPORTED:
        details["reported_code"] = code[:200]
    return kind(message, **details)


def _problems(found: Any) -> list[dict[str, str]]:
    if not isinstance(found, list):
        return []
    pairs = [one for one in found[:MAX_PROBLEMS] if isinstance(one, dict)]
    return [
        {"path": str(one.get("path", ""))[:1000], "message": str(one.get("message", ""))[:LONGEST_TEXT]}
        for one in pairs
    ]


def _read(path: Path) -> dict[str, Any] | None:
    """The error file; None where there is none. What is there and cannot be read is an error without words."""
    content = read_bounded(path, MAX_ERROR_BYTES)
    if content is None:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"message": "The model left an error file that cannot be read."}


def read_bounded(path: Path, limit: int) -> bytes | None:
    """At most ``limit`` bytes and one of a regular file that the model wrote; links and pipes are not opened.

    Nor is the file's folder where that is a link: a model may have put one to another run's outputs in its place.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    with os.fdopen(handle, "rb") as stream:
        return stream.read(limit + 1)
