"""What the global options say, and how every command takes them before or after its name."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from nova_spi.cli.choice import Choice

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(slots=True)
class State:
    """The global options of one call.

    Attributes:
        verbosity: 0, 1 (``-v``: the model's log as it comes) or 2 (``-vv``: tracebacks too).
        silent: Only errors.
        output_format: What standard output shows: text, json, and sarif for findings.
    """

    verbosity: int = 0
    silent: bool = False
    output_format: str = "text"

    @property
    def machine(self) -> bool:
        """True where a program reads standard output."""
        return self.output_format != "text"


def _state(context: click.Context) -> State:
    return context.ensure_object(State)


def _louder(context: click.Context, _: click.Parameter, value: int) -> None:
    _state(context).verbosity = max(_state(context).verbosity, min(value, 2))


def _loudest(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        _state(context).verbosity = 2


def _silent(context: click.Context, _: click.Parameter, value: bool) -> None:
    _state(context).silent = _state(context).silent or value


def _format(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        _state(context).output_format = value


def global_options(function: Function) -> Function:
    """Adds ``-v``, ``-vv`` and ``-s`` to a command or to the group."""
    for option in (
        click.option("-s", "--silent", is_flag=True, expose_value=False, callback=_silent, help="Only errors."),
        click.option(
            "-vv", "--very-verbose", is_flag=True, expose_value=False, callback=_loudest, help="Tracebacks too."
        ),
        click.option(
            "-v", "--verbose", count=True, expose_value=False, callback=_louder, help="The stages, and the model's log."
        ),
    ):
        function = option(function)
    return function


def output_format(*more: str) -> Callable[[Function], Function]:
    """Adds ``--output-format text|json`` and the formats in ``more``."""
    return click.option(
        "--output-format",
        type=Choice(["text", "json", *more]),
        default=None,
        expose_value=False,
        callback=_format,
        is_eager=True,
        help="What standard output shows.  [default: text]",
    )


def command(
    name: str, *, formats: tuple[str, ...] = (), **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Makes a click command that takes the global options and `State` as its first argument.

    Args:
        name: The command's name.
        formats: Output formats beside text and json.
        settings: Passed to click.command.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            return function(click.get_current_context().ensure_object(State), *args, **options)

        wrapped = global_options(output_format(*formats)(call))
        make: Callable[[Callable[..., Any]], click.Command] = click.command(
            name,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
            epilog=f"Examples: nova-spi help {name} --verbose",
            **settings,
        )
        made = make(wrapped)
        made.params.sort(key=lambda parameter: not parameter.expose_value)  # the command's own options come first
        return made

    return decorate
