"""From a path to a report: read, fix where asked, look at the project too."""

import os
import tempfile
from pathlib import Path

from nova_spi.checks.validation.report import ValidationReport
from nova_spi.errors import ProjectError
from nova_spi.manifest.spelling.fixing import fix as fixed_bytes
from nova_spi.project.folder import Folder
from nova_spi.project.validation import validate


def check(path: Path, *, strict: bool = False, fix: bool = False) -> ValidationReport:
    """Validates a manifest or a project.

    Args:
        path: A manifest file, or a folder with one.
        strict: Warnings fail too.
        fix: Write the canonical form first. Nothing is written where nothing changes, or where the text cannot be read.

    Raises:
        ManifestUnreadable: There is no manifest at the path.
        ProjectError: The fixed manifest cannot be written.
    """
    folder, diagnostics = validate(path)
    rewritten = fix and _rewrite(folder)
    if rewritten:
        folder, diagnostics = validate(path)
    return ValidationReport(
        file=folder.document.filename,
        text=folder.document.text,
        diagnostics=tuple(diagnostics),
        strict=strict,
        fixed=rewritten,
        project_checked=Path(path).is_dir() and folder.document.manifest is not None,
        folder=Path(path).is_dir(),
    )


def _rewrite(folder: Folder) -> bool:
    """Replaces the manifest by its canonical form; True where that changed anything."""
    data = fixed_bytes(folder.document)
    path = folder.manifest_path
    if data is None or data == path.read_bytes():
        return False
    replace_file(path, data)
    return True


def replace_file(path: Path, data: bytes) -> None:
    """Writes beside ``path`` and renames, so that a torn write loses nothing; the file's mode stays.

    Raises:
        ProjectError: The folder cannot be written, or is full.
    """
    target = path.resolve()
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ProjectError(
            f"{path} could not be written; it is as it was.",
            why=error.strerror or str(error),
            mend="free some space or take a folder that you may write, then run the command again",
            code="project.unwritable",
        ) from error
