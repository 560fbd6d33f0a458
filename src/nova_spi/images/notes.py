"""Notes beside a layout: which manifest came of what, so that it need not be pulled or assembled again."""

import hashlib
from pathlib import Path

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.documents import Fields, dump_object, load_object
from nova_spi.artifacts.layout import Layout
from nova_spi.errors import ArtifactInvalid


def keep_note(layout: Layout, origin: str, descriptor: Descriptor) -> None:
    """Notes which manifest came of ``origin``.

    Raises:
        ArtifactInvalid: The disk is full.
    """
    write_note(layout, _place(layout, origin), dump_object(descriptor.to_dict()))


def write_note(layout: Layout, place: Path, data: bytes) -> None:
    """Writes a small file below a layout's folder, as a whole.

    Raises:
        ArtifactInvalid: The disk is full.
    """
    with layout.blobs.told_when_full(), layout.blobs.incoming() as stream:
        stream.write(data)
        stream.flush()
        place.parent.mkdir(exist_ok=True)
        Path(stream.name).replace(place)


def noted(layout: Layout, origin: str) -> Descriptor | None:
    """The manifest that came of ``origin``, where it is in the layout with all that it names."""
    try:
        found = Descriptor.read(Fields(load_object(_place(layout, origin).read_bytes(), "A note"), "A note"))
    except (OSError, ArtifactInvalid):
        return None  # of nothing that was made yet, or of another version of nova-spi
    return found if is_there(layout, found) else None


def is_there(layout: Layout, descriptor: Descriptor) -> bool:
    """Whether a manifest and all its blobs are in the layout; the blobs are verified when they are read."""
    try:
        return all(layout.blobs.has(blob) for blob in layout.manifest(descriptor).blobs)
    except ArtifactInvalid:
        return False


def _place(layout: Layout, origin: str) -> Path:
    return layout.root / "bases" / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"
