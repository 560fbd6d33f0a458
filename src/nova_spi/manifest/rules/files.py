"""File parameters: patterns, counters, limits of media, and that no two take the same file."""

from collections.abc import Iterator
from itertools import combinations, islice
from posixpath import normpath

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Data, Interface, Scope, Typed
from nova_spi_runtime.patterns import may_overlap, pattern_problem

_MOST_PAIRS = 20_000
"""Pairs of file parameters that are compared: those of 200 parameters, so that no file takes for ever."""


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Every rule of files."""
    for typed in scope.types:
        if typed.kind == "file":
            yield from _pattern(scope, typed)
            yield from _media(scope, typed)
    for interface in scope.interfaces:
        yield from _overlaps(scope, interface)


def _pattern(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    pattern = typed.data.get("file_pattern", "*")
    problem = pattern_problem(pattern, typed.side == "outputs")
    if problem:
        message = f"the file pattern is not allowed: {problem}"
        mend = "write a pattern like *.{png,jpg}" if typed.side == "inputs" else "write a pattern like page_*.png"
        yield scope.at_value("SPI-M318", message, (*typed.path, "file_pattern"), mend)
    elif typed.side == "outputs" and "index_padding" in typed.data and "*" not in pattern:
        message = "index_padding pads the counter, and file_pattern has no '*' for it"
        yield scope.at_key("SPI-M320", message, (*typed.path, "index_padding"), "write a '*' into file_pattern")


def _media(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    accepted = [mime for mime in typed.data.get("mime_types") or () if mime]
    kinds = {mime.partition("/")[0].lower() for mime in accepted}
    if not kinds or "application" in kinds:
        return  # several containers of sound and pictures are registered under application/
    for medium in typed.data.get("domain_specific") or {}:
        if (
            medium in ("image", "video", "audio")
            and medium not in kinds
            and not (medium == "audio" and "video" in kinds)
        ):
            message = f"limits for {medium}, and mime_types accepts none"
            yield scope.at_key("SPI-M321", message, (*typed.path, "domain_specific", medium), "remove the limits")


def _overlaps(scope: Scope, interface: Interface) -> Iterator[Diagnostic]:
    files = []
    for side in ("inputs", "outputs"):
        for path, parameter in interface.parameters(side):
            if parameter.get("type") == "file" and not pattern_problem(_pattern_of(parameter), side == "outputs"):
                files.append((path, side, parameter))
    for one, other in islice(combinations(files, 2), _MOST_PAIRS):
        first, second = _places(*one[1:]), _places(*other[1:])
        if may_overlap(first, second):
            yield _same_files(scope, one[2], other[2], other[0])


def _same_files(scope: Scope, one: Data, other: Data, path: Path) -> Diagnostic:
    message = f"the file of {other.get('name', 'this')} could be the same as that of {one.get('name', 'another')}"
    key = next((key for key in ("file_pattern", "mount_path") if key in other), "name")
    return scope.at_value(
        "SPI-M319", message, (*path, key), "give it a mount_path of its own, or a narrower file_pattern"
    )


def _pattern_of(parameter: Data) -> str:
    return str(parameter.get("file_pattern", "*"))


def _places(side: str, parameter: Data) -> str:
    """The pattern below the work folder; a letter of the folder that means something in patterns counts as any."""
    folder = normpath(parameter.get("mount_path") or side)
    literal = "".join("?" if letter in "*?{}[]" else letter for letter in folder)
    return _pattern_of(parameter) if folder == "." else f"{literal}/{_pattern_of(parameter)}"
