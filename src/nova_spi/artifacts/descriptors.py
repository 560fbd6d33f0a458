"""Descriptors: what names a blob, with its size and its type (image-spec, descriptor.md)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import Fields
from nova_spi.artifacts.platforms import Platform

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
MAX_DATA_TEXT = 1024 * 1024
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One blob.

    Attributes:
        media_type: What it is.
        digest: Of its bytes.
        size: In bytes.
        annotations: Whatever else is said of it.
        platform: Where the manifest behind it runs, in an index.
        artifact_type: Of the manifest behind it.
    """

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    artifact_type: str = ""

    @classmethod
    def of(cls, data: bytes, media_type: str) -> "Descriptor":
        """The descriptor of these bytes."""
        return cls(media_type, Digest.of(data), len(data))

    @classmethod
    def read(cls, fields: Fields) -> "Descriptor":
        """Reads a descriptor.

        Raises:
            ArtifactInvalid: A field is missing or wrong, or ``data`` is not what the digest says.
        """
        media_type = fields.text("mediaType", 255)
        if not _MEDIA_TYPE.fullmatch(media_type):
            fields.wrong("mediaType", "a media type")
        size = fields.whole("size")
        if size is None:
            fields.wrong("size", "a whole number from 0")
        platform = fields.object("platform")
        found = cls(
            media_type=media_type,
            digest=Digest.parse(fields.text("digest", 255)),
            size=size,
            annotations=MappingProxyType(fields.map("annotations")),
            platform=Platform.read(platform) if platform else None,
            artifact_type=fields.text("artifactType", 255),
        )
        if fields.values.get("data") is not None:
            found._embedded(fields)
        return found

    def _embedded(self, fields: Fields) -> None:
        try:
            data = base64.b64decode(fields.text("data", MAX_DATA_TEXT), validate=True)
        except (binascii.Error, ValueError):
            fields.wrong("data", "base64")
        if len(data) != self.size or not self.digest.matches(data):
            fields.wrong("data", "the bytes that its digest names")

    def annotated(self, **annotations: str) -> "Descriptor":
        """The same with these annotations alone."""
        return replace(self, annotations=MappingProxyType(annotations))

    def to_dict(self) -> dict[str, Any]:
        """The descriptor as JSON."""
        found: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        if self.platform is not None:
            found["platform"] = self.platform.to_dict()
        if self.artifact_type:
            found["artifactType"] = self.artifact_type
        return found
