"""``--input KEY=VALUE``, ``--input-file`` and ``--secret NAME=@FILE``: from words to what the library takes."""

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click

from nova_spi.cli.state import Function
from nova_spi.errors import InputInvalid, UsageError

MAX_FILE_BYTES = 16 * 1024 * 1024
"""Of an input file, a secret file and an ``@file`` value."""


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
        click.option(
            "--secret",
            "secrets",
            multiple=True,
            metavar="NAME=@FILE",
            help="A secret from a file; without it, from the environment.",
        ),
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

    found: dict[str, Any] = _read_object(words.input_file) if words.input_file else {}
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


def _read_object(path: Path) -> dict[str, Any]:
    data = _bounded(path, "input file")
    try:
        found = json.loads(data) if path.suffix.lower() == ".json" else _yaml(data, path)
    except (ValueError, RecursionError) as error:
        raise InputInvalid(
            f"The input file {path} is not valid JSON.", why=str(error), mend="correct the file"
        ) from error
    if not isinstance(found, dict):
        raise InputInvalid(
            f"The input file {path} holds no object.",
            why=f"It holds {type(found).__name__}; inputs are names with values.",
            mend='{"prompt": "Hello, world!"}',
        )
    return found


def _yaml(data: bytes, path: Path) -> Any:
    from nova_spi.manifest.construct import plain
    from nova_spi.manifest.source import parse

    parsed = parse(data)
    problems = [item for item in parsed.findings if item.severity == "error"]
    if problems or parsed.node is None:
        first = problems[0] if problems else None
        place = f":{first.span.line}:{first.span.column}" if first and first.span else ""
        raise InputInvalid(
            f"The input file {path}{place} is not valid YAML.",
            why=first.message if first else "It is empty.",
            mend="correct the file",
        )
    return plain(parsed.node)


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
        found[name] = _bounded(Path(value[1:]), f"file of the secret {name}").decode("utf-8").rstrip("\r\n")
    return found


def _bounded(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"The {what} {path} cannot be read.", why=error.strerror or str(error)) from error
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(
            f"The {what} {path} is over {MAX_FILE_BYTES // 2**20} MiB.", mend="pass large data as a file input"
        )
    return data


def engine_options(function: Function) -> Function:
    """Adds ``--engine`` and ``--timeout`` to a command."""
    choices: Callable[[Function], Function] = click.option(
        "--engine",
        type=click.Choice(["auto", "docker", "process", "ray"]),
        help="Where to run. [default: the settings' engine, else auto]",
    )
    seconds: Callable[[Function], Function] = click.option(
        "--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds. [default: the manifest's]"
    )
    return choices(seconds(function))
