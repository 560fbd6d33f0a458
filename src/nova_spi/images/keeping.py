"""Layers of earlier builds: what a layer is made from is its key in a cache beside the layout."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import Fields, dump_object, load_object
from nova_spi.artifacts.layout import Layout
from nova_spi.errors import ArtifactInvalid
from nova_spi.images.layers import EMPTY, Entry, Layer
from nova_spi.images.notes import write_note

FORMAT = "1"


class Kept:
    """The layers that earlier builds left in a layout.

    Args:
        layout: Where they are.
        seconds: The time of everything in them.
        cached: Whether they count; new ones are kept in any case.

    Attributes:
        reused: How many were there, but for empty ones, which are in no image.
    """

    def __init__(self, layout: Layout, seconds: int, *, cached: bool) -> None:
        self.reused = 0
        self._layout = layout
        self._seconds = seconds
        self._cached = cached

    def layer(self, kind: str, key: str, made: Callable[[], Layer]) -> Layer:
        """A layer of an earlier build with the same key, where its blob is there; else a new one.

        Its bytes are compared with its digest whenever somebody reads them, and not here.
        """
        digest = hashlib.sha256("\0".join((FORMAT, kind, key, str(self._seconds))).encode()).hexdigest()
        place = self._layout.root / "layers" / f"{digest}.json"
        if self._cached and (found := self._remembered(place)) is not None:
            self.reused += found.diff_id != EMPTY
            return found
        layer = made()
        note = {"descriptor": layer.descriptor.to_dict(), "diff_id": str(layer.diff_id), "made_by": layer.made_by}
        write_note(self._layout, place, dump_object(note))
        return layer

    def _remembered(self, place: Path) -> Layer | None:
        try:
            fields = Fields(load_object(place.read_bytes(), "A note"), "A note")
            found = Descriptor.read(Fields.of(fields.values.get("descriptor"), "A note"))
            layer = Layer(found, Digest.parse(fields.text("diff_id")), fields.text("made_by"))
        except (OSError, ArtifactInvalid):
            return None
        return layer if self._layout.blobs.has(found) else None


def entries_key(entries: Iterable[Entry]) -> str:
    """What a layer is made from: names, kinds, and contents by their digests."""
    found = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.path):
        content = entry.source
        if isinstance(content, Path):
            with content.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
        elif isinstance(content, bytes):
            content = hashlib.sha256(content).digest()
        found.update(
            repr((entry.path, content, entry.executable, entry.owner, entry.mode)).encode("utf-8", "surrogatepass")
        )
    return found.hexdigest()
