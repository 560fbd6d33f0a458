"""Files that were looked into, and what is said of those that cannot be."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nova_spi.interface.binding import unknown_input
from nova_spi.serving.calls import InputFile
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.problems import Problem


class CheckedFiles(dict[str, tuple[InputFile, ...]]):
    """The files that a model gets, by input.

    Attributes:
        warnings: What was left out or could not be checked, each beginning with the input's name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.warnings: tuple[str, ...] = ()

    def take(
        self, parameter: Parameter, answer: Mapping[str, Any], problems: list[Problem], ours: Mapping[str, bool]
    ) -> None:
        """Takes in what `nova_spi.serving.accepting.media_program` says of one input."""
        files = [InputFile(Path(each["path"]), each["name"], ours.get(each["path"], False)) for each in answer["files"]]
        if files:
            self[parameter.name] = tuple(files)
        self.warnings += tuple(answer["warnings"])
        problems += [Problem(path, message) for path, message in answer["problems"]]


def strangers(command: ServedCommand, files: Iterable[str]) -> list[Problem]:
    """What is said of files for names that are no file inputs."""
    known = {parameter.name: parameter for parameter in command.inputs}
    return [
        Problem(name[:80], "takes no file" if name in known else unknown_input(name, known))
        for name in files
        if name not in known or known[name].type != "file"
    ]


def plain_paths(value: Any) -> Any:
    """Paths as JSON has them; what is none of them stays, and is refused where paths are read."""
    if isinstance(value, list | tuple):
        return [plain_paths(each) for each in value]
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return value if isinstance(value, str | int | float | bool) or value is None else f"<{type(value).__name__}>"
