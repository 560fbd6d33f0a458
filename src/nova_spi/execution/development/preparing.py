"""``init-env``: everything that someone needs to work on a model, by what this machine has."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nova_spi.engines.select import container_engine_answers
from nova_spi.errors import BuildFailed, RegistryError
from nova_spi.execution.development import editor
from nova_spi.execution.development.bases import Asked, Base, base_for, with_python
from nova_spi.execution.development.environment import LocalEnvironment, Wish, prepare_environment
from nova_spi.progress import Progress, Silent
from nova_spi.project import devcontainer
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.execution.development.result import DevelopmentContainer
    from nova_spi.project.folder import Folder


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller asks for.

    Attributes:
        asked: The base, Python and CUDA; see `Asked`.
        jupyter: JupyterLab too; in a container it is started.
        attach: Open the editor.
        force: Make anew what is there, and replace what somebody has changed.
    """

    asked: Asked = field(default_factory=Asked)
    jupyter: bool = False
    attach: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is ready.

    Attributes:
        kind: ``container``, or ``venv`` where there is no container engine.
        reason: Why this one.
        base: What ``.devcontainer`` and the container are made from.
        devcontainer: What was written there.
        environment: The virtual environment; None for a container.
        container: The container; None for a virtual environment.
        attached: What came of opening the editor; None where nobody asked.
    """

    kind: Literal["container", "venv"]
    reason: str
    base: Base
    devcontainer: devcontainer.Written
    environment: LocalEnvironment | None = None
    container: "DevelopmentContainer | None" = None
    attached: editor.Attached | None = None


def prepare(folder: "Folder", options: Options, settings: Settings, progress: Progress | None = None) -> Prepared:
    """Writes ``.devcontainer`` and makes a container or a virtual environment, whichever this machine can.

    Args:
        folder: The project.
        options: See `Options`.
        settings: ``engine`` chooses: ``docker`` insists on a container, ``process`` on a virtual environment.
        progress: Is told.

    Raises:
        NovaSpiError: The manifest has errors, the base cannot be had, a requirement cannot be installed, or the engine
            that the settings name is not there.
    """
    progress = progress or Silent()
    base = base_for(folder, options.asked, settings)
    execution = folder.manifest.execution
    requirements = (execution.requirements if execution else None) or ""
    wanted = devcontainer.Development(base.public, requirements, options.jupyter)
    progress.stage("devcontainer")
    written = devcontainer.write(folder, wanted, force=options.force)
    if settings.engine == "docker" or (settings.engine == "auto" and container_engine_answers()):
        try:
            return _in_container(folder, options, settings, base, written, progress)
        except (RegistryError, BuildFailed) as error:
            if settings.engine == "docker" or options.asked.base or error.error_code not in NO_BASE:
                raise
            reason = f"a container engine is here, and no base for it: {error.message}"
    else:
        reason = "the engine is set to process" if settings.engine == "process" else "no container engine answers here"
    return _in_environment(folder, options, settings, base, written, reason, progress)


NO_BASE = frozenset({"registry.unavailable", "build.no_base", "build.debian_unavailable"})
"""Codes of a base that cannot be had; then a virtual environment is better than nothing."""


def _in_container(
    folder: "Folder",
    options: Options,
    settings: Settings,
    base: Base,
    written: devcontainer.Written,
    progress: Progress,
) -> Prepared:
    from nova_spi.execution.development.container import has_shell, prepare_container

    folder = with_python(folder, options.asked.python)
    made = prepare_container(
        folder, base=base, jupyter=options.jupyter, force=options.force, settings=settings, progress=progress
    )
    attached = None
    if options.attach and not has_shell(made):
        why = f"the image of {made.name} has no shell, which its server needs; use a base that has one"
        attached = editor.Attached(False, "nova-spi init-env --attach --force --base-image python:3.12-slim", why)
    elif options.attach:
        attached = editor.open_container(made.name, made.folder, made.host)
    return Prepared("container", f"{made.engine} answers", base, written, container=made, attached=attached)


def _in_environment(
    folder: "Folder",
    options: Options,
    settings: Settings,
    base: Base,
    written: devcontainer.Written,
    reason: str,
    progress: Progress,
) -> Prepared:
    execution = folder.manifest.execution
    wish = Wish(
        folder.root,
        (execution.requirements if execution else None) or "",
        base.python,
        base.python_said_by,
        options.jupyter,
        options.force,
    )
    made = prepare_environment(wish, settings.cache_dir, progress)
    attached = editor.open_folder(folder.root) if options.attach else None
    return Prepared("venv", reason, base, written, environment=made, attached=attached)
