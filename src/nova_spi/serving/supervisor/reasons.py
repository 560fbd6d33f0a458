"""Why a call failed: from what its worker said, and from how the worker ended."""

import json
import os
from pathlib import Path
from typing import Any

from nova_spi.engines.port import Limits, Outcome
from nova_spi.errors import (
    Draining,
    ExecutionError,
    ModelError,
    NovaSpiError,
    RunCancelled,
    RunTimeout,
    WorkerCrashed,
    WorkerUnavailable,
)
from nova_spi.execution.failures import failure, of_library, of_system, reported
from nova_spi.execution.secrets import Scrubber

SEE_LOG = "The log shows how far it came."


def of_outcome(outcome: Outcome, limits: Limits, when: str) -> ExecutionError:
    """Why a worker has ended by itself; ``when`` says what it was about, as ``before it had answered``."""
    found = failure(outcome, Path(os.devnull), limits) if outcome.reason != "exited" else None
    return found or WorkerCrashed(
        f"The model's process ended with status {outcome.exit_code} {when}.",
        mend=SEE_LOG,
        exit_code=outcome.exit_code,
    )


def of_exception(error: BaseException) -> ExecutionError:
    """What ended a worker's life on our side: the engine could not start it, or the disk is full."""
    if isinstance(error, ExecutionError):
        return error
    if isinstance(error, NovaSpiError):
        return of_library(error)
    if isinstance(error, OSError):
        return of_system(error)
    return ExecutionError(f"The worker could not be run: {type(error).__name__}: {error}", code="worker.unavailable")


def of_words(payload: bytes) -> ExecutionError:
    """The error that a worker sent as ``E``."""
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        told = None
    return of_dict(told) if isinstance(told, dict) else ModelError("The model sent an error that cannot be read.")


def of_dict(told: dict[str, Any]) -> ExecutionError:
    """The same, read already; a worker whose calls have processes of their own also says how one of them ended."""
    found = reported(told)
    return WorkerCrashed(found.message, mend=SEE_LOG) if told.get("code") == WorkerCrashed.code else found


def broke_the_protocol(what: str) -> WorkerCrashed:
    """The error of a call whose worker said what no worker says."""
    return WorkerCrashed(
        "The model's process did not keep to what a worker may say, and was ended.",
        why=f"{what[:1].upper()}{what[1:]}.",
        mend="Does the model write to descriptors that it has not opened?",
    )


def closed_its_socket() -> WorkerCrashed:
    """The error of a call whose worker cannot be heard any more, and lives."""
    return broke_the_protocol("it closed the socket that it answers by")


def passed_deadline(seconds: float) -> RunTimeout:
    """The error at the deadline."""
    return RunTimeout(
        f"The deadline of {seconds:g} seconds passed, and the call was ended.",
        mend="Give it more: execution.timeout_seconds in the manifest; of a batch --timeout SECONDS.",
        timeout_seconds=seconds,
    )


def cancelled() -> RunCancelled:
    """The error of a call that its caller ended."""
    return RunCancelled("The execution was cancelled.")


def draining(what: str = "The server is about to end, and takes no more calls.") -> Draining:
    """The error of a call that comes too late."""
    return Draining(what, mend="Send it again, to another replica or once the server has started again.")


def never_ready(seconds: float) -> WorkerUnavailable:
    """The error of a start that took too long."""
    return WorkerUnavailable(
        f"The model was not loaded within {seconds:g} seconds, and was ended.",
        mend="Give it more: --start-timeout SECONDS; the log shows how far it came.",
    )


def ended_while_loading(cause: ExecutionError) -> ExecutionError:
    """The error of a start: the same cause, said of loading."""
    if cause.error_code == "worker.crashed":
        return WorkerUnavailable(f"While it was loaded: {cause.message}", why=cause.why, mend=SEE_LOG, **cause.details)
    return cause


def unavailable(cause: ExecutionError | None, log: str) -> WorkerUnavailable:
    """The error of a call while no worker can be started."""
    if cause is None:
        return WorkerUnavailable("The model could not be loaded.", log=log)
    details: dict[str, Any] = {
        name: value for name, value in cause.details.items() if name in ("traceback", "problems")
    }
    return WorkerUnavailable(
        f"The model could not be loaded: {cause.message}",
        why=cause.why,
        mend=cause.mend or "Correct the model and start it again; meanwhile it is tried from time to time.",
        cause=cause.error_code,
        log=log,
        **details,
    )


def ended_meanwhile() -> Draining:
    """The error of a call that was going on when the workers were ended."""
    return draining("The server ended while the model was at work.")


def did_not_come_back(seconds: float) -> WorkerCrashed:
    """Why a worker was ended that nobody waited for any more."""
    return WorkerCrashed(
        f"The model did not come back within {seconds:g} seconds from a call that was to end; its process was ended.",
    )


def unwell(why: str) -> WorkerCrashed:
    """Why a worker was ended that had nothing to do."""
    return WorkerCrashed(f"The model is not well, and its process was ended. {why}", mend="See the health check.")


def told(error: ExecutionError, log: str, scrubber: Scrubber | None) -> ExecutionError:
    """The error as one caller gets it: with the end of what was written, and without the values of secrets."""
    fields: dict[str, Any] = error.to_dict()
    if scrubber is not None:
        fields = scrubber.clean(fields)
    details = fields.get("details", {}) | {"log": log}
    return type(error)(
        fields["message"],
        why=fields.get("why", ""),
        mend=fields.get("mend", ""),
        code=error.error_code,
        **details,
    )
