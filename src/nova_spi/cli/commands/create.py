"""``nova-spi create``: a project from a domain's template."""

import os
import shlex
import sys
from pathlib import Path

import click

from nova_spi.cli import style
from nova_spi.cli.choice import Choice
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

EXAMPLES = (
    "nova-spi create my-text-model --domain text",
    "nova-spi create caption-reader --domain image --description 'Reads the text in a picture.' --output-dir models",
)


@spi_command("create", short_help="Create a project from a domain's template.")
@click.argument("name")
@click.option(
    "--domain",
    type=Choice(["text", "image", "video", "audio", "multimodal"]),
    required=True,
    help="What the model works on.",
)
@click.option("--template", metavar="NAME", help="A template's name.  [default: the domain's]")
@click.option("--description", help="One sentence that says what the model does.")
@click.option("--version", metavar="VERSION", default="0.1.0", show_default=True, help="The first version (semver).")
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    default=Path(),
    show_default=True,
    help="The folder that the project's folder is made in.",
)
def command(
    state: State,
    name: str,
    domain: str,
    template: str | None,
    description: str | None,
    version: str,
    output_dir: Path,
) -> None:
    """Create the project NAME from a domain's template: it runs and passes its own test as it is."""
    from nova_spi.project.creation import create
    from nova_spi.project.files import project_files

    folder = create(
        name, domain=domain, output_dir=output_dir, template=template, version=version, description=description
    )
    if state.machine:
        files = sorted(found.relative for found in project_files(folder.root))
        made = {"ok": True, "name": name, "domain": domain, "path": str(folder.root), "files": files}
        style.print_json({"schema_version": style.SCHEMA_VERSION} | made)
        return
    if state.silent:
        return
    paint = style.Paint(sys.stdout)
    style.say(f"{paint.green('✓')} Created new SPI project '{name}' in {folder.root}")
    style.say("Next:")
    style.say(f"  cd {shlex.quote(_from_here(folder.root))}")
    style.say("  nova-spi validate")
    style.say("  nova-spi test")


def _from_here(root: Path) -> str:
    """The shortest way to a folder: relative where it lies below this one."""
    relative = os.path.relpath(root)
    return str(root) if relative.startswith(os.pardir) else relative
