"""``nova-spi schema``: the compiled interface in the shapes that other programs read."""

from pathlib import Path
from typing import Literal

import click

from nova_spi.cli import style
from nova_spi.cli.choice import Choice
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

Draft = Literal["2020-12", "draft-07"]

EXAMPLES = (
    "nova-spi schema",
    "nova-spi schema --format openapi",
    "nova-spi schema --command batch --format tool",
    "nova-spi schema --manifest --draft draft-07",
)


@spi_command("schema", short_help="Print a command's interface as JSON Schema, OpenAPI or a tool definition.")
@click.argument("path", type=click.Path(path_type=Path), default=Path(), required=False)
@click.option("--command", "command_name", metavar="NAME", help="The command.  [default: the default command]")
@click.option(
    "--format",
    "shape",
    type=Choice(["json-schema", "openapi", "tool"]),
    default="json-schema",
    show_default=True,
    help="The shape to print.",
)
@click.option(
    "--draft",
    type=Choice(["2020-12", "draft-07"]),
    default="2020-12",
    show_default=True,
    help="The JSON Schema draft.",
)
@click.option("--manifest", is_flag=True, help="The schema of the manifest itself; needs no project.")
def command(state: State, path: Path, command_name: str | None, shape: str, draft: Draft, manifest: bool) -> None:
    """Print the interface of a command of the project PATH; the output is always JSON."""
    if manifest:
        from nova_spi.manifest.json_schema import manifest_schema

        style.print_json(manifest_schema(draft))
        return
    style.print_json(_interface(path, command_name, shape, draft))


def _interface(path: Path, name: str | None, shape: str, draft: Draft) -> dict[str, object]:
    from nova_spi.interface.compiled import compile_interface
    from nova_spi.interface.json_schema import inputs_schema, outputs_schema
    from nova_spi.interface.openapi import openapi
    from nova_spi.interface.tools import tool
    from nova_spi.project.folder import open_folder

    manifest = open_folder(path).manifest
    interface = compile_interface(manifest)
    if shape == "openapi":
        return openapi(manifest, interface)
    chosen = interface.command(name)
    if shape == "tool":
        return tool(manifest, chosen)
    return {
        "command": chosen.name,
        "inputs": inputs_schema(chosen, draft),
        "outputs": outputs_schema(chosen, draft),
    }
