"""``--input KEY=VALUE``, ``--input-file`` and ``--secret NAME=@FILE``: from words to what the library takes."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click

from nova_spi.cli.choice import Choice
from nova_spi.cli.state import Function
from nova_spi.errors import UsageError

MAX_SECRET_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Words:
    """What the command line says of inputs and secrets, as it was typed."""

    inputs: tuple[str, ...]
    input_file: Path | None
    secrets: tuple[str, ...]

    @property
    def given(self) -> bool:
        """True where there is any input."""
        return bool(self.inputs) or self.input_file is not None


def input_options(function: Function) -> Function:
    """Adds ``--input``, ``--input-file`` and ``--secret`` to a command, which receives them as ``words``."""

    @functools.wraps(function)
    def call(
        *args: Any, inputs: tuple[str, ...], input_file: Path | None, secrets: tuple[str, ...], **options: Any
    ) -> Any:
        return function(*args, words=Words(inputs, input_file, secrets), **options)

    decorated = cast(Function, call)
    for option in (
        secret_option,
        click.option(
            "--input-file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Inputs as one JSON or YAML object; --input wins over it.",
        ),
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="KEY=VALUE",
            help="One input: text, JSON, @file; dotted keys; for a file a path, a glob or a folder (repeatable).",
        ),
    ):
        decorated = option(decorated)
    return decorated


def gather(words: Words, files: frozenset[str]) -> dict[str, Any]:
    """The inputs of one run, before they are bound to the interface.

    Args:
        words: What was typed.
        files: The names of the command's file parameters: their values are paths, and may be given more than once.

    Raises:
        UsageError: A word without ``=``, a key given twice, an input file that is no object.
    """
    from nova_spi.interface.binding import Text, expand_at_file
    from nova_spi.interface.input_file import read_input_file

    found: dict[str, Any] = read_input_file(words.input_file) if words.input_file else {}
    given: dict[str, Any] = {}
    for word in words.inputs:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(
                f"'{word}' is not KEY=VALUE.", why="An input needs a name.", mend='--input prompt="Hello, world!"'
            )
        if key in files:
            given.setdefault(key, []).append(value.removeprefix("@"))
        elif key in given:
            raise UsageError(f"The input '{key}' is given twice.", mend="give it once; a list is JSON: tags='[1, 2]'")
        else:
            given[key] = Text(expand_at_file(value, Path()))
    return found | given


def read_secrets(words: Iterable[str]) -> dict[str, str]:
    """The secrets given as ``NAME=@FILE``; a value on the command line itself is refused, since others can read it.

    Raises:
        UsageError: Not of that form, or a file that cannot be read.
    """
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if not name or not value.startswith("@") or len(value) == 1:
            raise UsageError(
                "A secret is given as NAME=@FILE.",
                why="A value on the command line can be read by every process of the machine.",
                mend=f"--secret {name or 'NAME'}=@FILE",
            )
        found[name] = _secret(Path(value[1:]), name)
    return found


def _secret(path: Path, name: str) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_SECRET_BYTES + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise UsageError(f"The file of the secret {name} cannot be read.", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The file of the secret {name} is not text in UTF-8.") from error
    if len(data) > MAX_SECRET_BYTES:
        raise UsageError(f"The file of the secret {name} is over {MAX_SECRET_BYTES // 1024} KiB.")
    return text.rstrip("\r\n")


def engine_options(function: Function) -> Function:
    """Adds ``--engine``, ``--require-isolation`` and ``--timeout`` to a command."""
    seconds: Callable[[Function], Function] = click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="When the run is ended.  [default: the manifest's]",
    )
    return place_options(seconds(function))


def place_options(function: Function) -> Function:
    """Adds ``--engine`` and ``--require-isolation`` to a command."""
    choices: Callable[[Function], Function] = click.option(
        "--engine",
        type=Choice(["auto", "docker", "process", "ray"]),
        help="Where to run.  [default: the settings' engine, else auto]",
    )
    least: Callable[[Function], Function] = click.option(
        "--require-isolation",
        type=click.Choice(["sandbox", "landlock", "process"]),
        help="Refuse to run with less. [default: the strongest that the machine has]",
    )
    return choices(least(function))


def secret_option(function: Function) -> Function:
    """Adds ``--secret`` to a command, which receives the words as ``secrets``."""
    option: Callable[[Function], Function] = click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="NAME=@FILE",
        help="A secret from a file; without it, from the environment.",
    )
    return option(function)
