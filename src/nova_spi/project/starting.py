"""The program that a manifest names, as words."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.errors import ExecutionError

if TYPE_CHECKING:
    from nova_spi.manifest.models import EntryPoint


def starting_words(entry: "EntryPoint | None", root: Path) -> tuple[str, ...]:
    """The program and its arguments; paths below base_work_dir stay as they are written.

    Args:
        entry: What the manifest names; without it, run.py.
        root: The project.

    Raises:
        ExecutionError: The manifest has no entry point, and there is no run.py.
    """
    if entry is None:
        if not (root / "run.py").is_file():
            raise ExecutionError(
                "There is nothing to run.",
                why="execution.entry_point is missing, and the project has no run.py.",
                mend="Write run.py, or name an entry_point.",
                code="run.no_entry_point",
            )
        return ("python", "run.py")
    if entry.command is None:
        return ("python", "-m", "nova_spi_runtime")
    return tuple(shlex.split(entry.command) if isinstance(entry.command, str) else entry.command)
