"""The two small files of an OCI image layout: ``oci-layout`` and ``index.json`` (image-spec, image-layout.md)."""

from collections.abc import Iterable

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import Fields, dump_object, load_object
from nova_spi.artifacts.manifests import Index, read_manifest
from nova_spi.artifacts.media_types import IMAGE_INDEX
from nova_spi.errors import ArtifactInvalid

VERSION = "1.0.0"
MARK = dump_object({"imageLayoutVersion": VERSION})
NAME = "org.opencontainers.image.ref.name"
CHECKSUM = "dev.nova-spi.checksum"
"""A field of our own in an index's entry, and no annotation: so it also says whether the annotations are there."""

MAX_MARK_BYTES = 4096


def read_mark(data: bytes) -> None:
    """Checks the content of ``oci-layout``.

    Raises:
        ArtifactInvalid: It is of another version.
    """
    fields = Fields(load_object(data, "oci-layout", limit=MAX_MARK_BYTES), "oci-layout")
    if fields.text("imageLayoutVersion") != VERSION:
        fields.wrong("imageLayoutVersion", VERSION)


def read_entries(data: bytes) -> tuple[Descriptor, ...]:
    """What an ``index.json`` names; where an entry has our checksum, it is compared.

    Raises:
        ArtifactInvalid: It is not valid, or an entry is not what its checksum says.
    """
    found = read_manifest(data, IMAGE_INDEX)
    if not isinstance(found, Index):
        raise ArtifactInvalid("index.json is no index.")
    written = Fields(load_object(data, "index.json"), "index.json").objects("manifests")
    for entry, fields in zip(found.manifests, written, strict=True):
        if fields.text(CHECKSUM) not in ("", _checksum(entry)):
            raise ArtifactInvalid(
                f"index.json is damaged: its entry {entry.annotations.get(NAME) or entry.digest} has changed.",
                code="artifact.damaged",
            )
    return found.manifests


def index_document(entries: Iterable[Descriptor]) -> bytes:
    """An ``index.json`` with these entries, each with its checksum."""
    manifests = [entry.to_dict() | {CHECKSUM: _checksum(entry)} for entry in entries]
    return dump_object({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": manifests})


def _checksum(entry: Descriptor) -> str:
    return Digest.of(dump_object(entry.to_dict())).hex
