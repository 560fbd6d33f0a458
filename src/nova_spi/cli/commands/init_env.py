"""``nova-spi init-env``: a development container or a virtual environment, and ``.devcontainer`` for any editor."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nova_spi.cli import style
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

if TYPE_CHECKING:
    from nova_spi.execution.development.preparing import Prepared

EXAMPLES = (
    "nova-spi init-env",
    "nova-spi init-env my-model --python-version 3.11 --with-jupyter",
    "nova-spi init-env --cuda-version 12.4 --attach",
)


@spi_command("init-env", short_help="Make what you work on a model in: a container, or a virtual environment.")
@click.argument("path", type=click.Path(path_type=Path), default=Path(), required=False)
@click.option(
    "--cuda-version", metavar="VERSION", help="Take a base for GPUs with this CUDA.  [default: the manifest's]"
)
@click.option("--python-version", metavar="VERSION", help="[default: the manifest's, else 3.12]")
@click.option(
    "--base-image",
    help="A reference, or an OCI layout or an archive on disk.  [default: the manifest's, else by device]",
)
@click.option("--force", is_flag=True, help="Make it anew, and replace files in .devcontainer that were changed.")
@click.option("--with-jupyter", is_flag=True, help="JupyterLab too; a container runs it, on this machine's loopback.")
@click.option("--attach", is_flag=True, help="Open Visual Studio Code on it.")
def command(
    state: State,
    path: Path,
    cuda_version: str | None,
    python_version: str | None,
    base_image: str | None,
    force: bool,
    with_jupyter: bool,
    attach: bool,
) -> None:
    """Make what you work on the project PATH in (default: the current folder).

    Where Docker or Podman answers: a container with the model's packages and the project mounted, which runs until it
    is stopped. Elsewhere: a virtual environment in .venv. Either way .devcontainer is written, so that any editor can
    open the project in a container of its own.
    """
    from nova_spi.execution.development.bases import Asked
    from nova_spi.execution.development.preparing import Options, prepare
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    folder = open_folder(path)
    settings = Settings.load(folder.root)
    options = Options(Asked(base_image, python_version, cuda_version), with_jupyter, attach, force)
    with Showing(state) as progress:
        prepared = prepare(folder, options, settings, progress)
    if state.machine:
        style.print_json(_to_dict(prepared))
    elif not state.silent:
        _show(prepared)
    if prepared.attached is not None and not prepared.attached.opened and not state.silent:
        style.note(f"! Visual Studio Code was not opened: {prepared.attached.why}")
        style.note(f"  mend: {prepared.attached.command}")


def _to_dict(prepared: "Prepared") -> dict[str, Any]:
    """The stable JSON shape."""
    environment, container, attached = prepared.environment, prepared.container, prepared.attached
    return {
        "schema_version": style.SCHEMA_VERSION,
        "ok": True,
        "kind": prepared.kind,
        "reason": prepared.reason,
        "base": {"image": prepared.base.said or prepared.base.public, "reason": prepared.base.reason},
        "devcontainer": {
            "folder": str(prepared.devcontainer.folder),
            "written": list(prepared.devcontainer.written),
            "kept": list(prepared.devcontainer.kept),
        },
        "environment": environment
        and {
            "folder": str(environment.folder),
            "python": environment.version,
            "reason": environment.reason,
            "done": environment.done,
            "jupyter": environment.jupyter,
        },
        "container": container and container.to_dict(),
        "attached": attached and {"opened": attached.opened, "command": attached.command, "why": attached.why or None},
    }


def _show(prepared: "Prepared") -> None:
    paint = style.Paint(sys.stdout)
    files = prepared.devcontainer
    if prepared.environment is not None:
        _show_environment(prepared, paint)
    else:
        _show_container(prepared, paint)
    if files.written:
        style.say(f"  written: {', '.join(f'.devcontainer/{name}' for name in files.written)}")
        style.say(f"    from {prepared.base.public}: {prepared.base.reason}")
    if files.kept:
        names = ", ".join(f".devcontainer/{name}" for name in files.kept)
        style.say(f"{paint.yellow('!')} left as you changed it: {names} (--force replaces it)")


def _show_environment(prepared: "Prepared", paint: style.Paint) -> None:
    made = prepared.environment
    if made is None:
        return
    words = {"made": "Made", "updated": "Updated", "there": "Nothing to do for"}
    style.say(f"{paint.green('✓')} {words[made.done]} the virtual environment {made.folder}")
    style.say(f"  Python {made.version}: {made.reason}")
    style.say(f"  a virtual environment, since {prepared.reason}")
    style.say(f"  use it: . {made.folder / 'bin' / 'activate'}")
    if made.jupyter:
        style.say(f"  JupyterLab: {made.folder / 'bin' / 'jupyter'} lab")


def _show_container(prepared: "Prepared", paint: style.Paint) -> None:
    made = prepared.container
    if made is None:
        return
    words = {"made": "Made", "started": "Started", "there": "Nothing to do for"}
    style.say(f"{paint.green('✓')} {words[made.done]} the container {made.name}")
    if made.base:
        style.say(f"  on {made.base}")
    style.say(f"  the project stands at {made.folder}; {prepared.reason}")
    style.say(f"  use it: nova-spi container exec {made.name} -- python")
    if made.jupyter:
        style.say(f"  JupyterLab: {made.jupyter}")
        style.say(f"  its token:  {made.token_file}")
