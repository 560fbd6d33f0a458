"""Outputs against reference files by metrics."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.checks.testing.metrics import NotMeasured, measure
from nova_spi_runtime.patterns import natural_key

if TYPE_CHECKING:
    from nova_spi.manifest.models import Expect

MAX_BYTES = 64 * 1024 * 1024


def reference_findings(expect: "Expect", values: Mapping[str, Any], root: Path) -> Iterator[str]:
    """Every measurement that is out of its bounds, and every one that could not be made.

    A reference without a metric must be met exactly. A folder as reference is compared file by file, by natural name.
    """
    bounds = {name: (span.min, span.max) for name, span in (expect.metric or {}).items()} or {"exact": (1.0, None)}
    if expect.metric and not expect.reference:
        yield f"{', '.join(expect.metric)}: not checked: there is no reference to measure against"
    for output, path in (expect.reference or {}).items():
        try:
            pairs = _pairs(values, output, path, root)
        except NotMeasured as problem:
            yield f"{output}: not compared with {path}: {problem}"
            continue
        for name, (least, most) in bounds.items():
            yield from _measured(output, name, pairs, least, most)


def _measured(output: str, name: str, pairs: list[tuple[Any, Any]], least: Any, most: Any) -> Iterator[str]:
    try:
        figures = [measure(name, value, reference) for value, reference in pairs]
    except NotMeasured as problem:
        yield f"{output}: {name} was not checked: {problem}"
        return
    figure = math.fsum(figures) / len(figures)
    if least is not None and not figure >= least:
        yield f"{output}: {name} is {figure:g}, at least {least:g} was expected"
    if most is not None and not figure <= most:
        yield f"{output}: {name} is {figure:g}, at most {most:g} was expected"


def _pairs(values: Mapping[str, Any], output: str, path: str, root: Path) -> list[tuple[Any, Any]]:
    place = (root / path).resolve()
    if not place.is_relative_to(root.resolve()):
        raise NotMeasured("it leads out of the project")
    if output not in values:
        raise NotMeasured("there is no such output")
    value = values[output]
    if isinstance(value, list) and value and all(isinstance(one, Path) for one in value):
        references = _files(place)
        if len(references) != len(value):
            raise NotMeasured(f"{len(value)} files came, the reference has {len(references)}")
        return list(zip(sorted(value, key=lambda one: natural_key(one.name)), references, strict=True))
    return [(value, _value(place, value))]


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted((one for one in place.iterdir() if one.is_file()), key=lambda one: natural_key(one.name))
    if not place.is_file():
        raise NotMeasured("there is no such file")
    return [place]


def _value(place: Path, value: Any) -> Any:
    """The reference of an output that is no file: text as it stands, without its last newline, else JSON."""
    try:
        if place.stat().st_size > MAX_BYTES:
            raise NotMeasured(f"the reference is larger than {MAX_BYTES} bytes")
        text = place.read_text(encoding="utf-8")
        return text.removesuffix("\n") if isinstance(value, str) and place.suffix != ".json" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise NotMeasured(f"the reference cannot be read: {error}") from error
