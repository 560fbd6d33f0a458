"""Images and containers of the container engine of this machine, brought into a layout to be looked at.

An image comes as ``docker save`` gives it, a container as the tree that it has now, in one layer.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nova_spi.artifacts.archive_reading import read_archive
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import dump_object
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_TAR
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import EngineUnavailable, ExtraMissing

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.images import Image

    from nova_spi.engines.docker.connecting import Connection

CHUNK = 1024 * 1024


def bring_local(ref: str, layout: Layout) -> Descriptor | None:
    """Brings an image or a container into a layout.

    Args:
        ref: A name or an id.
        layout: Where to.

    Returns:
        What names its manifest; None where no engine answers, or it has no such thing.

    Raises:
        EngineUnavailable: The engine fails while it gives it.
        ArtifactInvalid: What it gives is damaged, or the disk is full.
    """
    from nova_spi.engines.docker.connecting import answers, connect

    if not answers():
        return None
    try:
        connection = connect()
    except (EngineUnavailable, ExtraMissing):
        return None
    with connection:
        found = _find(connection, ref)
        if found is None:
            return None
        with connection.speaking(f"giving {ref}"):
            return found.brought(layout)


class _Image:
    """An image of the engine."""

    def __init__(self, image: "Image") -> None:
        self._image = image

    def brought(self, layout: Layout) -> Descriptor:
        place = layout.root / "saved.tar"
        with layout.blobs.told_when_full():
            _write(place, self._image.save(chunk_size=CHUNK))
            try:
                return read_archive(place, layout, platform=_platform(self._image.attrs))
            finally:
                place.unlink()


class _Container:
    """A container of the engine, running or not."""

    def __init__(self, container: "Container", platform: Platform) -> None:
        self._container = container
        self._platform = platform

    def brought(self, layout: Layout) -> Descriptor:
        layer = self._layer(layout)
        document = {
            "os": self._platform.os,
            "architecture": self._platform.architecture,
            "config": _own(self._container.attrs.get("Config") or {}),
            "rootfs": {"type": "layers", "diff_ids": [str(layer.digest)]},
            "history": [{"created_by": f"the container {self._container.name}"}],
        }
        manifest = write_manifest(layout.blobs.write(dump_object(document), IMAGE_CONFIG), [layer])
        return layout.blobs.write(manifest.raw, manifest.media_type)

    def _layer(self, layout: Layout) -> Descriptor:
        hasher, size = hashlib.sha256(), 0
        with layout.blobs.incoming() as stream:
            for chunk in cast("Iterator[bytes]", self._container.export(chunk_size=CHUNK)):
                hasher.update(chunk)
                size += stream.write(chunk)
            digest = Digest("sha256", hasher.hexdigest())
            layout.blobs.settle(stream, digest)
        return Descriptor(LAYER_TAR, digest, size)


def _find(connection: "Connection", ref: str) -> _Image | _Container | None:
    """An image before a container of the same name."""
    from docker.errors import APIError

    with connection.speaking(f"looking for {ref}"):
        with suppress(APIError):  # Podman fails with 500 for the id of a container, where others do not find it
            return _Image(connection.client.images.get(ref))
        try:
            container = connection.client.containers.get(ref)
            image = connection.client.images.get(container.attrs["Image"])
        except APIError as error:
            if not error.is_client_error():
                raise
            return None  # it does not know the name, or does not take it for one
        return _Container(container, _platform(image.attrs))


def _write(place: Path, chunks: Iterator[bytes]) -> None:
    with place.open("wb") as stream:
        for chunk in chunks:
            stream.write(chunk)


def _platform(attributes: Any) -> Platform:
    return Platform(
        attributes.get("Os") or "linux", attributes.get("Architecture") or "", attributes.get("Variant") or ""
    )


def _own(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a container's config that an image's has too."""
    names = ("Cmd", "Entrypoint", "Env", "Labels", "User", "WorkingDir")
    return {name: config[name] for name in names if config.get(name)}
