"""``nova-spi help``: as ``--help``, with examples when asked."""

import importlib

import click

from nova_spi.cli import style
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command
from nova_spi.cli.table import COMMANDS

EXAMPLES = ("nova-spi help", "nova-spi help validate --verbose")


@spi_command("help", short_help="Show help for a command.")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def command(context: click.Context, state: State, name: str | None) -> None:
    """Show help for COMMAND, or for nova-spi; --verbose adds examples."""
    group = context.find_root()
    if name is None:
        style.say(group.get_help())
        _examples(list(COMMANDS) if state.verbosity else [])
        return
    found = group.command.get_command(group, name) if isinstance(group.command, click.Group) else None
    if found is None:
        from nova_spi.cli.main import no_such_command

        raise no_such_command(name, context)
    with click.Context(found, info_name=name, parent=group) as inner:
        style.say(found.get_help(inner))
    _examples([name] if state.verbosity else [])


def _examples(names: list[str]) -> None:
    if not names:
        return
    style.say("\nExamples:")
    for name in names:
        for line in importlib.import_module(COMMANDS[name].module).EXAMPLES:
            style.say(f"  {line}")
