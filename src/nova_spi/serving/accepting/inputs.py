"""The door: what a caller gives is checked here, once, so that a worker never hears of a call that makes no sense.

A JSON body that is right goes on as the bytes that it came as. Only a body that a compiled reader does not take as it
stands (a dotted name, a null, a mistake) goes the long way through `nova_spi.interface.binding`, which is what every
other way of running a model goes through: the same things are taken, and refused in the same words.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from nova_spi.errors import InputInvalid
from nova_spi.interface.binding import bind_values, invalid
from nova_spi.serving.accepting.beside import in_thread, remove
from nova_spi.serving.accepting.checked import CheckedFiles, plain_paths, strangers
from nova_spi.serving.accepting.data_uris import take_in
from nova_spi.serving.accepting.intake import Intake
from nova_spi.serving.accepting.json_bodies import LARGE, json_object
from nova_spi.serving.accepting.probing import Probers, asked_of
from nova_spi.serving.accepting.uploads import receive
from nova_spi.serving.accepting.words import problems_of, told
from nova_spi.serving.calls import InputFile
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.json_text import write_json
from nova_spi_runtime.problems import Problem, ValueInvalid
from nova_spi_runtime.reading import reader
from nova_spi_runtime.values import to_json

MAX_JSON_BYTES = 64 * 1024 * 1024
"""Of a JSON body; what is larger goes as a file in a form."""

MAX_FILE_BYTES = 10 * 1024**3
"""Of a file whose parameter has no ``max_size_bytes``."""

_BOM = b"\xef\xbb\xbf"


class Acceptor:
    """Checks what comes in for the commands of a plan.

    Args:
        plan: What is served.
        max_file_bytes: The bound of a file whose parameter has none of its own.
    """

    def __init__(self, plan: Plan, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self.max_file_bytes = max_file_bytes
        self._probers = Probers()
        self._doors = {name: _Door(command) for name, command in plan.commands.items()}

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

    async def files(self, command: ServedCommand, files: Mapping[str, Sequence[InputFile]]) -> CheckedFiles:
        """Checks files as every run does: types by content, sizes, counts, media rules, names.

        Args:
            command: One of the plan's.
            files: Files on this machine by the name of their input; one with an empty name gets one by its content.

        Returns:
            Those that the model gets, under the names that it sees. A file of a type that the input does not take is
            left out, with a warning.

        Raises:
            InputInvalid: With everything that is wrong.
            ExtraMissing: Media facts are needed, and what reads them is not installed.
        """
        found, problems = CheckedFiles(), strangers(command, files)
        for parameter in command.file_inputs:
            given = files.get(parameter.name, ())
            if given:
                asked = asked_of([(str(each.path), each.name) for each in given])
                answer = await self._probers.ask(parameter, asked, len(given))
                found.take(parameter, answer, problems, {str(each.path): each.ours for each in given})
            elif parameter.required:
                problems.append(Problem(parameter.name, "is required: a file"))
        if problems:
            raise told(command, invalid(command, problems))
        return found

    async def paths(self, command: ServedCommand, given: Mapping[str, Any], base: Path) -> CheckedFiles:
        """Finds and checks files for callers on this machine.

        Args:
            command: One of the plan's.
            given: By the name of its input a path, a glob, a folder or a list of them; None is nothing given.
            base: The folder that relative paths start from.

        Returns:
            The files; they stay where they are (`InputFile.ours` is False).

        Raises:
            InputInvalid, ExtraMissing: As `files`.
        """
        found, problems = CheckedFiles(), strangers(command, given)
        for parameter in command.file_inputs:
            value = plain_paths(given.get(parameter.name))
            if value is not None:
                asked = {"value": value, "base": str(base.absolute())}
                answer = await self._probers.ask(parameter, asked, len(value) if isinstance(value, list) else 1)
                found.take(parameter, answer, problems, {})
            elif parameter.required:
                problems.append(Problem(parameter.name, "is required: a path, a glob or a folder"))
        if problems:
            raise told(command, invalid(command, problems))
        return found

    async def document(self, command: ServedCommand, body: bytes, folder: Path) -> tuple[bytes, CheckedFiles]:
        """Checks a JSON body in which files may stand as ``data:`` URIs, or in base64.

        Args:
            command: One of the plan's.
            body: The body as it came.
            folder: A folder of this call alone, for its files; it is taken away when anything fails.

        Returns:
            The values as `json` gives them, and the files.

        Raises:
            UsageError: It is no JSON object, or a file is too large.
            InputInvalid: With everything that is wrong.
            ExecutionError: The disk is full (``serving.disk_full``).
            ExtraMissing: As `files`.
        """
        if not command.file_inputs:
            return await self.body(command, body), CheckedFiles()
        intake = Intake(folder, command, self.max_file_bytes)
        try:
            if len(body) <= LARGE:
                values, problems = _parted(command, body, intake)
            else:
                values, problems = await in_thread(_parted, command, body, intake)
            return await self._both(command, values, intake.taken(), problems)
        except BaseException:  # whatever happened, a client that went away above all: nothing stays
            intake.end()
            await remove(folder)
            raise

    async def form(
        self, command: ServedCommand, chunks: AsyncIterator[bytes], content_type: bytes, folder: Path
    ) -> tuple[bytes, CheckedFiles]:
        """Reads and checks a form of parts, with files as they come; see `nova_spi.serving.uploads.receive`.

        Args:
            command: One of the plan's.
            chunks: The body as it comes.
            content_type: Of the request, with the boundary.
            folder: As in `document`.

        Returns:
            The values as JSON, and the files.

        Raises:
            UsageError, InputInvalid, ExecutionError, ExtraMissing: As `document`.
        """
        form = await receive(chunks, content_type, command, folder, self.max_file_bytes)
        try:
            return await self._both(command, form.values, form.files, [])
        except BaseException:  # as above
            await remove(folder)
            raise

    async def close(self) -> None:
        """Ends the processes that look into files, where there are any."""
        await self._probers.close()

    async def _both(
        self,
        command: ServedCommand,
        values: Mapping[str, Any],
        files: Mapping[str, Sequence[InputFile]],
        problems: list[Problem],
    ) -> tuple[bytes, CheckedFiles]:
        """Values and files, with the problems of both at once, and those that are known already."""
        told_already = {problem.path.partition("[")[0] for problem in problems}
        inputs, found = b"{}", CheckedFiles()
        try:
            inputs = self.values(command, values, [each.name for each in command.file_inputs])
        except InputInvalid as error:
            problems = problems + problems_of(error)
        try:
            found = await self.files(command, files)
        except InputInvalid as error:
            problems = problems + [each for each in problems_of(error) if each.path not in told_already]
        if problems:
            raise told(command, invalid(command, problems))
        return inputs, found

    def _checked(self, command: ServedCommand, found: dict[str, Any], body: bytes, attached: Collection[str]) -> bytes:
        door = self._doors[command.name]
        if door.files and not door.files.isdisjoint(found):
            return self.values(command, found, attached)
        if door.needed and not door.needed <= {*found, *attached}:
            return self.values(command, found, attached)
        try:
            door.read(found)
        except ValueInvalid:
            return self.values(command, found, attached)
        return (body[3:] if body.startswith(_BOM) else body) if found else b"{}"


class _Door:
    """What is compiled once of a command.

    Attributes:
        read: Reads the values that are no files.
        files: The names of file inputs, which are no values.
        needed: What must be there and the reader does not ask for: required files, and what has a default of null.
    """

    __slots__ = ("files", "needed", "read")

    def __init__(self, command: ServedCommand) -> None:
        self.read = reader(command.inputs)
        self.files = frozenset(each.name for each in command.file_inputs)
        self.needed = frozenset(
            each.name for each in command.inputs if each.required and (each.type == "file" or each.default is None)
        )


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    return json_object(body, _SEND)


_SEND = 'send an object of inputs in UTF-8, e.g. {"prompt": "Hello"}'


def _parted(command: ServedCommand, body: bytes, intake: Intake) -> tuple[dict[str, Any], list[Problem]]:
    """The values of a body that are no files, after its files were written down."""
    values, problems = _object(body), []
    for parameter in command.file_inputs:
        value = values.pop(parameter.name, None)
        if value is not None:
            problems += take_in(parameter, value, intake)
    return values, problems
