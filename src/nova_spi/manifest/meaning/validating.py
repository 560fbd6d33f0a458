"""The models' own rules for single fields, with pydantic's findings in our codes, sentences and places."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import finding, key_span, place, shown, value_span
from nova_spi.manifest.meaning.expecting import Either, Expectation, Object, Several, Table, key_told, keys_of
from nova_spi.manifest.models.fields import Told
from nova_spi.manifest.models.manifest import Manifest
from nova_spi.manifest.nodes import Node, Path

_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_LENGTHS = {
    "too_short": "at least",
    "too_long": "at most",
    "string_too_short": "at least",
    "string_too_long": "at most",
}


@dataclass(frozen=True, slots=True)
class Validated:
    """The manifest, or None where a field is wrong, and the findings; ``data`` keeps only what is right."""

    manifest: Manifest | None
    data: dict[str, Any]
    findings: list[Diagnostic]

    @property
    def wrong_places(self) -> set[Path]:
        """Where values were taken out."""
        return {item.path for item in self.findings}


def validate_fields(data: dict[str, Any], wrong_places: set[Path], root: Node) -> Validated:
    """Holds every single field against its rule.

    Args:
        data: What `construct` read; wrong values are taken out of it.
        wrong_places: Where values were left out already, which is not reported again.
        root: The document, for places.
    """
    try:
        return Validated(Manifest.model_validate(data), data, [])
    except ValidationError as error:
        refused = error.errors(include_url=False)
    found: dict[Path, Diagnostic] = {}
    located = [(details, *_path_in(data, details["loc"])) for details in refused]
    deeper = {path[:length] for path in (*wrong_places, *(at for _, at, _ in located)) for length in range(len(path))}
    for details, path, is_key in located:
        if details["type"] == "missing" or path in wrong_places or _is_blank(data, path):
            continue
        # The shape is right already, so a type error is a branch of a union that was not meant.
        other_branch = details["type"].endswith("_type") and (path in deeper or path in found)
        if not other_branch:
            found[path] = _translated(details, path, is_key, root)
    for path in sorted(found, key=len, reverse=True):
        _take_out(data, path)
    return Validated(None, data, list(found.values()))


def _path_in(data: Any, loc: tuple[str | int, ...]) -> tuple[Path, bool]:
    """The place of pydantic's location in the data; steps that name a branch of a union are none."""
    path: list[str | int] = []
    for step in loc:
        if isinstance(data, dict | list) and step in (data if isinstance(data, dict) else range(len(data))):
            data = _at(data, (step,))
            path.append(step)
    return tuple(path), bool(loc) and loc[-1] == "[key]"


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _is_blank(data: Any, path: Path) -> bool:
    """Whether only the blank stands there that keeps the place of a value which was reported."""
    return bool(path) and isinstance(path[-1], int) and _at(data, path) in (None, {})


def _take_out(data: Any, path: Path) -> None:
    if not path:
        data.clear()
        return
    parent, step = _at(data, path[:-1]), path[-1]
    if isinstance(parent, list) and isinstance(step, int):
        parent[step] = {} if isinstance(parent[step], dict) else None
    else:
        parent.pop(step, None)


def _translated(details: ErrorDetails, path: Path, is_key: bool, root: Node) -> Diagnostic:
    kind, value, context = details["type"], details["input"], details.get("ctx") or {}
    told = _told_at(path, is_key)
    name = place(path)
    span = key_span(root, path) if is_key else value_span(root, path)
    if kind.startswith("SPI-"):
        return finding(kind, f"{name}: {details['msg']}", path, span, str(context.get("mend", "")))
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        bound = context.get(key)
        shortened = int(bound) if isinstance(bound, float) and bound.is_integer() else bound
        message = f"{name} is {words} {shortened}; here stands {shown(value)}"
        return finding("SPI-M206", message, path, span, f"write a number {words} {shortened}")
    if told is not None and (kind.startswith("string_") or kind in ("too_short", "command_text")):
        why = f" ({context['why']})" if kind == "command_text" else ""
        subject = shown(path[-1]) if is_key else f"{name}: {shown(value)}"
        return finding(told.code, f"{subject} is not {told.wanted}{why}", path, span, told.mend)
    if kind in _LENGTHS:
        limit = context.get("min_length", context.get("max_length"))
        one, more = ("character", "characters") if kind.startswith("string_") else ("entry", "entries")
        message = f"{name} has {_LENGTHS[kind]} {limit} {one if limit == 1 else more}; here stand {len(value)}"
        mend = "add what is missing" if kind.endswith("short") else "shorten it"
        return finding("SPI-M207", message, path, span, mend)
    if kind in ("finite_number", "float_type"):
        message = f"{name}: {shown(value)} is beyond the numbers that can be held"
        return finding("SPI-M206", message, path, span, "write a smaller number")
    return finding("SPI-M203", f"{name}: {shown(value)} cannot stand here", path, span, "correct it")


def _told_at(path: Path, is_key: bool) -> Told | None:
    """The words of the rule for the field at ``path``."""
    expected: Expectation | None = Object(Manifest)
    told: Told | None = None
    for index, step in enumerate(path):
        for inner in _inside(expected):
            if isinstance(inner, Object) and isinstance(step, str) and step in keys_of(inner.model):
                key = keys_of(inner.model)[step]
                expected, told = key.expects, key.told
                if is_key and index == len(path) - 2:
                    return key_told(inner.model.model_fields[key.attribute])
                break
            if isinstance(inner, Several) and isinstance(step, int):
                expected = inner.item
                break
            if isinstance(inner, Table):
                expected = inner.value
                break
    return told


def _inside(expected: Expectation | None) -> Iterator[Expectation]:
    if isinstance(expected, Either):
        yield from expected.options
    elif expected is not None:
        yield expected
