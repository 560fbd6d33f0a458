"""What a supervisor says of itself, and what it reads of the folder that it was given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nova_spi.serving.supervisor.worker import Worker


def reported(status: str, workers: Sequence[Worker], queued: int, running: int) -> dict[str, Any]:
    """The health of a supervisor as one JSON object; an error is there by its code and message, without any log."""
    return {
        "status": status,
        "ready": status in ("ready", "idle"),
        "workers": [_worker(index, worker) for index, worker in enumerate(workers)],
        "queue_depth": queued,
        "in_flight": running,
    }


def read_secrets(folder: Path | None) -> dict[str, str]:
    """The values of secrets, by the names of their files."""
    if folder is None or not folder.is_dir():
        return {}
    files = [path for path in folder.iterdir() if path.is_file()]
    return {path.name: path.read_bytes().decode("utf-8", "surrogateescape") for path in files}


def _worker(index: int, worker: Worker) -> dict[str, Any]:
    error = worker.last_error
    return {
        "slot": index,
        "state": worker.state,
        "pid": worker.pid,
        "calls": worker.calls,
        "restarts": worker.restarts,
        "last_error": None if error is None else {"code": error.error_code, "message": error.message},
    }
