"""Manifests and indexes, of OCI and of Docker: read, never written again from what was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nova_spi.artifacts.descriptors import NOTHING, Descriptor
from nova_spi.artifacts.documents import Fields, dump_object, load_object
from nova_spi.artifacts.media_types import (
    DOCKER_SCHEMA_1,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    INDEXES,
    MANIFESTS,
)
from nova_spi.errors import ArtifactInvalid

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class Manifest:
    """One artifact: a config and its layers.

    Attributes:
        raw: The bytes that its digest is of.
        media_type: OCI's or Docker's.
        config: What describes it.
        layers: In order; of an image, the lowest first.
        annotations: Of the whole.
        artifact_type: What kind of artifact it is; empty for an image.
        subject: The manifest that it says something about.
    """

    raw: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""
    subject: Descriptor | None = None

    @property
    def descriptor(self) -> Descriptor:
        """What names this manifest."""
        return Descriptor.of(self.raw, self.media_type)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Config and layers, each digest once."""
        return tuple({str(each.digest): each for each in (self.config, *self.layers)}.values())


@dataclass(frozen=True, slots=True)
class Index:
    """Several manifests under one name, as a rule one a platform.

    Attributes:
        raw: The bytes that its digest is of.
        media_type: OCI's or Docker's.
        manifests: In order.
        annotations: Of the whole.
    """

    raw: bytes
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def descriptor(self) -> Descriptor:
        """What names this index."""
        return Descriptor.of(self.raw, self.media_type)


def read_manifest(data: bytes, media_type: str = "") -> Manifest | Index:
    """Reads a manifest or an index.

    Args:
        data: Its bytes.
        media_type: What a descriptor or a registry called it. What it calls itself must be the same; where it does not
            say, this counts, and where nobody says, its fields.

    Raises:
        ArtifactInvalid: It is neither, or not valid.
    """
    fields = Fields(load_object(data, "The manifest"), "The manifest")
    kind = _kind(fields, media_type)
    if fields.whole("schemaVersion") != SCHEMA_VERSION:
        fields.wrong("schemaVersion", str(SCHEMA_VERSION))
    children = "manifests" if kind in INDEXES else "layers"
    if not isinstance(fields.values.get(children), list):
        fields.wrong(children, "a list of descriptors")
    annotations = fields.map("annotations")
    if kind in INDEXES:
        manifests = tuple(Descriptor.read(each) for each in fields.objects("manifests"))
        return Index(data, kind, manifests, annotations)
    config, subject = fields.object("config"), fields.object("subject")
    if config is None:
        fields.wrong("config", "a descriptor")
    return Manifest(
        raw=data,
        media_type=kind,
        config=Descriptor.read(config),
        layers=tuple(Descriptor.read(each) for each in fields.objects("layers")),
        annotations=annotations,
        artifact_type=fields.text("artifactType", 255),
        subject=Descriptor.read(subject) if subject else None,
    )


def _kind(fields: Fields, told: str) -> str:
    said = fields.text("mediaType", 255)
    told = told.partition(";")[0].strip().lower()
    known = INDEXES | MANIFESTS
    if told and told not in known and told not in DOCKER_SCHEMA_1:
        told = ""  # application/json and the like say nothing
    if said and told and said != told:
        raise ArtifactInvalid(f"The manifest calls itself {said}, and was named {told}.")
    has_index, has_manifest = "manifests" in fields.values, "config" in fields.values or "layers" in fields.values
    kind = said or told or (IMAGE_INDEX if has_index else IMAGE_MANIFEST)
    if kind in DOCKER_SCHEMA_1 or fields.values.get("schemaVersion") == 1:
        raise ArtifactInvalid(
            "The manifest is of Docker's schema 1, which has no digests of its layers.",
            mend="Push the image again with a Docker of version 1.10 (2016) or later.",
        )
    if kind not in known:
        raise ArtifactInvalid(f"{kind[:120]!r} is no manifest that can be read.")
    # A document that is both would be one thing to us and another to the next reader (CVE-2021-41190).
    if has_manifest if kind in INDEXES else has_index:
        raise ArtifactInvalid("The manifest has the fields of an index and of a manifest.")
    return kind


def write_manifest(
    config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str] = NOTHING
) -> Manifest:
    """A new OCI image manifest; the same arguments give the same bytes."""
    found: dict[str, Any] = {
        "schemaVersion": SCHEMA_VERSION,
        "mediaType": IMAGE_MANIFEST,
        "config": config.to_dict(),
        "layers": [layer.to_dict() for layer in layers],
    }
    if annotations:
        found["annotations"] = dict(annotations)
    return Manifest(dump_object(found), IMAGE_MANIFEST, config, tuple(layers), dict(annotations))
