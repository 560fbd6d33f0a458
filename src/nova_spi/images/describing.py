"""The two documents of an image, config and manifest, from its base and the layers above it (image-spec)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.documents import dump_object
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest, write_manifest
from nova_spi.artifacts.media_types import DOCKER_LAYER_GZIP, DOCKER_LAYER_TAR, IMAGE_CONFIG, LAYER_GZIP, LAYER_TAR
from nova_spi.images.base import Base
from nova_spi.images.layers import Layer

_OCI_NAMES = {DOCKER_LAYER_GZIP: LAYER_GZIP, DOCKER_LAYER_TAR: LAYER_TAR}


def write_image(
    layout: Layout,
    base: Base,
    layers: Sequence[Layer],
    config: Mapping[str, Any],
    *,
    seconds: int = 0,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Writes an image into a layout.

    Args:
        layout: Where its layers are.
        base: What they are laid on.
        layers: The lowest first.
        config: How it runs: the object ``config`` of the image's config.
        seconds: When it was made, since 1970.
        annotations: Of its manifest.
    """
    when = rfc3339(seconds)
    platform = base.config.platform
    document: dict[str, Any] = {
        "architecture": platform.architecture,
        "os": platform.os,
        **({"variant": platform.variant} if platform.variant else {}),
        "created": when,
        "config": dict(config),
        "rootfs": {
            "type": "layers",
            "diff_ids": [str(each) for each in (*base.config.diff_ids, *(layer.diff_id for layer in layers))],
        },
        "history": [*_history(base, when), *({"created": when, "created_by": layer.made_by} for layer in layers)],
    }
    described = layout.blobs.write(dump_object(document), IMAGE_CONFIG)
    blobs = [*(as_oci(each) for each in base.manifest.layers), *(layer.descriptor for layer in layers)]
    manifest = write_manifest(described, blobs, dict(annotations or {}))
    layout.blobs.write(manifest.raw, manifest.media_type)
    return manifest


def rfc3339(seconds: int) -> str:
    """A time as every document of an image has it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def as_oci(layer: Descriptor) -> Descriptor:
    """A layer of the base under OCI's name of its type: an OCI manifest names no types of Docker's."""
    return Descriptor(_OCI_NAMES.get(layer.media_type, layer.media_type), layer.digest, layer.size)


def _history(base: Base, when: str) -> list[Mapping[str, Any]]:
    """The base's history; readers want one entry a layer, Podman with its time, and not every base has that."""
    kept = list(base.config.history)
    if sum(not entry.get("empty_layer") for entry in kept) == len(base.manifest.layers):
        return kept
    return [{"created": when, "created_by": f"from {base.name}"} for _ in base.manifest.layers]
