"""What an entry point gave back, as outputs by name."""

from __future__ import annotations

from .errors import SPIError
from .problems import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from .parameters import Parameter

_COLLECTED = ("string", "array")


def to_outputs(
    result: Any, parameters: Sequence[Parameter], tell: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Read a result: a mapping from name to value, the single value of a single output, or a generator of either.

    The pieces of a generator are put together: those of a string output are joined, those of an array output, and the
    paths of a file output of several files, are collected; of everything else the last counts. None stands for no
    value: files may still be found where outputs belong.

    Args:
        result: What the entry point gave.
        parameters: The outputs.
        tell: Hears of each piece of a generator as it comes.

    Raises:
        SPIError: ``output.invalid``; there are several outputs, and the result does not name them.
    """
    if not is_stream(result):
        return _named(result, parameters)
    try:
        return _joined(_heard(result, parameters, tell), parameters)
    finally:
        if hasattr(result, "close"):
            result.close()  # one that was left in the middle ends now, and not whenever it is collected


def is_stream(result: Any) -> bool:
    """Whether a result comes in pieces: a generator or another iterator, but no file that is open."""
    return hasattr(result, "__next__") and not hasattr(result, "read")


def _heard(
    pieces: Iterable[Any], parameters: Sequence[Parameter], tell: Callable[[dict[str, Any]], None] | None
) -> Iterator[dict[str, Any]]:
    for each in pieces:
        piece = _named(each, parameters)
        if tell is not None and piece:
            tell(piece)
        yield piece


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
