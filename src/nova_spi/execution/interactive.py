"""A shell in a model's environment, with everything staged as for a run: for debugging by hand."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Engine
from nova_spi.errors import UsageError
from nova_spi.execution.jobs import make_job
from nova_spi.execution.places import open_run
from nova_spi.execution.prepare import fetch_assets, fill, recipe_of
from nova_spi.execution.run import make_request
from nova_spi.execution.secrets import laid_out
from nova_spi.interface.binding import bind_inputs
from nova_spi.progress import Progress, Silent
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder

PASSED = ("TERM", "COLORTERM", "LANG", "LC_ALL", "SHELL")
"""What the shell gets of the caller's environment, so that the terminal works."""


def open_shell(
    folder: "Folder",
    *,
    command: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    engine: Engine,
    settings: Settings,
    progress: Progress | None = None,
) -> int:
    """Opens the caller's shell in the model's folder, with its environment; everything is removed when it ends.

    Nothing limits or watches what is done in it, and it leaves no record.

    Returns:
        The shell's exit status.

    Raises:
        UsageError: The engine runs images alone.
        NovaSpiError: The environment, an asset or an input cannot be had; as in `nova_spi.execution.run.execute`.
    """
    progress = progress or Silent()
    if engine.images == "must":
        raise UsageError(
            f"The engine '{engine.name}' opens no shell with staged inputs.",
            why="A model's image usually has no shell.",
            mend="nova-spi test --interactive --engine process, or nova-spi container exec",
        )
    request = make_request(
        folder, command=command, inputs=inputs, secrets=secrets, engine=engine, settings=settings, progress=progress
    )
    with open_run(folder.root, record=False) as run:
        bound = bind_inputs(request.command, request.inputs, Path.cwd())
        environment = engine.provide(recipe_of(request), progress)
        assets, _ = fetch_assets(request, progress.warn)
        with laid_out(request.secrets, run.scratch / "secrets") as values:
            stage = fill(request, run, environment, bound, assets, progress.warn)
            job = make_job(request, run, stage, bound, environment, values)
            for message in bound.warnings:
                progress.warn(message)
            progress.stage("shell", f"In the model's folder; the command is: {' '.join(job.argv)}")
            shell = os.environ.get("SHELL") or "/bin/sh"
            own = {name: os.environ[name] for name in PASSED if name in os.environ}
            return subprocess.run([shell], cwd=run.work, env=own | dict(job.variables), check=False).returncode
