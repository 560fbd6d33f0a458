"""Copying what came out to the folder that the caller named."""

import os
import shutil
from pathlib import Path
from typing import Any

from nova_spi.errors import ExecutionError


def deliver(outputs: Path, files: list[str], target: Path) -> dict[str, Any]:
    """Copies output.json and the output files to ``target``; what has the same name is replaced, the rest stays.

    Each file is written beside its place and renamed, output.json last: where it is new, all it names is there.

    Returns:
        The ``delivered`` of run.json.

    Raises:
        ExecutionError: The folder cannot be written.
    """
    target = target.absolute()
    states: dict[str, list[int]] = {}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for relative in [*files, "output.json"]:
            states[relative] = _copy(outputs / relative, target / relative)
    except OSError as error:
        raise ExecutionError(
            f"The outputs cannot be copied to {target}: {error.strerror}: {error.filename}",
            why=f"They are in the run's own folder: {outputs}",
            mend="Name another folder: --output DIR",
            code="run.output",
        ) from error
    return {"folder": str(target), "files": states}


def _copy(source: Path, target: Path) -> list[int]:
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name[:200]}.{os.getpid()}.new")
    try:
        shutil.copyfile(source, fresh)
        fresh.replace(target)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    status = target.stat()
    return [status.st_size, status.st_mtime_ns]
