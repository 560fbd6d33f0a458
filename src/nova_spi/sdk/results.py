"""What a caller in Python gets of a call: typed values, and files as paths."""

import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nova_spi.errors import ExecutionError
from nova_spi.execution.removal import remove_tree
from nova_spi.serving.calls import Execution, OutputFile
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import from_json

_SAME = frozenset(("string", "integer", "float", "boolean", "enum"))
"""Types whose values are in Python what they are in JSON."""


def results(command: ServedCommand, store: Path, output: Path | None) -> Callable[[Execution], dict[str, Any]]:
    """What makes the outputs of a command's executions, as `nova_spi.ExecutionResult.outputs` has them.

    Args:
        command: The command.
        store: Where the files of executions stand, each in a folder of its id.
        output: A folder that receives the files; None leaves them where they are.
    """
    typed = typing(command)

    def made(execution: Execution) -> dict[str, Any]:
        found = typed(execution.value())
        for name, files in execution.files.items():
            found[name] = [file.path if output is None else _move(file, output) for file in files]
        if execution.files and output is not None:
            remove_tree(store / execution.id)
        return found

    return made


def typing(command: ServedCommand) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What gives the values of a JSON object of outputs their types."""
    others = {each.name: each for each in command.outputs if each.type not in _SAME and each.type != "file"}

    def typed(values: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(values)
        for name in others.keys() & found.keys():
            found[name] = _typed(others[name], found[name])
        return found

    return typed


def _typed(parameter: Parameter, value: Any) -> Any:
    return None if value is None else from_json(parameter, value)


def _move(file: OutputFile, folder: Path) -> Path:
    """One file to where the caller wants it; what has its name there is replaced in one step."""
    target = folder / file.name.removeprefix("outputs/")
    fresh = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file.path, fresh)
        return fresh.replace(target)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise ExecutionError(
            f"The outputs cannot be moved to {folder}: {error.strerror}: {error.filename}",
            mend="Name another folder.",
            code="run.output",
        ) from error
