"""Did the model write into the project? Compared before and after; what we delivered meanwhile does not count."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nova_spi.errors import ProjectModified
from nova_spi.execution.history import history
from nova_spi.project.files import Snapshot

SHOWN = 10
MAX_FILES = 1000


def modified(root: Path, before: Snapshot) -> ProjectModified | None:
    """The error that names the files of the project that changed while the model ran, or None."""
    changes = Snapshot.take(root).changes(before)
    if changes:
        changes = _not_ours(root, changes)
    if not changes:
        return None
    listed = ", ".join(changes[:SHOWN]) + (f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else "")
    return ProjectModified(
        f"Files of the project changed while the model ran: {listed}",
        why="A model works in its own folder, SPI_WORK_DIR; the project is not its place to write.",
        mend="Write below the current folder or SPI_OUTPUT_DIR. If you changed them yourself meanwhile, run it again.",
        files=changes[:MAX_FILES],
    )


def _not_ours(root: Path, changes: list[str]) -> list[str]:
    """Without what another execution of the same project has delivered into it in between."""
    ours: dict[str, list[list[int]]] = {}  # several runs at once may deliver the same name one after the other
    folders: set[str] = set()
    resolved = root.resolve()
    for past in history(root):
        delivered = past.record.get("delivered")
        if isinstance(delivered, dict):
            for path, state in _delivered(delivered, resolved):
                ours.setdefault(path, []).append(state)
                folders.update(f"{parent}/" for parent in _parents(path))
    return [path for path in changes if path not in folders and not _same(root / path, ours.get(path, ()))]


def _delivered(delivered: dict[str, Any], root: Path) -> Iterable[tuple[str, list[int]]]:
    folder = Path(str(delivered.get("folder", "")))
    files = delivered.get("files")
    if not isinstance(files, dict) or not folder.is_relative_to(root):
        return
    for relative, state in files.items():
        yield (folder / relative).relative_to(root).as_posix(), state


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _same(path: Path, states: Iterable[list[int]]) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return [found.st_size, found.st_mtime_ns] in states
