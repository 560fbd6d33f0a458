"""The ``nova-spi`` program: finds the command, runs it, and turns errors into words and an exit status.

Only Click and the table of commands are loaded for ``--help``: a start is paid for on every call.
"""

import errno
import importlib
import os
import sys
from collections.abc import Sequence

import click

from nova_spi.cli.signals import Ending
from nova_spi.cli.state import State, global_options
from nova_spi.cli.table import COMMANDS
from nova_spi.errors import NovaSpiError
from nova_spi.version import __version__

OUTPUT_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, and none for its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        found: click.Command = importlib.import_module(entry.module).command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As Click does it, with a did-you-mean."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            raise no_such_command(name, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def no_such_command(name: str, context: click.Context) -> click.UsageError:
    """The error for a name that is no command, with a did-you-mean."""
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f" Did you mean '{near[0]}'?" if near else " See: nova-spi --help"
    return click.UsageError(f"There is no command '{name}'.{hint}", context)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: nova-spi create my-model --domain text. Every command has --help.",
)
@global_options
@click.version_option(__version__, prog_name="nova-spi", message="%(prog)s %(version)s")
def cli() -> None:
    """One manifest says what a model is, takes and gives; nova-spi runs it the same way everywhere."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program and ends the process with its exit status.

    Args:
        arguments: The words after the program's name; None takes those of this process.
    """
    state = State()
    try:
        with Ending() as ending:
            status = ending.status(run(arguments, state))
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`| head`): nothing is wrong.
        _forget_output()
        status = 0
    sys.exit(status)


def _forget_output() -> None:
    """What could not be written is given up, so that the flush at the end does not complain either."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: Sequence[str] | None, state: State) -> int:
    """Runs one command and gives its exit status; whatever goes wrong is rendered, never a traceback.

    Args:
        arguments: The words after the program's name.
        state: Receives the global options, so that errors are rendered as they ask for.
    """
    from nova_spi.cli import failures, style

    try:
        result = cli.main(
            args=None if arguments is None else list(arguments), prog_name="nova-spi", standalone_mode=False, obj=state
        )
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        style.note(error.format_message())
        return error.exit_code
    except click.ClickException as error:
        _remember_format(sys.argv[1:] if arguments is None else arguments, state)
        return failures.usage(error, state)
    except (click.Abort, KeyboardInterrupt):
        return failures.interrupted(state)
    except NovaSpiError as error:
        return failures.expected(error, state)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno not in OUTPUT_IS_FULL or error.filename is not None:
            return failures.unexpected(error, state)
        _forget_output()
        return failures.unwritable(error)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug of ours is told in one line too
        return failures.unexpected(error, state)


def _remember_format(words: Sequence[str], state: State) -> None:
    """Click may stop before it reaches ``--output-format``; a program that reads wants JSON all the same."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if option == "--output-format" and (value or following) in ("json", "sarif"):
            state.output_format = value or following


if __name__ == "__main__":
    main()
