"""An image of a layout by what people call it: its name, its full name, or its digest."""

from pathlib import Path
from typing import NamedTuple

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.indexes import NAME
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.references import Reference
from nova_spi.errors import UsageError


class Found(NamedTuple):
    """What was found.

    Attributes:
        layout: Where it is.
        name: Its full name; where it was asked for by a digest and has none, that digest.
        descriptor: Of its manifest, or of an index of several.
    """

    layout: Layout
    name: str
    descriptor: Descriptor


def look_up(store: Path, said: str) -> Found | None:
    """An image of a store.

    Args:
        store: A layout's folder; it need not be there.
        said: ``my-model:1.0``, ``docker.io/library/my-model:1.0``, ``sha256:...`` or ``NAME@sha256:...``: the last is
            any image of this digest, whatever its name.

    Raises:
        ArtifactInvalid: The store is damaged.
    """
    if not (store / "oci-layout").exists():
        return None
    layout = Layout.open(store)
    entries = layout.entries()
    full, digest = _read(said)
    for entry in entries:
        if entry.annotations.get(NAME) == full:
            return Found(layout, full, entry)
    for entry in entries:
        if str(entry.digest) == digest:
            return Found(layout, entry.annotations.get(NAME) or digest, entry)
    return None


def _read(said: str) -> tuple[str, str]:
    """The full name and the digest that are meant."""
    try:
        reference = Reference.parse(said)
    except UsageError:
        return said, said
    return str(reference), str(reference.digest) if reference.digest else said
