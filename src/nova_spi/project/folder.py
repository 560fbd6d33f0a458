"""A project: a folder with a manifest and a model's code."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.errors import ManifestInvalid, ManifestUnreadable

if TYPE_CHECKING:
    from nova_spi.manifest.diagnostics import Diagnostic
    from nova_spi.manifest.models import Manifest
    from nova_spi.manifest.reading import Document

MANIFEST_NAMES = ("manifest.yml", "manifest.yaml", "manifest.json")
"""Where a manifest is looked for, in this order; the first is the one that is written."""

MAX_MANIFEST_BYTES = 1024 * 1024
MAX_ERRORS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Folder:
    """A project as it was read.

    Attributes:
        root: Its folder, absolute.
        manifest_path: Its manifest, absolute.
        document: What the manifest says, with every finding; it may have errors.
        from_image: Whether it was unpacked from an image, which anybody may have made: such a one has no settings of
            its own and names no files of this machine.
    """

    root: Path
    manifest_path: Path
    document: "Document"
    from_image: bool = False

    @property
    def settings_root(self) -> Path | None:
        """Where its own settings stand; None where it may have none."""
        return None if self.from_image else self.root

    @property
    def manifest(self) -> "Manifest":
        """The manifest's models.

        Raises:
            ManifestInvalid: The manifest has errors.
        """
        document = self.document
        if document.manifest is not None:
            return document.manifest
        errors = document.errors
        raise ManifestInvalid(
            f"{document.filename} has {len(errors)} {'error' if len(errors) == 1 else 'errors'}.",
            why="; ".join(_line(document.filename, found) for found in errors[:MAX_ERRORS_SHOWN]),
            mend=f"nova-spi validate {document.filename}",
            diagnostics=[found.to_dict() for found in errors],
        )


def open_folder(path: Path | str) -> Folder:
    """Reads a project.

    Args:
        path: Its folder, or its manifest under any name.

    Raises:
        ManifestUnreadable: There is no manifest, or it cannot be opened. A manifest with errors is opened.
    """
    from nova_spi.manifest.reading import read

    path = Path(path)
    manifest_path = find_manifest(path) if path.is_dir() else path
    document = read(_bytes(manifest_path), filename=str(manifest_path))
    absolute = Path(os.path.normpath(manifest_path.absolute()))
    return Folder(absolute.parent, absolute, document)


def find_manifest(root: Path) -> Path:
    """The manifest of the project in ``root``.

    Raises:
        ManifestUnreadable: There is none.
    """
    for name in MANIFEST_NAMES:
        if os.path.lexists(root / name):
            return root / name
    raise ManifestUnreadable(
        f"There is no manifest in {'this folder' if root == Path() else root}.",
        why=f"A project has one of {', '.join(MANIFEST_NAMES)} in its folder.",
        mend="nova-spi create NAME --domain text",
        path=str(root),
    )


def _bytes(path: Path) -> bytes:
    """The manifest's bytes; of one that is too long, one more than allowed, so that the reader says so."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ManifestUnreadable(f"{path} is not a regular file.", mend="Name a manifest or a project's folder.")
        with path.open("rb") as file:
            return file.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        raise ManifestUnreadable(
            f"There is no file {path}.", mend="Name a manifest or a project's folder.", path=str(path)
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ManifestUnreadable(f"{path} cannot be read.", why=why or str(error), path=str(path)) from error


def _line(filename: str, found: "Diagnostic") -> str:
    place = f"{filename}:{found.span.line}:{found.span.column}" if found.span else filename
    return f"{place}: {found.message}"
