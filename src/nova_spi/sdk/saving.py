"""Changes go into the manifest's file; what they are not about stays as it was, comments included."""

from pathlib import Path
from typing import Any

from nova_spi.checks.validation.checking import replace_file
from nova_spi.manifest.models.times import parse_time
from nova_spi.manifest.reading import read
from nova_spi.manifest.spelling.surgery import CannotEdit
from nova_spi.manifest.text.source import parse
from nova_spi.manifest.text.writing import dump, dump_json, in_order
from nova_spi.project.clock import timestamp
from nova_spi.project.folder import Folder, open_folder
from nova_spi.sdk.changes import Changes, invalid
from nova_spi.sdk.patching import patched


def save(path: Path, changes: Changes) -> Folder:
    """Writes changes into the manifest at ``path``, and when they were made.

    Returns:
        The project as it is then. Where the file says all of it already, nothing is written.

    Raises:
        ManifestInvalid: The file has errors, alone or with the changes; it stays as it was.
        ProjectError: The file cannot be written; it stays as it was.
    """
    folder = open_folder(path)
    old = folder.manifest.to_dict()
    wanted = changes.to(old)
    if wanted == old:
        return folder
    if "modified_at" not in dict(changes.metadata):
        wanted["model"]["modified_at"] = _moment(wanted["model"])
    text = _text(folder, old, wanted)
    document = read(text.encode("utf-8"), filename=folder.document.filename)
    if document.errors:
        raise invalid(list(document.errors))
    replace_file(path, text.encode("utf-8"))
    return open_folder(path)


def _text(folder: Folder, old: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The file's new text: patched, or, where its shape does not allow that, written anew."""
    document = folder.document
    if folder.manifest_path.suffix == ".json":
        return dump_json(wanted)
    root = parse(document.text.encode("utf-8")).node
    if root is None:
        return dump(wanted)
    try:
        text = patched(document.text, old, in_order(wanted))
    except (CannotEdit, ValueError, IndexError):
        return dump(wanted)
    again = read(text.encode("utf-8"), filename=document.filename)
    return text if again.manifest and again.manifest.to_dict() == _plain(wanted, document.filename) else dump(wanted)


def _plain(data: dict[str, Any], filename: str) -> dict[str, Any] | None:
    manifest = read(dump(data).encode("utf-8"), filename="manifest.yml").manifest
    return manifest.to_dict() if manifest else None


def _moment(model: dict[str, Any]) -> str:
    """Now; the time of its creation where that is said to be later, because no model changes before it is made."""
    now = timestamp()
    made, changed = parse_time(str(model.get("created_at") or now)), parse_time(now)
    return str(model["created_at"]) if made and changed and made.tzinfo and made > changed else now
