"""One execution, from inputs to outputs and evidence."""

import threading
from collections.abc import Mapping
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Engine, Image
from nova_spi.execution.history import prune
from nova_spi.execution.places import open_run
from nova_spi.execution.records import ExecutionResult
from nova_spi.execution.request import Request, checked_timeout
from nova_spi.execution.secrets import gather
from nova_spi.execution.stages import Stages
from nova_spi.interface.compiled import compile_interface
from nova_spi.progress import Progress, Silent
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder


def execute(
    folder: "Folder",
    *,
    command: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    timeout: float | None = None,
    engine: Engine,
    settings: Settings,
    progress: Progress | None = None,
    output: Path | None = None,
    keep: bool = False,
    cancel: threading.Event | None = None,
    image: Image | None = None,
) -> ExecutionResult:
    """Runs one command of a project once.

    A run that fails, for whatever reason, is a result with its error, log and record; so is one that Ctrl-C ends
    (`nova_spi.errors.RunCancelled`). What is raised is a call that makes no sense.

    Args:
        folder: The project.
        command: One of its commands; None is the default one.
        inputs: Values by name; a file input is a path, a glob, a folder or a list of them, relative to the current
            folder. `nova_spi.interface.binding.Text` marks a value that came as text.
        secrets: Values by name, over those in the caller's environment.
        timeout: Deadline of the run itself in seconds, over the manifest's.
        engine: Where it runs.
        settings: For the cache and the volumes.
        progress: Hears what is going on, and the log as it comes.
        output: Receives output.json and the output files where the run succeeds.
        keep: The working folder stays, for debugging.
        cancel: Ends the execution where it is set, from another thread.
        image: The image to run in, which holds the project as it was built; None is the project as it stands, in an
            image of its own where the engine runs nothing else.

    Raises:
        ManifestInvalid: The manifest has errors.
        UsageError: There is no such command or secret, or the timeout is none.
        ProjectError: The project's folder cannot be written.
    """
    request = make_request(
        folder,
        command=command,
        inputs=inputs,
        secrets=secrets,
        timeout=timeout,
        engine=engine,
        settings=settings,
        progress=progress,
        output=output,
        keep=keep,
        cancel=cancel,
        image=image,
    )
    with open_run(folder.root, keep=keep) as run:
        prune(folder.root)
        return Stages(request, run).go()


def make_request(
    folder: "Folder",
    *,
    command: str | None,
    inputs: Mapping[str, Any] | None,
    secrets: Mapping[str, str] | None,
    timeout: float | None = None,
    progress: Progress | None = None,
    **rest: Any,
) -> Request:
    """Checks a call as far as nothing has to be made for it; the arguments and errors are those of `execute`."""
    manifest = folder.manifest
    interface = compile_interface(manifest)
    return Request(
        folder=folder,
        manifest=manifest,
        interface=interface,
        command=interface.command(command),
        inputs=dict(inputs or {}),
        secrets=gather(manifest.execution.secrets if manifest.execution else (), secrets or {}, _environment(folder)),
        timeout=checked_timeout(timeout),
        progress=progress or Silent(),
        **rest,
    )


def _environment(folder: "Folder") -> Mapping[str, str]:
    """Where secrets come from that the caller has not given: of an image, nowhere. Anybody may have named them."""
    return {} if folder.from_image else environ
