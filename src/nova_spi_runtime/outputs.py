"""The outputs of a run: checked by type, files put in their place, everything in one JSON object."""

from __future__ import annotations

from .errors import SPIError
from .json_text import write_json
from .places import DEFAULT_OUTPUTS, remove, write_atomically
from .problems import Problems, ValueInvalid, kind_of, listed, suggestion
from .values import from_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .naming import Claim
    from .parameters import Parameter
    from .places import Places

    FindFiles = Callable[[Sequence[Parameter], Problems], dict[str, list[Claim]]]

MISSING, INVALID = "output.missing", "output.invalid"


def write_outputs(parameters: Sequence[Parameter], outputs: Mapping[str, Any], places: Places) -> None:
    """Check all outputs, then move the files, then write ``SPI_OUTPUT_FILE`` in one step.

    Raises:
        SPIError: ``output.missing`` or ``output.invalid``; nothing was moved or written, unless the disk failed.
    """

    def claim(files: Sequence[Parameter], problems: Problems) -> dict[str, list[Claim]]:
        from .claims import claim_files

        return claim_files(files, outputs, places, problems)

    found, claims = check_outputs(parameters, outputs, claim)
    try:
        write_atomically(places.output_file, write_json(put_outputs(parameters, found, claims, places)))
        remove(places.error_file)
    except OSError as problem:
        raise SPIError(INVALID, f"The outputs cannot be written: {problem}.") from None


def check_outputs(
    parameters: Sequence[Parameter], outputs: Mapping[str, Any], claim: FindFiles
) -> tuple[dict[str, Any], dict[str, list[Claim]]]:
    """Check all outputs.

    Args:
        parameters: What there should be.
        outputs: What there is.
        claim: Finds and checks the files of the file outputs; see `claims.claim_files`.

    Returns:
        The values as JSON has them, and the files.

    Raises:
        SPIError: ``output.missing`` or ``output.invalid``, with everything that is wrong.
    """
    if not hasattr(outputs, "keys"):
        raise SPIError(INVALID, f"The outputs must be a mapping from name to value, not {kind_of(outputs)}.")
    problems, missing = Problems(), Problems()
    known = {parameter.name: parameter for parameter in parameters}
    for name in outputs:
        if name not in known:
            problems.add(str(name), f"is not an output{suggestion(str(name), known)}")
    found: dict[str, Any] = {}
    for name, parameter in known.items():
        value = outputs.get(name)
        if parameter.type != "file" and value is not None:
            found[name] = _typed(parameter, value, problems)
    files = [parameter for parameter in parameters if parameter.type == "file"]
    claims = claim(files, problems) if files else {}
    for name, parameter in known.items():
        if parameter.required and name not in found and name not in claims:
            missing.add(name, _why_missing(parameter))
    _raise(problems, missing)
    return found, claims


def put_outputs(
    parameters: Sequence[Parameter], found: Mapping[str, Any], claims: Mapping[str, list[Claim]], places: Places
) -> dict[str, Any]:
    """Put the files into their place; everything by name, in the manifest's order.

    Raises:
        SPIError: ``output.invalid``; several files have only one name to take.
        OSError: A file cannot be moved or copied.
    """
    whole = {**found, **_placed([(each, claims[each.name]) for each in parameters if each.name in claims], places)}
    return {parameter.name: whole[parameter.name] for parameter in parameters if parameter.name in whole}


def _placed(outputs: Sequence[tuple[Parameter, list[Claim]]], places: Places) -> dict[str, list[str]]:
    if not outputs:
        return {}
    from .naming import place

    return place(outputs, places)


def _why_missing(parameter: Parameter) -> str:
    if parameter.type != "file":
        return "is required and was not produced"
    mount = parameter.mount_path or DEFAULT_OUTPUTS
    return f"is required, and no file in {mount} matches '{parameter.file_pattern}'"


def _raise(problems: Problems, missing: Problems) -> None:
    found = [*missing.found, *problems.found]
    if found:
        count = len(found)
        message = f"{count} problem{'s' * (count > 1)} with the outputs: {listed(found)}"
        raise SPIError(MISSING if missing.found else INVALID, message, found)


def _typed(parameter: Parameter, value: Any, problems: Problems) -> Any:
    try:
        return to_json(parameter, from_json(parameter, plain(value)))
    except ValueInvalid as invalid:
        for path, message in invalid.problems:
            problems.add(path, message)
    except RecursionError:
        problems.add(parameter.name, "holds itself, or is nested too deep")
    return None


def plain(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """A result in Python's own types: NumPy's scalars and arrays, and whatever else offers ``tolist`` or ``item``.

    Raises:
        RecursionError: A list or a dict holds itself, or is nested too deep.
    """
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (dict, list, tuple)):
        if id(value) in inside or len(inside) > 100:
            raise RecursionError
        inside = (*inside, id(value))
        if isinstance(value, dict):
            return {key: plain(each, inside) for key, each in value.items()}
        return [plain(each, inside) for each in value]
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    return value
