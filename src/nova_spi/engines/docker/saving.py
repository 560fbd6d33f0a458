"""An image of the container engine, brought into our layout and verified."""

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from nova_spi.artifacts.archive_reading import read_archive
from nova_spi.artifacts.blobs import CHUNK
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_CONFIG_BYTES
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest, write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_GZIP, LAYER_TAR
from nova_spi.engines.docker.connecting import Connection
from nova_spi.engines.docker.wire import Refused, getting
from nova_spi.errors import ArtifactInvalid, EnvironmentFailed
from nova_spi.progress import Progress

MAX_BYTES = 1 << 38
"""256 GiB: a larger image does not come."""


def save_image(
    connection: Connection, image_id: str, layout: Layout, progress: Progress, above: Manifest | None = None
) -> Descriptor:
    """Copies an image out of the engine.

    What an engine gives has its layers unpacked; they are packed again, but for those that ``above`` has in the layout:
    these stay the very blobs that a registry knows.

    Args:
        connection: To the engine.
        image_id: The image's id, ``sha256:...``.
        layout: Where it goes.
        progress: Hears of the stage ``save`` and of its bytes.
        above: An image in the layout that this one was built on.

    Returns:
        What names its manifest in the layout, which is ours: an engine keeps none, or another.

    Raises:
        ArtifactInvalid: What came is not the image of this id, or the disk is full.
        EngineUnavailable: The engine went away.
        EnvironmentFailed: It has no such image.
    """
    progress.stage("save", image_id)
    with layout.blobs.scratch() as scratch:
        archive = scratch / "image.tar"
        _fetch(connection, image_id, archive, progress)
        between = Layout.create(scratch / "layout")
        found = between.manifest(read_archive(archive, between))
        archive.unlink()
        config = between.config(found)
        if image_id not in (str(found.config.digest), str(found.descriptor.digest)):
            raise ArtifactInvalid(
                f"The container engine gave another image than {image_id}.",
                why=f"Its config is {found.config.digest}.",
                code="artifact.damaged",
            )
        known = _layers(layout, above)
        layers = [
            known.get(diff_id) or _kept(between, layout, layer)
            for layer, diff_id in zip(found.layers, config.diff_ids, strict=True)
        ]
        raw = between.blobs.read(found.config, MAX_CONFIG_BYTES)
    manifest = write_manifest(layout.blobs.write(raw, IMAGE_CONFIG), layers)
    return layout.blobs.write(manifest.raw, manifest.media_type)


def _fetch(connection: Connection, image_id: str, archive: Path, progress: Progress) -> None:
    path = f"/v{connection.api}/images/{image_id}/get"
    done = 0
    with archive.open("wb") as stream:
        for chunk in _chunks(connection, path, image_id):
            done += len(chunk)
            if done > MAX_BYTES:
                raise ArtifactInvalid(f"The image {image_id} has more than {MAX_BYTES} bytes.")
            stream.write(chunk)
            progress.advance(done, None, "bytes")


def _chunks(connection: Connection, path: str, image_id: str) -> Iterator[bytes]:
    """The archive piece by piece; only what goes wrong between us and the engine is the engine's error."""
    with connection.speaking("saving an image"):
        try:
            with getting(connection.host, path) as answer:
                while chunk := answer.read(CHUNK):
                    yield chunk
        except Refused as error:
            raise EnvironmentFailed(
                f"The container engine does not give the image {image_id}.",
                why=f"It says: {str(error)[:600].rstrip('.')}.",
                engine=connection.engine,
            ) from error


def _layers(layout: Layout, above: Manifest | None) -> Mapping[Digest, Descriptor]:
    """The layers of an image of the layout by their diff ids."""
    if above is None:
        return {}
    pairs = zip(layout.config(above).diff_ids, above.layers, strict=True)
    return {diff_id: layer for diff_id, layer in pairs if layout.blobs.has(layer)}


def _kept(between: Layout, layout: Layout, layer: Descriptor) -> Descriptor:
    if layer.media_type != LAYER_TAR:
        layout.blobs.keep(layer, between.blobs.chunks(layer))
        return layer
    digest, size = hashlib.sha256(), 0
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)  # gzip, whose header has no name and no time
    with layout.blobs.incoming() as stream:
        for chunk in between.blobs.chunks(layer):
            packed = packer.compress(chunk)
            digest.update(packed)
            size += stream.write(packed)
        packed = packer.flush()
        digest.update(packed)
        size += stream.write(packed)
        found = Digest("sha256", digest.hexdigest())
        layout.blobs.settle(stream, found)
    return Descriptor(LAYER_GZIP, found, size)
