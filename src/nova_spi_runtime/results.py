"""What an entry point gave back, as outputs by name."""

from __future__ import annotations

from .errors import SPIError
from .problems import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from .parameters import Parameter

_COLLECTED = ("string", "array")


def to_outputs(result: Any, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Read a result: a mapping from name to value, the single value of a single output, or a generator of either.

    The pieces of a generator are put together: those of a string output are joined, those of an array output, and the
    paths of a file output of several files, are collected; of everything else the last counts. None stands for no
    value: files may still be found where outputs belong.

    Raises:
        SPIError: ``output.invalid``; there are several outputs, and the result does not name them.
    """
    if hasattr(result, "__next__") and not hasattr(result, "read"):
        return _joined((_named(piece, parameters) for piece in result), parameters)
    return _named(result, parameters)


def _named(result: Any, parameters: Sequence[Parameter]) -> dict[str, Any]:
    if result is None:
        return {}
    if len(parameters) == 1:
        only = parameters[0]
        is_value = only.type in ("map", "object") or (only.type == "array" and isinstance(result, dict))
        if not isinstance(result, dict) or (is_value and list(result) != [only.name]):
            return {only.name: result}
    if isinstance(result, dict):
        return result
    names = ", ".join(parameter.name for parameter in parameters) or "none"
    message = f"The model must give a mapping from name to value (outputs: {names}), not {kind_of(result)}."
    raise SPIError("output.invalid", message)


def _joined(pieces: Iterable[dict[str, Any]], parameters: Sequence[Parameter]) -> dict[str, Any]:
    kinds = {parameter.name: _way(parameter) for parameter in parameters}
    found: dict[str, Any] = {}
    for piece in pieces:
        for name, value in piece.items():
            if kinds.get(name) == "last":
                found[name] = value
            elif name in kinds:
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
    for name, way in kinds.items():
        if way == "join" and name in found and all(isinstance(each, str) for each in found[name]):
            found[name] = "".join(found[name])
        elif way == "files" and name in found:
            found[name] = [path for each in found[name] for path in _listed(each)]
    return found


def _way(parameter: Parameter) -> str:
    if parameter.type == "file":
        return "last" if parameter.single_file else "files"
    return {"string": "join", "array": "collect"}.get(parameter.type, "last")


def _listed(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        yield from value
    else:
        yield value
