"""``nova-spi run``: one execution of a local model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nova_spi.cli import results
from nova_spi.cli.calling import Call, Place
from nova_spi.cli.inputs import Words, engine_options, input_options
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

if TYPE_CHECKING:
    from nova_spi.engines.process.isolation.levels import Level

EXAMPLES = (
    'nova-spi run --input prompt="Hello, world!"',
    "nova-spi run --input picture=photo.png --input min_confidence=0.7 --output results",
    "nova-spi run my-model --command batch --input-file inputs.json --timeout 60",
    'nova-spi run my-model:1.0.0 --input prompt="Hello, world!"',
    'nova-spi run registry.example.org/team/my-model:1.0.0 --input prompt="Hello, world!"',
)


@spi_command("run", short_help="Run a model once.")
@click.argument("path", metavar="[PATH or REF]", default=".", required=False)
@click.option("--command", "command_name", metavar="NAME", help="The command.  [default: the default command]")
@input_options
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    default=Path("outputs"),
    show_default=True,
    help="Receives output.json and the output files.",
)
@engine_options
def command(
    state: State,
    path: str,
    command_name: str | None,
    words: Words,
    output: Path,
    engine: str | None,
    require_isolation: "Level | None",
    timeout: float | None,
) -> int:
    """Run a model once: of the project PATH (default: the current folder), or of the built image REF.

    An image that is not in the local store is fetched from its registry.
    """
    call = Call.make(Place.open(path, engine, require_isolation, state), command_name, words)
    result = call.execute(state, output=output, timeout=timeout)
    results.show(result, state, f"{call.place.folder.manifest.model.name}: {call.command} succeeded")
    return result.error.exit_status if result.error else 0
