"""What a worker answered, held against the interface: nothing that a model's process says goes on unread.

The worker has checked its outputs already, but it is the model's own process. Reading a small answer once more takes
two microseconds; what is large, has files or a JSON Schema is read in a thread.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from nova_spi.errors import OutputInvalid, OutputMissing
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.problems import ValueInvalid
from nova_spi_runtime.reading import reader

LARGE = 128 * 1024
"""Bytes of an answer that is not read in the loop's own thread."""
MEND = "Correct the model, or the outputs in the manifest."
MAX_PROBLEMS = 100


class Answers:
    """Reads the answers of one command.

    Args:
        command: It.

    Attributes:
        plain: Whether a small answer can be read at once: there are no files and no schemas.
    """

    def __init__(self, command: ServedCommand) -> None:
        self._files = frozenset(parameter.name for parameter in command.file_outputs)
        self._required = tuple(parameter.name for parameter in command.outputs if parameter.required)
        self._read = reader(parameter for parameter in command.outputs)
        self._schemas = command.schemas
        self.plain = not self._files and not self._schemas

    def values(self, payload: bytes) -> dict[str, Any]:
        """The outputs in a worker's ``R``, file outputs as it named them; every plain value meets its type.

        Raises:
            OutputMissing: A required one is not there.
            OutputInvalid: It is no JSON object of outputs, or a value does not meet its type or its schema.
        """
        return self.checked(outputs_in(payload))

    def checked(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The same, read already."""
        if missing := [name for name in self._required if found.get(name) is None]:
            raise OutputMissing(f"The model ended well and gave no {', '.join(missing)}.", mend=MEND, missing=missing)
        values = {name: value for name, value in found.items() if name not in self._files}
        try:
            self._read(values)
        except ValueInvalid as invalid:
            raise invalid_output([(each.path, each.message) for each in invalid.problems]) from None
        if self._schemas:
            self._hold_against_schemas(values)
        return dict(found)

    def _hold_against_schemas(self, values: Mapping[str, Any]) -> None:
        # It loads jsonschema, which a server of models without schemas never needs.
        from nova_spi.execution.output_schema import schema_problems

        problems = [
            (name + path, message)
            for name, schema in self._schemas.items()
            if values.get(name) is not None
            for path, message in schema_problems(dict(schema), values[name])
        ]
        if problems:
            raise invalid_output(problems)


def outputs_in(payload: bytes) -> dict[str, Any]:
    """One JSON object.

    Raises:
        OutputInvalid: It is none, or has a key twice or a number that JSON has not.
    """
    found = json_in(payload)
    if not isinstance(found, dict):
        raise OutputInvalid("The model's process gave no JSON object of outputs and values.", mend=MEND)
    return found


def json_in(payload: bytes) -> Any:
    """One JSON value, read strictly.

    Raises:
        OutputInvalid: It is none.
    """
    try:
        return _decode(payload.decode())
    except (ValueError, RecursionError):
        raise OutputInvalid("What the model's process gave is not JSON.", mend=MEND) from None


def invalid_output(problems: Sequence[tuple[str, str]]) -> OutputInvalid:
    """The error that lists what is wrong with outputs."""
    path, message = problems[0]
    where = f"{path}: " if path else ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return OutputInvalid(
        f"The model's output does not meet the manifest: {where}{message}{more}",
        mend=MEND,
        problems=[{"path": path, "message": message} for path, message in problems[:MAX_PROBLEMS]],
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant).decode
