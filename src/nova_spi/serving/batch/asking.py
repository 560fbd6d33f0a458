"""From an item to what is asked of the model: a line's values and files, or the one file of a folder's item.

A line is the JSON object of the inputs, the same that ``--input-file`` and ``POST /v1/commands/NAME`` take, and that
batch services which serve any model take (Vertex AI, SageMaker). The services for chat models wrap it in an object
with a ``custom_id`` (OpenAI, Together, Mistral); a model's own input may have any name, so there is no wrapper here,
and ``custom_id`` may stand among the inputs instead: it comes back with the result.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nova_spi.errors import InputInvalid, UsageError
from nova_spi.interface.candidates import Findings, find_candidates
from nova_spi.serving.batch.items import Item
from nova_spi.serving.calls import InputFile
from nova_spi_runtime.json_text import JsonInvalid, parse_json, write_json
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.patterns import matches
from nova_spi_runtime.problems import listed, suggestion
from nova_spi_runtime.values import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from nova_spi.interface.compiled import CompiledCommand

CUSTOM_ID = "custom_id"
MAX_CUSTOM_ID = 512
"""Characters."""

EXAMPLE = '{"prompt": "Hello, world!"}'


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of the model for one item.

    Attributes:
        item: The item.
        custom_id: What its line calls it.
        inputs: The JSON object of all values that are no files; not checked yet.
        files: The files of each file input that has any; they stay the caller's.
        embedded: Whether files stand among ``inputs``, as ``data:`` URIs.
        error: Why nothing can be asked: it cannot be read, is no object, or names files that are not there.
    """

    item: Item
    custom_id: str | None = None
    inputs: bytes = b"{}"
    files: Mapping[str, tuple[InputFile, ...]] = field(default_factory=dict)
    embedded: bool = False
    error: InputInvalid | None = None


class Asking:
    """Makes an `Ask` of each item.

    Args:
        command: The command that runs.
        base: The folder that paths of files in an item start from.
        shared: Inputs of all items, by name or dotted name, as the command line has them; an item's own win.
        here: The folder that paths of files in ``shared`` start from.

    Raises:
        InputInvalid: A shared input does not meet the interface.
        UsageError: There is no such input.
    """

    def __init__(self, command: "CompiledCommand", base: "Path", shared: Mapping[str, Any], here: "Path") -> None:
        self._base = base
        self._files = {parameter.name: parameter for parameter in command.file_inputs}
        self._named = any(parameter.name == CUSTOM_ID for parameter in command.inputs)
        self._values = _shared_values(command, shared)
        self._shared = {name: _files(self._files[name], shared[name], here) for name in shared if name in self._files}
        self._secret = {parameter.name for parameter in command.inputs if parameter.secret}

    @property
    def shared(self) -> dict[str, Any]:
        """The shared inputs as JSON, without the secret ones: what a batch is told apart by."""
        plain = {name: value for name, value in self._values.items() if name not in self._secret}
        return plain | {name: [str(file.path) for file in files] for name, files in self._shared.items()}

    def of(self, item: Item) -> Ask:
        """What is asked for one item."""
        if item.problem:
            called = f"Line {item.line}" if item.line is not None else f"The file {item.file}"
            return Ask(item, error=InputInvalid(f"{called} cannot be read: {item.problem}."))
        try:
            return self._of_line(item) if item.file is None else self._of_file(item)
        except InputInvalid as error:
            return Ask(item, error=error)

    def _of_line(self, item: Item) -> Ask:
        found = _object(item)
        custom_id = None if self._named else _custom_id(found, item)
        given = {name: found[name] for name in self._files.keys() & found.keys()}
        if any(_is_embedded(value) for value in given.values()) and not self._shared:
            return Ask(item, custom_id, self._text(found, frozenset()), embedded=True)
        try:
            files = self._shared | {
                name: _files(self._files[name], value, self._base) for name, value in given.items() if value is not None
            }
        except InputInvalid as error:
            return Ask(item, custom_id, error=error)
        plain = not (self._values or given or (CUSTOM_ID in found and not self._named))
        return Ask(item, custom_id, item.text if plain else self._text(found, self._files), files)

    def _of_file(self, item: Item) -> Ask:
        parameter = self.takes_folder()
        files = self._shared | {parameter.name: _files(parameter, item.file, self._base)}
        return Ask(item, None, self._text({}, self._files), files)

    def _text(self, found: Mapping[str, Any], files: Collection[str]) -> bytes:
        """The values without ``files``, those of the item over those that all share."""
        left_out = {*files, *(() if self._named else (CUSTOM_ID,))}
        own = {name: value for name, value in found.items() if name not in left_out}
        taken = {name.partition(".")[0] for name in own}
        shared = {name: value for name, value in self._values.items() if name not in taken}
        return write_json(shared | own).encode("utf-8", "surrogatepass")

    def takes_folder(self) -> Parameter:
        """The file input that each file of a folder is given to: the only one that is not shared.

        Raises:
            UsageError: There is none, or more than one.
        """
        free = [parameter for name, parameter in self._files.items() if name not in self._shared]
        required = [parameter for parameter in free if parameter.required]
        found = required if len(required) == 1 else free
        if len(found) == 1:
            return found[0]
        named = ", ".join(parameter.name for parameter in free)
        raise UsageError(
            "A folder of inputs needs a command with one file input.",
            why=f"This one has {named}: it is not said which gets the files." if named else "This one takes no file.",
            mend="write a file of JSON Lines, one object of inputs a line",
        )


def wanted(parameter: Parameter) -> Callable[[str], bool]:
    """Whether a file of a folder is one for this input, by its name."""
    return lambda relative: (
        matches(parameter.file_pattern, relative) or matches(parameter.file_pattern, relative.rpartition("/")[2])
    )


def _is_embedded(value: Any) -> bool:
    """Whether a file is given as its content: one ``data:`` URI, or a list of them."""
    listed = value if isinstance(value, list) and value else [value]
    return all(isinstance(one, str) and one.startswith("data:") for one in listed)


def _object(item: Item) -> dict[str, Any]:
    try:
        found = parse_json(item.text)
    except JsonInvalid as error:
        raise InputInvalid(
            f"Line {item.line} is not JSON: {error}.", mend=f"write one object a line: {EXAMPLE}"
        ) from None
    if not isinstance(found, dict):
        raise InputInvalid(f"Line {item.line} holds no object of inputs.", mend=f"write one object a line: {EXAMPLE}")
    return found


def _custom_id(found: Mapping[str, Any], item: Item) -> str | None:
    value = found.get(CUSTOM_ID)
    if value is None or (isinstance(value, str) and len(value) <= MAX_CUSTOM_ID):
        return value
    raise InputInvalid(f"Line {item.line}: {CUSTOM_ID} is a text of at most {MAX_CUSTOM_ID} characters.")


def _files(parameter: Parameter, value: Any, base: "Path") -> tuple[InputFile, ...]:
    """The files that a value names; what they hold is checked where the model runs.

    Raises:
        InputInvalid: There is no such file, or none of this name is taken.
    """
    found = Findings(parameter.name)
    candidates = find_candidates(parameter, value, base, found)
    if found.problems or not candidates:
        told = listed(found.problems) if found.problems else "; ".join(found.warnings) or f"{parameter.name}: no file"
        raise InputInvalid(
            f"The files cannot be taken: {told}.",
            problems=[{"path": problem.path, "message": problem.message} for problem in found.problems],
        )
    return tuple(InputFile(candidate.source, candidate.relative, ours=False) for candidate in candidates)


def _shared_values(command: "CompiledCommand", shared: Mapping[str, Any]) -> dict[str, Any]:
    from dataclasses import replace

    from nova_spi.interface.binding import bind_values

    known = {parameter.name: parameter for parameter in command.inputs}
    names = {key.partition(".")[0] for key in shared}
    for name in names:
        if name not in known:
            raise UsageError(f"The command {command.name} has no input '{name}'{suggestion(name, known)}.")
    values = {key: value for key, value in shared.items() if known[key.partition(".")[0]].type != "file"}
    part = tuple(known[name] for name in sorted(names) if known[name].type != "file")
    bound = bind_values(replace(command, inputs=part), values)
    return {name: to_json(known[name], value) for name, value in bound.items()}
