"""The files that a manifest names, looked up in its project: there, of the right kind, and not outside."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import finding
from nova_spi.manifest.meaning.suggest import did_you_mean
from nova_spi.manifest.nodes import Path as Place
from nova_spi_runtime.patterns import expand_braces

if TYPE_CHECKING:
    from nova_spi.manifest.reading import Document

_GLOB = frozenset("*?[{")
_MAX_MATCHES = 10_000


@dataclass(frozen=True, slots=True)
class Places:
    """Where the manifest's paths lead.

    Attributes:
        root: The project's folder.
        document: The manifest as it was read.
        has_requirements: Whether modules may come from elsewhere than the project.
    """

    root: Path
    document: "Document"
    has_requirements: bool

    def file(self, relative: str) -> Path | str:
        """The regular file at a path of the project, or what is wrong with it, as the end of a sentence."""
        return self._look(relative, folders=False)

    def file_or_folder(self, relative: str) -> Path | str:
        """As `file`; a folder will do too."""
        return self._look(relative, folders=True)

    def matches(self, pattern: str) -> list[Path] | str:
        """The files that a path, a glob or a folder of a test case stands for, or what is wrong with it."""
        found = self.file_or_folder(pattern)
        if isinstance(found, Path) or not _GLOB & set(pattern):
            return [found] if isinstance(found, Path) else found
        if pattern.startswith("/") or ".." in pattern.split("/"):
            return "leads out of the project"
        matched = []
        for path in (path for expanded in expand_braces(pattern) for path in self.root.glob(expanded)):
            if path.is_file() and self._is_inside(path):
                matched.append(path)
            if len(matched) > _MAX_MATCHES:
                return f"matches more than {_MAX_MATCHES} files"
        return matched or "matches no file of the project"

    def finding(self, code: str, message: str, place: Place, mend: str = "") -> Diagnostic:
        """A finding about a place of the manifest, with its span."""
        return finding(code, message, place, self.document.span_of(place), mend)

    def relative(self, path: Path) -> str:
        """A path of the project as people read it."""
        return path.relative_to(self.root).as_posix()

    def similar(self, relative: str) -> str:
        """A "did you mean" among the files beside ``relative``; empty where none is close."""
        folder = (self.root / relative).parent
        try:
            names = sorted(item.name for item in folder.iterdir()) if self._is_inside(folder) else []
        except OSError:
            names = []
        return did_you_mean(relative, ((Path(relative).parent / name).as_posix() for name in names))

    def _look(self, relative: str, *, folders: bool) -> Path | str:
        path = self.root / relative
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "is a link that leads nowhere" if path.is_symlink() else "does not exist"
        except (OSError, ValueError) as error:
            return f"cannot be looked at: {getattr(error, 'strerror', None) or error}"
        if not self._is_inside(path):
            return "leads out of the project"
        if stat.S_ISREG(mode) or (folders and stat.S_ISDIR(mode)):
            return path
        return "is a folder, where a file is wanted" if stat.S_ISDIR(mode) else "is not a regular file"

    def _is_inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))
