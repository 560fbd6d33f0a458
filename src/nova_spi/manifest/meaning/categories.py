"""Categories of what a model takes and gives, for the catalog: what its parameters can be, and what they are."""

from collections.abc import Iterable, Mapping
from typing import Any

_BY_TYPE: dict[str, frozenset[str]] = {
    "string": frozenset({"text"}),
    "enum": frozenset({"text"}),
    "array": frozenset({"json", "embedding", "text"}),
    "map": frozenset({"json", "text"}),
    "object": frozenset({"json", "text", "embedding"}),
    "integer": frozenset({"json"}),
    "float": frozenset({"json"}),
    "decimal": frozenset({"json"}),
    "boolean": frozenset({"json"}),
}
_BY_MEDIUM = {"image": "image", "video": "video", "audio": "audio", "text": "text", "model": "3d"}
_ALL = frozenset({"text", "image", "video", "audio", "json", "embedding", "3d"})


def fitting(parameters: Iterable[Mapping[str, Any]]) -> set[str]:
    """Every category that one of the parameters could be."""
    found: set[str] = set()
    for parameter in parameters:
        found |= (
            _of_file(parameter) if parameter.get("type") == "file" else _BY_TYPE.get(parameter.get("type", ""), _ALL)
        )
    return found


def _of_file(parameter: Mapping[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for mime in parameter.get("mime_types") or ("application/octet-stream",):
        kind, _, subtype = (mime or "").lower().partition("/")
        if kind in _BY_MEDIUM:
            found |= {_BY_MEDIUM[kind]} | ({"json"} if kind == "text" else set())
        elif subtype.endswith("json"):
            found |= {"json", "text", "embedding"}
        else:
            return _ALL
    return frozenset(found)


def media_of(parameters: Iterable[Mapping[str, Any]]) -> set[str]:
    """The media that file parameters certainly are, by their media types."""
    kinds = (
        (mime or "").lower().partition("/")[0]
        for parameter in parameters
        if parameter.get("type") == "file"
        for mime in parameter.get("mime_types") or ()
    )
    return {_BY_MEDIUM[kind] for kind in kinds if kind in ("image", "video", "audio", "model")}


def derived(parameters: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The categories of parameters where the manifest names none, in the order of the parameters.

    Numbers and booleans among inputs are settings, not content; they count only where there is nothing else.
    """
    found: dict[str, None] = {}
    for parameter in parameters:
        kind = parameter.get("type", "")
        if kind == "file":
            found |= dict.fromkeys(sorted(media_of([parameter])) or _plain_file(parameter))
        elif kind in ("string", "enum"):
            found |= {"text": None}
        elif kind in ("array", "map", "object"):
            found |= {"json": None}
    return tuple(found) or (("json",) if any(True for _ in parameters) else ())


def _plain_file(parameter: Mapping[str, Any]) -> list[str]:
    certain = _of_file(parameter) - {"embedding"}
    return ["text"] if certain == {"text", "json"} else sorted(certain) if len(certain) == 1 else []
