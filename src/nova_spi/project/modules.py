"""The project's Python modules: found by name, parsed once, never imported."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import finding
from nova_spi.manifest.meaning.suggest import did_you_mean
from nova_spi.manifest.nodes import Path as Place
from nova_spi.manifest.nodes import Span
from nova_spi.project.places import Places
from nova_spi.project.source import Source, SourceError

if TYPE_CHECKING:
    from nova_spi.manifest.models import Manifest
    from nova_spi.manifest.models.parameter import Parameter


@dataclass(frozen=True, slots=True)
class Use:
    """One command and what its entry point is called with.

    Attributes:
        place: Where the entry point stands; the command itself where it takes the common one.
        method: What is called of a class.
        inputs: What comes as keyword arguments.
    """

    place: Place
    method: str
    inputs: "tuple[Parameter, ...]"

    @property
    def is_own(self) -> bool:
        """Whether the entry point stands at `place` itself."""
        return self.place[-1] == "entry_point"

    def at(self, key: str) -> Place:
        """The place of a key of the entry point."""
        return (*self.place, key) if self.is_own else self.place


@dataclass
class Modules:
    """The modules of one project.

    Attributes:
        places: The project's files.
        same_python: Whether the model's Python is of this interpreter's version: else what does not parse here may
            parse there, and is only warned of.
    """

    places: Places
    same_python: bool
    _parsed: dict[Path, Source | None] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: "Manifest", places: Places) -> "Modules":
        """The modules of the manifest's project."""
        wanted = manifest.execution.python_version if manifest.execution else None
        here = [str(part) for part in sys.version_info[:2]]
        return cls(places, wanted is None or wanted.split(".")[:2] == here)

    def find(self, module: str, *, runs: bool = False) -> Path | None:
        """The file of a module; of a package its ``__init__``, or ``__main__`` where the package itself runs."""
        stem = "/".join(module.split("."))
        package = self._file(f"{stem}/__init__.py")
        plain = None if package else self._file(f"{stem}.py")  # a package hides a module of its name
        if runs:
            return plain or self._file(f"{stem}/__main__.py")
        return package or plain

    def _file(self, relative: str) -> Path | None:
        found = self.places.file(relative)
        return found if isinstance(found, Path) else None

    def missing(self, module: str, use: Use, *, runs: bool = False) -> Iterator[Diagnostic]:
        """What to say of a module that the project does not have; nothing where Python itself has it."""
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names:
            return
        place = use.at("module" if runs else "callable")
        similar = did_you_mean(top, self._names)
        if self.places.has_requirements and not self._begins(top):
            message = f"the module {module} is not in the project, so it must come from the requirements"
            yield self.places.finding("SPI-M417", message, place, similar or "see that the name is right")
            return
        stem = module.replace(".", "/")
        message = f"there is no {stem}.py and no {stem}/{'__main__' if runs else '__init__'}.py in the project"
        yield self.places.finding("SPI-M401", message, place, similar or "write it, or correct the entry point")

    def parse(self, path: Path, use: Use) -> Iterator[Diagnostic]:
        """Parses a file, and says once where it cannot be."""
        if path in self._parsed:
            return
        try:
            self._parsed[path] = Source.parse(path)
        except SourceError as error:
            self._parsed[path] = None
            yield self._unparsed(path, error, use)

    def parsed(self, path: Path) -> Source | None:
        """The file after `parse`; None where it cannot be parsed."""
        return self._parsed[path]

    def _unparsed(self, path: Path, error: SourceError, use: Use) -> Diagnostic:
        relative = self.places.relative(path)
        version = ".".join(str(part) for part in sys.version_info[:2])
        code = "SPI-M403" if self.same_python else "SPI-M418"
        message = f"{relative} cannot be parsed as Python {version}: {error.message}"
        if error.line is None:
            return self.places.finding(code, message, use.place, "mend the file")
        column = max(error.column or 1, 1)
        span = Span(error.line, column, error.line, column + 1)
        return replace(finding(code, message, use.place, span, "mend the line"), file=relative)

    def _begins(self, name: str) -> bool:
        return (self.places.root / name).is_dir() or (self.places.root / f"{name}.py").is_file()

    @cached_property
    def _names(self) -> list[str]:
        return sorted(path.stem for path in self.places.root.glob("*.py"))
