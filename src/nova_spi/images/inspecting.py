"""What an image is: name, digest, platform, how it starts, and its layers with what made each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.manifests import Manifest

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
MAX_MADE_BY = 1000


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer.

    Attributes:
        digest: Of its blob.
        size: Of its blob, in bytes.
        media_type: How it is packed.
        made_by: What the image's history says of it; empty where that says nothing. Nobody vouches for it.
    """

    digest: str
    size: int
    media_type: str
    made_by: str

    def to_dict(self) -> dict[str, Any]:
        """The layer as JSON."""
        return {
            "digest": self.digest,
            "size": self.size,
            "media_type": self.media_type,
            "made_by": self.made_by,
        }


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image.

    Attributes:
        name: What it was asked for by.
        digest: Of its manifest.
        image_id: Of its config: what Docker calls it by.
        platform: ``linux/amd64``.
        created: As its labels say it, RFC 3339.
        user: Who it runs as; empty is root.
        working_dir: Where it starts.
        entry_point: The program, with its arguments.
        command: Arguments that a caller may replace.
        environment: Names of its variables; values may be secrets that somebody baked in.
        labels: All of them.
        base: ``name`` and ``digest`` of what it was built from, each None where it does not say.
        layers: The lowest first.
    """

    name: str
    digest: str
    image_id: str
    platform: str
    created: str
    user: str
    working_dir: str
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    environment: tuple[str, ...]
    labels: Mapping[str, str]
    base: Mapping[str, str | None]
    layers: tuple[LayerFacts, ...]

    @property
    def size(self) -> int:
        """Bytes of all layers as they are packed."""
        return sum(layer.size for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """The image as JSON."""
        return {
            "name": self.name,
            "digest": self.digest,
            "image_id": self.image_id,
            "platform": self.platform,
            "created": self.created,
            "user": self.user,
            "working_dir": self.working_dir,
            "entry_point": list(self.entry_point),
            "command": list(self.command),
            "environment": list(self.environment),
            "labels": dict(self.labels),
            "base": dict(self.base),
            "size_bytes": self.size,
            "layers": [layer.to_dict() for layer in self.layers],
        }


def image_facts(name: str, manifest: Manifest, config: ImageConfig) -> ImageFacts:
    """What an image's manifest and config say.

    Args:
        name: What it was asked for by.
        manifest: The image's.
        config: The image's.
    """
    said = dict(manifest.annotations) | dict(config.labels)
    return ImageFacts(
        name=name,
        digest=str(manifest.descriptor.digest),
        image_id=str(manifest.config.digest),
        platform=str(config.platform),
        created=said.get("org.opencontainers.image.created", ""),
        user=config.user,
        working_dir=config.working_dir,
        entry_point=config.entrypoint,
        command=config.command,
        environment=tuple(config.environment),
        labels=config.labels,
        base={"name": said.get(BASE_NAME) or None, "digest": said.get(BASE_DIGEST) or None},
        layers=_layers(manifest, config),
    )


def _layers(manifest: Manifest, config: ImageConfig) -> tuple[LayerFacts, ...]:
    """Layers with their entries of the history, where it has one for each that is not empty."""
    history = [_made_by(each) for each in config.history if not each.get("empty_layer")]
    if len(history) != len(manifest.layers):
        history = [""] * len(manifest.layers)
    return tuple(
        LayerFacts(str(layer.digest), layer.size, layer.media_type, made_by)
        for layer, made_by in zip(manifest.layers, history, strict=True)
    )


def _made_by(entry: Mapping[str, Any]) -> str:
    said = entry.get("created_by") or entry.get("comment") or ""
    return said[:MAX_MADE_BY] if isinstance(said, str) else ""
