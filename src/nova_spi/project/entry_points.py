"""Checks of entry points: is what they name in the project?"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Path as Place
from nova_spi.project.callables import check_callable
from nova_spi.project.modules import Modules, Use
from nova_spi.project.places import Places

if TYPE_CHECKING:
    from nova_spi.manifest.models import EntryPoint, Manifest

DEFAULT_SCRIPT = "run.py"

_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?")
_WITH_A_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})


def check_entry_points(manifest: "Manifest", places: Places) -> Iterator[Diagnostic]:
    """Whatever is wrong with the files and attributes that the manifest's entry points name."""
    modules = Modules.of(manifest, places)
    common = manifest.execution.entry_point if manifest.execution else None
    if common is None:
        yield from _default_script(modules, manifest)
    for use, entry_point in _uses(manifest, common):
        yield from _check(entry_point, use, modules)


def _default_script(modules: Modules, manifest: "Manifest") -> Iterator[Diagnostic]:
    use = Use(("execution",), "", manifest.inputs)
    found = modules.places.file(DEFAULT_SCRIPT)
    if isinstance(found, Path):
        yield from modules.parse(found, use)
        return
    message = "there is nothing to run: no execution.entry_point, and no run.py in the project's root"
    mend = "write run.py, or name what runs, as in entry_point: {callable: module:function}"
    yield modules.places.finding("SPI-M412", message, use.place, mend)


def _uses(manifest: "Manifest", common: "EntryPoint | None") -> "Iterator[tuple[Use, EntryPoint]]":
    place: Place = ("execution", "entry_point")
    if common is not None:
        yield Use(place, "predict", manifest.inputs), common
    for name, command in (manifest.commands or {}).items():
        own = command.entry_point or common
        if own is not None and not command.default:
            at: Place = ("commands", name, "entry_point") if command.entry_point else ("commands", name)
            yield Use(at, name.replace("-", "_"), command.inputs), own


def _check(entry_point: "EntryPoint", use: Use, modules: Modules) -> Iterator[Diagnostic]:
    if entry_point.callable:
        yield from check_callable(entry_point.callable, use, modules)
    elif use.is_own and entry_point.module:
        yield from _module(entry_point.module, use, modules)
    elif use.is_own and entry_point.command:
        yield from _command(entry_point.command, use, modules)


def _module(name: str, use: Use, modules: Modules) -> Iterator[Diagnostic]:
    path = modules.find(name, runs=True)
    yield from modules.parse(path, use) if path else modules.missing(name, use, runs=True)


def _command(argv: tuple[str, ...], use: Use, modules: Modules) -> Iterator[Diagnostic]:
    kind, name = what_runs(argv)
    if kind == "module":
        yield from _module(name, use, modules)
    elif kind == "script":
        found = modules.places.file(name)
        if isinstance(found, str):
            mend = modules.places.similar(name) or "write the file, or correct the command; paths start at the root"
            yield modules.places.finding("SPI-M404", f"the program {name} {found}", use.at("command"), mend)
        elif name.endswith(".py"):
            yield from modules.parse(found, use)


def what_runs(argv: tuple[str, ...]) -> tuple[str, str]:
    """What of the project a command line runs: ``("script", path)``, ``("module", name)``, or two empty strings."""
    program, *rest = argv
    if not _PYTHON.fullmatch(program):
        return _script(program) if "/" in program else ("", "")
    while rest and rest[0].startswith("-"):
        if rest[0] == "-m" and len(rest) > 1:
            return "module", rest[1]
        if rest[0].startswith(("-c", "-m")) or rest[0] == "-":
            return "", ""
        rest = rest[2:] if rest[0] in _WITH_A_VALUE else rest[1:]
    return _script(rest[0]) if rest else ("", "")


def _script(path: str) -> tuple[str, str]:
    return ("", "") if path.startswith("/") else ("script", path)
