"""The runs that a project remembers: the last 20, and never fewer than those that are going on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nova_spi.execution.places import RunFolder, is_held, runs_folder
from nova_spi.execution.removal import remove_tree

KEPT = 20
MAX_RECORD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run as its folder shows it.

    Attributes:
        id: Its id.
        folder: Its folder.
        status: ``running``, ``succeeded``, ``failed``, ``cancelled``, or ``abandoned``: its process died meanwhile.
        record: The content of run.json; empty where there is none yet.
    """

    id: str
    folder: Path
    status: str
    record: Mapping[str, Any] = field(default_factory=dict)


def history(project: Path) -> list[PastRun]:
    """All runs of a project, the newest first."""
    try:
        found = sorted(runs_folder(project).iterdir(), key=lambda path: path.name, reverse=True)
    except OSError:
        return []
    return [_past(folder) for folder in found if folder.is_dir() and "." not in folder.name]


def _past(folder: Path) -> PastRun:
    run = RunFolder(folder.name, folder)
    record = _read(run.record)
    status = str(record.get("status", "running"))
    if status == "running" and not is_held(run.lock):
        status = "abandoned"
    return PastRun(run.id, folder, status, record)


def prune(project: Path, keep: int = KEPT) -> None:
    """Removes all but the newest runs; one that is going on stays, whatever its age.

    What an abandoned run left of its working folder goes too: it may hold secrets.
    """
    base = runs_folder(project)
    try:
        names = sorted((path.name for path in base.iterdir() if path.is_dir()), reverse=True)
    except OSError:
        return
    for place, name in enumerate(name for name in names if "." not in name):
        run = RunFolder(name, base / name)
        if place >= keep and not is_held(run.lock):
            remove_tree(run.root)
        elif run.work.exists() and _past(run.root).status == "abandoned":
            remove_tree(run.work)
            remove_tree(run.scratch)
    for name in names:
        if "." in name:  # what an interrupted removal has left
            remove_tree(base / name)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(MAX_RECORD_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
