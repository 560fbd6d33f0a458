"""The door: what a caller gives is checked here, once, so that a worker never hears of a call that makes no sense.

A JSON body that is right goes on as the bytes that it came as. Only a body that a compiled reader does not take as it
stands (a dotted name, a null, a mistake) goes the long way through `nova_spi.interface.binding`, which is what every
other way of running a model goes through: the same things are taken, and refused in the same words.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from nova_spi.errors import InputInvalid, UsageError
from nova_spi.interface.binding import bind_values
from nova_spi.interface.examples import example_value
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.json_text import JsonInvalid, parse_json, write_json
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import to_json

MAX_JSON_BYTES = 64 * 1024 * 1024
"""Of a JSON body; what is larger goes as a file in a form."""

LARGE = 256 * 1024
"""Bytes of a body that is read in a thread, so that other callers do not wait for it."""

MAX_FILE_BYTES = 10 * 1024**3
"""Of a file whose parameter has no ``max_size_bytes``."""

_BOM = b"\xef\xbb\xbf"
_MAX_EXAMPLES = 3


class Acceptor:
    """Checks what comes in for the commands of a plan.

    Args:
        plan: What is served.
        max_file_bytes: The bound of a file whose parameter has none of its own.
    """

    def __init__(self, plan: Plan, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self.max_file_bytes = max_file_bytes
        self._files: dict[str, frozenset[str]] = {
            name: frozenset(each.name for each in command.file_inputs) for name, command in plan.commands.items()
        }

    def json(self, command: ServedCommand, body: bytes, attached: Collection[str] = ()) -> bytes:
        """Checks a JSON body; an empty one is that of a command that needs no inputs.

        Args:
            command: One of the plan's.
            body: The body as it came.
            attached: The file inputs that have come another way.

        Returns:
            One JSON object in UTF-8, without a byte order mark, to be spliced into a frame: the body itself wherever
            that is possible.

        Raises:
            UsageError: It is no JSON object, or one that nobody should read (a key twice, NaN, too deep).
            InputInvalid: With everything that is wrong, under ``details['problems']``.
        """
        return self._checked(command, _object(body), body, attached)

    async def body(self, command: ServedCommand, body: bytes, attached: Collection[str] = ()) -> bytes:
        """What `json` does, in a thread where the body is over `LARGE`."""
        if len(body) <= LARGE:
            return self.json(command, body, attached)
        return await asyncio.to_thread(self.json, command, body, attached)

    def values(self, command: ServedCommand, values: Mapping[str, Any], attached: Collection[str] = ()) -> bytes:
        """Checks Python values: what `nova_spi.interface.binding.bind_inputs` takes, but for files.

        Args:
            command: One of the plan's.
            values: By name or dotted name; a `nova_spi.interface.assembling.Text` is read as text, anything else as
                JSON has it, a `decimal.Decimal` for a decimal; None stands for nothing given.
            attached: The file inputs that have come another way.

        Returns:
            One JSON object in UTF-8.

        Raises:
            InputInvalid: With everything that is wrong.
        """
        try:
            bound = bind_values(command, values, attached)
        except InputInvalid as error:
            raise told(command, error) from None
        typed = {each.name: each for each in command.inputs}
        return write_json({name: to_json(typed[name], value) for name, value in bound.items()}).encode()

    def _checked(self, command: ServedCommand, found: dict[str, Any], body: bytes, attached: Collection[str]) -> bytes:
        files = self._files[command.name]
        if (files and not self._files_fit(command, found, attached)) or None in found.values():
            return self.values(command, found, attached)
        checked = self.values(command, found, attached)
        if any("." in name for name in found):
            return checked
        return (body[3:] if body.startswith(_BOM) else body) if found else b"{}"

    def _files_fit(self, command: ServedCommand, found: Mapping[str, Any], attached: Collection[str]) -> bool:
        """Whether no file stands among the values, and every required one is attached."""
        if not self._files[command.name].isdisjoint(found):
            return False
        return all(not each.required or each.name in attached for each in command.file_inputs)


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = parse_json(body)
    except JsonInvalid as error:
        raise UsageError(f"The body is not JSON: {error}.", mend=_SEND) from None
    if not isinstance(found, dict):
        raise UsageError("The body is no JSON object.", why="Inputs are names with values.", mend=_SEND)
    return found


_SEND = 'send an object of inputs in UTF-8, e.g. {"prompt": "Hello"}'


def told(command: ServedCommand, error: InputInvalid) -> InputInvalid:
    """The same error, with a mend for who sends JSON instead of typing a command."""
    paths = {str(problem["path"]).partition(".")[0].partition("[")[0] for problem in error.details["problems"]}
    shown = [each for each in command.inputs if each.name in paths]
    shown = shown or [each for each in command.inputs if each.required]
    example = {each.name: _example(each) for each in shown[:_MAX_EXAMPLES]}
    error.mend = f"send {write_json(example)}" if example else "send {}"
    return error


def _example(parameter: Parameter) -> Any:
    if parameter.secret:
        return "..."
    if parameter.type != "file":
        return to_json(parameter, example_value(parameter))
    mime = next((each for each in parameter.mime_types if "*" not in each), "application/octet-stream")
    return f"data:{mime};base64,..."
