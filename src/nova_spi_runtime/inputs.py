"""The inputs of a run, from the inputs file, the environment and the folders of files; typed, all problems at once."""

from __future__ import annotations

import os

from .errors import SPIError
from .json_text import JsonInvalid, parse_json
from .parameters import MISSING
from .places import DEFAULT_INPUTS, INPUTS_FILE, files_below, is_below
from .problems import Problems, ValueInvalid, kind_of, listed, suggestion
from .values import from_json, from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from .parameters import Parameter
    from .places import Places

CODE = "input.invalid"


def read_inputs(parameters: Sequence[Parameter], places: Places) -> dict[str, Any]:
    """Read every input that is given or has a default.

    The inputs file wins over ``INPUT_<NAME>``, and files that it does not name are looked for below their mount path.
    The content of files is not looked at here: whoever starts the run has done that.

    Raises:
        SPIError: ``input.invalid``, with everything that is missing or wrong.
    """
    problems = Problems()
    given = _inputs_file(places)
    known = {parameter.name for parameter in parameters}
    for name in given:
        if name not in known:
            problems.add(name, f"is not an input{suggestion(name, known)}")
    found = {}
    for parameter in parameters:
        value = _value(parameter, given, places, problems)
        if value is not MISSING:
            found[parameter.name] = value
    if problems.found:
        count = len(problems.found)
        raise SPIError(
            CODE, f"{count} problem{'s' * (count > 1)} with the inputs: {listed(problems.found)}", problems.found
        )
    return found


def _inputs_file(places: Places) -> dict[str, Any]:
    if not places.input_file_named and not os.path.isfile(places.input_file):
        return {}
    try:
        with open(places.input_file, "rb") as file:
            given = parse_json(file.read())
    except OSError as problem:
        raise SPIError(CODE, f"The inputs file {places.input_file} cannot be read: {problem.strerror}.") from None
    except JsonInvalid as problem:
        raise SPIError(CODE, f"The inputs file {places.input_file} is not JSON: {problem}.") from None
    if not isinstance(given, dict):
        raise SPIError(CODE, f"The inputs file {places.input_file} must hold an object, not {kind_of(given)}.")
    return given


def _value(parameter: Parameter, given: Mapping[str, Any], places: Places, problems: Problems) -> Any:
    """The value of one input, or `MISSING`. A null stands for nothing given."""
    raw = given.get(parameter.name)
    if parameter.type == "file":
        return _files(parameter, raw, places, problems)
    try:
        if raw is not None:
            return from_json(parameter, raw)
        text = os.environ.get(parameter.variable)
        if text is not None:
            return from_text(parameter, text)
        if parameter.default is not MISSING:
            return None if parameter.default is None else from_json(parameter, parameter.default)
    except ValueInvalid as invalid:
        for path, message in invalid.problems:
            problems.add(path, message)
        return MISSING
    if parameter.required:
        problems.add(parameter.name, f"is required: give it in {INPUTS_FILE} or as {parameter.variable}")
    return MISSING


def _files(parameter: Parameter, raw: Any, places: Places, problems: Problems) -> Path | list[Path] | Any:
    paths = _scanned(parameter, places) if raw is None else _named(parameter, raw, places, problems)
    if not paths:
        if parameter.required and raw is None:
            mount, pattern = parameter.mount_path or DEFAULT_INPUTS, parameter.file_pattern
            problems.add(parameter.name, f"is required: no file in {mount} matches '{pattern}'")
        elif parameter.required:
            problems.add(parameter.name, "is required: it names no file")
        return MISSING
    check_files(parameter, paths, parameter.name, problems)
    from pathlib import Path

    return Path(paths[0]) if parameter.single_file else [Path(path) for path in paths]


def _scanned(parameter: Parameter, places: Places) -> list[str]:
    from .patterns import matches, natural_key

    mount = places.below(parameter.mount_path or DEFAULT_INPUTS)
    pattern = parameter.file_pattern
    names = [name for name in files_below(mount, deep="/" in pattern or "**" in pattern) if matches(pattern, name)]
    found = [os.path.join(mount, name) for name in sorted(names, key=natural_key)]
    config = places.below("inputs/config") + os.sep
    own = places.own_files()
    return [path for path in found if path not in own and not path.startswith(config)]


def _named(parameter: Parameter, raw: Any, places: Places, problems: Problems) -> list[str]:
    """The files that the inputs file names, each a regular file below the work folder."""
    entries = [raw] if isinstance(raw, str) else raw
    if not isinstance(entries, list) or not all(isinstance(each, str) for each in entries):
        problems.add(parameter.name, f"must be a list of paths, not {kind_of(raw)}")
        return []
    found = []
    for index, entry in enumerate(entries):
        path = places.below(entry)
        where = f"{parameter.name}[{index}]"
        if "\0" in entry or not is_below(path, places.work_dir):
            problems.add(where, f"must be a path below the work folder, not {ascii(entry)[:80]}")
        elif not os.path.isfile(path):
            problems.add(where, f"there is no file {entry[:200]}")
        else:
            found.append(path)
    return found


def check_files(parameter: Parameter, paths: Sequence[str], where: str, problems: Problems) -> None:
    """Check how many files there are, and how large each is."""
    rules = parameter.constraints
    least, most = rules.get("min_files"), rules.get("max_files")
    if least is not None and len(paths) < least:
        problems.add(where, f"must be at least {least} files, not {len(paths)}")
    if most is not None and len(paths) > most:
        problems.add(where, f"must be at most {most} file{'s' * (most != 1)}, not {len(paths)}")
    smallest, largest = rules.get("min_size_bytes"), rules.get("max_size_bytes")
    if smallest is None and largest is None:
        return
    for path in paths:
        size = os.path.getsize(path)
        name = os.path.basename(path)
        if smallest is not None and size < smallest:
            problems.add(where, f"{name} has {size} bytes, fewer than {smallest}")
        if largest is not None and size > largest:
            problems.add(where, f"{name} has {size} bytes, more than {largest}")
