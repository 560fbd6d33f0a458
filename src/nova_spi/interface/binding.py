"""Inputs bound to a command: from what a caller gives to typed values and checked files, or everything that is wrong.

Values are read by `nova_spi_runtime.values`, the same code that reads them beside the model.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nova_spi.errors import InputInvalid
from nova_spi.interface.assembling import Branch, Text, assemble, plant, steps_of
from nova_spi.interface.examples import example_option
from nova_spi.interface.facts import ProbeLimits
from nova_spi.interface.files import ResolvedFiles, StagedFile, collisions, resolve_files
from nova_spi_runtime.parameters import MISSING, Parameter
from nova_spi_runtime.problems import MAX_PROBLEMS, Problem, listed, suggestion
from nova_spi_runtime.values import ValueInvalid, from_json

__all__ = ["BoundInputs", "StagedFile", "Takes", "Text", "bind_inputs", "bind_values", "expand_at_file", "invalid"]

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Of a file that stands for a text value."""

_MAX_EXAMPLES = 3
_MAX_TOLD = 5


class Takes(Protocol):
    """What takes inputs: a command, compiled or served."""

    @property
    def inputs(self) -> tuple[Parameter, ...]:
        """All of them."""


@dataclass(frozen=True, slots=True)
class BoundInputs:
    """What one execution is given.

    Attributes:
        values: Typed Python values by name, defaults filled in; files are not here.
        files: The files of each file input that has any.
        warnings: What was left out or could not be checked, each beginning with the input's name.
        secret_names: Names of those values that must not be shown, logged or put into the environment.
    """

    values: dict[str, Any]
    files: dict[str, tuple[StagedFile, ...]]
    warnings: tuple[str, ...] = ()
    secret_names: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Work:
    problems: list[Problem] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    files: dict[str, ResolvedFiles] = field(default_factory=dict)


def bind_inputs(
    command: Takes, raw: Mapping[str, Any], base: Path, *, limits: ProbeLimits | None = None
) -> BoundInputs:
    """Binds the inputs that a caller gives to a command's interface.

    Args:
        command: The command.
        raw: Values by name or dotted name (``options.size``, ``tags.0``). A `Text` is read as text, anything else as
            JSON; None stands for nothing given. A file input takes a path, a glob, a folder or a list of them.
        base: The folder that relative paths of file inputs start from.
        limits: How much work is done to look into one media file.

    Raises:
        InputInvalid: With everything that is wrong, under ``details['problems']``.
        ExtraMissing: A file's media facts are needed, and what reads them is not installed.
    """
    work = _Work()
    branches = _sorted_by_name(command, raw, work.problems)
    for parameter in command.inputs:
        branch = branches.get(parameter.name)
        given = branch is not None and (branch.parts or branch.whole is not None)
        if parameter.type == "file":
            _bind_files(parameter, branch if given else None, base, limits, work)
        else:
            _bind_one(parameter, branch if given else None, work)
    work.problems += _across(work.files)
    if work.problems:
        raise invalid(command, work.problems)
    return BoundInputs(
        values=work.values,
        files={name: found.files for name, found in work.files.items() if found.files},
        warnings=tuple(warning for found in work.files.values() for warning in found.warnings),
        secret_names=frozenset(p.name for p in command.inputs if p.secret and p.name in work.values),
    )


def bind_values(command: Takes, raw: Mapping[str, Any], attached: Collection[str] = ()) -> dict[str, Any]:
    """Binds the inputs that are no files, where files come another way and are looked at elsewhere.

    Args:
        command: The command.
        raw: As in `bind_inputs`; a file input cannot stand here.
        attached: The file inputs that have come.

    Returns:
        Typed Python values by name, defaults filled in.

    Raises:
        InputInvalid: With everything that is wrong, under ``details['problems']``.
    """
    work = _Work()
    branches = _sorted_by_name(command, raw, work.problems)
    for parameter in command.inputs:
        branch = branches.get(parameter.name)
        given = branch is not None and (branch.parts or branch.whole is not None)
        if parameter.type != "file":
            _bind_one(parameter, branch if given else None, work)
        elif given:
            work.problems.append(Problem(parameter.name, "is a file, and cannot be given as a value"))
        elif parameter.required and parameter.name not in attached:
            work.problems.append(Problem(parameter.name, "is required: a file"))
    if work.problems:
        raise invalid(command, work.problems)
    return work.values


def _sorted_by_name(command: Takes, raw: Mapping[str, Any], problems: list[Problem]) -> dict[str, Branch]:
    """What was given, by parameter; a key that belongs to none is a problem."""
    known = {parameter.name: parameter for parameter in command.inputs}
    found: dict[str, Branch] = {}
    for key, value in raw.items():
        name, _, rest = key.partition(".") if isinstance(key, str) else (str(key), "", "")
        if name not in known:
            if len(problems) < MAX_PROBLEMS:
                problems.append(Problem(name[:80], unknown_input(name, known)))
            continue
        if isinstance(key, str) and key.endswith("."):
            problems.append(Problem(name, "has a key that ends with a dot"))
            continue
        plant(found.setdefault(name, Branch()), steps_of(known[name], rest), value)
    return found


def unknown_input(name: str, known: Mapping[str, Parameter]) -> str:
    written = next((other for other in known if other.lower() == name.lower()), None)
    if written:
        return f"is no input: it is written '{written}'"
    inputs = f"the inputs are {', '.join(known)}" if known else "the command takes no inputs"
    near = suggestion(name, known)
    return f"is no input{near}" if near else f"is no input; {inputs}"


def _bind_one(parameter: Parameter, branch: Branch | None, work: _Work) -> None:
    if branch is not None:
        _bind_value(parameter, branch, work)
    elif parameter.default is not MISSING and parameter.default is not None:
        _bind_value(parameter, Branch(parameter.default, given=True), work)
    elif parameter.required:
        work.problems.append(Problem(parameter.name, "is required"))


def _bind_value(parameter: Parameter, branch: Branch, work: _Work) -> None:
    before = len(work.problems)
    value = assemble(parameter, branch, parameter.name, work.problems)
    if len(work.problems) > before:
        return
    try:
        work.values[parameter.name] = from_json(parameter, value)
    except ValueInvalid as invalid:
        work.problems.extend(invalid.problems)


def _bind_files(
    parameter: Parameter, branch: Branch | None, base: Path, limits: ProbeLimits | None, work: _Work
) -> None:
    if branch is None:
        if parameter.required:
            work.problems.append(Problem(parameter.name, "is required: a path, a glob or a folder"))
        return
    value = branch.whole
    if branch.parts:
        value = assemble(None, branch, parameter.name, work.problems)
    found = resolve_files(parameter, value, base, limits)
    work.problems += found.problems
    work.files[parameter.name] = found


def _across(files: Mapping[str, ResolvedFiles]) -> list[Problem]:
    """Collisions between the files of several parameters; those within one are known already."""
    alone = {problem for found in files.values() for problem in found.problems}
    everything = ((name, file) for name, found in files.items() for file in found.files)
    return [problem for problem in collisions(everything) if problem not in alone]


def invalid(command: Takes, problems: list[Problem]) -> InputInvalid:
    """The error that tells all problems, and how the inputs that they are about are given on a command line."""
    problems = problems[:MAX_PROBLEMS]
    concerned = {problem.path.partition(".")[0].partition("[")[0] for problem in problems}
    shown = [parameter for parameter in command.inputs if parameter.name in concerned]
    if not shown:
        shown = [parameter for parameter in command.inputs if parameter.required]
    return InputInvalid(
        _sentence(command, problems),
        mend=" ".join(example_option(parameter) for parameter in shown[:_MAX_EXAMPLES]),
        problems=[{"path": problem.path, "message": problem.message} for problem in problems],
    )


def _sentence(command: Takes, problems: list[Problem]) -> str:
    """The problems in one sentence; the details have all of them. What is said of a file begins with its name."""
    if len(problems) == 1:
        path = problems[0].path
        colon = ":" if any(each.name == path for each in command.inputs if each.type == "file") else ""
        return f"The input '{path}'{colon} {problems[0].message}."
    more = f"; and {len(problems) - _MAX_TOLD} more" if len(problems) > _MAX_TOLD else ""
    return f"{len(problems)} problems with the inputs: {listed(problems[:_MAX_TOLD])}{more}."


def expand_at_file(text: str, base: Path) -> str:
    """The content of a file for ``@PATH``; ``@@...`` is the text with one ``@``; anything else stays as it is.

    Args:
        text: The value as it was typed.
        base: The folder that a relative path starts from.

    Raises:
        InputInvalid: The file cannot be read, is over 16 MiB, or is not UTF-8.
    """
    if text.startswith("@@") or not text.startswith("@") or text == "@":
        return text[1:] if text.startswith("@@") else text
    path = base / text[1:]
    try:
        if not path.is_file():
            raise InputInvalid(f"There is no file {text[1:]}.", mend=f"a text that begins with @ is written @{text}")
        with path.open("rb") as stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputInvalid(f"The file {text[1:]} cannot be read.", why=str(error)) from error
    if len(data) > MAX_TEXT_BYTES:
        raise InputInvalid(
            f"The file {text[1:]} is over {MAX_TEXT_BYTES // 2**20} MiB.", mend="pass it as a file input"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputInvalid(f"The file {text[1:]} is not text in UTF-8.", why=f"Byte {error.start} is not.") from error
