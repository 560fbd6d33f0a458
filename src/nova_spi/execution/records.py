"""The record of one execution: run.json, and the result that a caller gets.

run.json, ``schema_version`` 1. Every key is always there; what is not known is null.

====================  ==================================================================================================
``schema_version``    "1"
``id``                sorts by time
``status``            running, succeeded, failed, cancelled
``nova_spi``          the version that ran it
``model``             {name, version}
``command``           the command's name
``manifest``          {file, sha256}
``engine``            {name, level, protections: [{what, limit, by, hard}]}
``environment``       {python, digest, cached} of the model's own Python, or null
``inputs``            name -> value; a file input is [{path, source, mime, size_bytes, sha256}]; a secret is
                      "[secret]"; a long value is {truncated, size_bytes, sha256}
``secrets``           the names of those that had a value
``assets``            [{name, uri, mount_path, sha256, size_bytes, cached, error}]
``limits``            {timeout_seconds, cpu_cores, memory_bytes, disk_bytes, log_bytes}
``timings``           seconds of prepare, environment, assets, run, collect, total; one that did not begin is missing
``usage``             {wall_seconds, cpu_seconds, peak_memory_bytes}
``gpu``               "n/a" where none was measured
``exit``              {reason, code, signal} as the engine saw it, or null; signal is a name
``leftovers``         processes that the model left behind, ended
``outputs``           name -> value as in output.json, bounded like the inputs
``delivered``         {folder, files: {path: [size, mtime in ns]}} of what was copied to ``--output``, or null
``error``             {code, message, why, mend, details} or null
``warnings``          sentences
``log``               {file, size_bytes, truncated}
``pid``               of the process that ran it
``started_at``, ``finished_at``   RFC 3339, UTC
====================  ==================================================================================================
"""

import hashlib
import json
import os
import signal
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Outcome
from nova_spi.errors import ExecutionError
from nova_spi.execution.places import RunFolder
from nova_spi.version import __version__

if TYPE_CHECKING:
    from nova_spi.execution.request import Request

SCHEMA_VERSION = "1"
LONGEST_TEXT = 4096
LONGEST_VALUE = 16 * 1024


@dataclass(frozen=True)
class ExecutionResult:
    """What an execution came to. One that failed is a result too.

    Attributes:
        id: Its id, which is the name of its folder.
        command: The command that ran.
        ok: True where nothing went wrong.
        outputs: Typed values by name; a file output is a list of absolute paths, in ``output`` where that was asked
            for, else in the run's own folder. Where the run failed it holds what could be collected.
        error: Why it failed, or None.
        folder: The run's folder with its record, log and outputs.
        log: The log's path.
        warnings: What should be known and did not stop it.
        record: The content of run.json.
    """

    id: str
    command: str
    ok: bool
    outputs: dict[str, Any]
    error: ExecutionError | None
    folder: Path
    log: Path
    warnings: tuple[str, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)

    def raise_for_error(self) -> "ExecutionResult":
        """Raises the error where there is one; else the result itself, to go on with."""
        if self.error is not None:
            raise self.error
        return self

    def log_text(self) -> str:
        """The log as text; bytes that are no UTF-8 are shown as the replacement character."""
        try:
            return self.log.read_bytes().decode("utf-8", "replace")
        except OSError:
            return ""


def now() -> str:
    """The time as RFC 3339 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def signal_name(number: int | None) -> str | None:
    """``SIGSEGV`` of 11; a number that has no name stays a number."""
    if number is None:
        return None
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def exit_of(outcome: Outcome) -> dict[str, Any]:
    """The ``exit`` of run.json."""
    return {"reason": outcome.reason, "code": outcome.exit_code, "signal": signal_name(outcome.signal)}


def usage_of(outcome: Outcome) -> dict[str, Any]:
    """The ``usage`` of run.json."""
    return {
        "wall_seconds": round(outcome.wall_seconds, 6),
        "cpu_seconds": round(outcome.cpu_seconds, 6),
        "peak_memory_bytes": outcome.peak_memory_bytes,
    }


def bounded(value: Any) -> Any:
    """A JSON value as a record holds it: a long one by its beginning, size and digest."""
    if isinstance(value, str) and len(value) <= LONGEST_TEXT // 4:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= (LONGEST_TEXT if isinstance(value, str) else LONGEST_VALUE):
        return value
    raw = text.encode("utf-8", "surrogatepass")
    return {"truncated": text[:200], "size_bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def replace_bytes(path: Path, content: bytes) -> None:
    """Writes beside the place and renames, so that nobody reads half of it; never through a link that a model made."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    fresh.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON as `replace_bytes` does."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    replace_bytes(path, text.encode("utf-8", "surrogatepass") + b"\n")


def beginning(request: "Request", run: RunFolder) -> dict[str, Any]:
    """The record at the beginning: every key, with what is known already."""
    engine, model, source = request.engine, request.manifest.model, request.folder.manifest_path
    limits = request.limits()
    return {
        "schema_version": SCHEMA_VERSION,
        "id": run.id,
        "status": "running",
        "nova_spi": __version__,
        "model": {"name": model.name, "version": model.version},
        "command": request.command.name,
        "manifest": {"file": source.name, "sha256": hashlib.sha256(source.read_bytes()).hexdigest()},
        "engine": {
            "name": engine.name,
            "level": getattr(engine, "level", engine.name),
            "protections": [
                asdict(one) for one in engine.protection(limits, request.execution.network, image=request.image)
            ],
        },
        "environment": None,
        "inputs": {},
        "secrets": sorted(request.secrets),
        "assets": [],
        "limits": asdict(limits),
        "timings": {},
        "usage": {"wall_seconds": None, "cpu_seconds": None, "peak_memory_bytes": None},
        "gpu": "n/a",
        "exit": None,
        "leftovers": 0,
        "outputs": {},
        "delivered": None,
        "error": None,
        "warnings": [],
        "log": None,
        "pid": os.getpid(),
        "started_at": now(),
        "finished_at": None,
    }
