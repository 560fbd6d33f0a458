"""Pulling an image into a layout: what is there already is not fetched, what broke off goes on where it broke."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from nova_spi.artifacts.blobs import CHUNK
from nova_spi.artifacts.choosing import choose
from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.documents import MAX_CONFIG_BYTES
from nova_spi.artifacts.layout import MAX_DEPTH, Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.client import Registry
from nova_spi.artifacts.registry.retrying import ATTEMPTS, Broken, pause_before
from nova_spi.errors import ArtifactInvalid, RegistryError
from nova_spi.progress import Progress, Silent

MAX_BLOB_BYTES = 1 << 40
MAX_LAYERS = 1000


def pull(
    registry: Registry,
    reference: Reference,
    layout: Layout,
    *,
    platform: Platform | None = None,
    progress: Progress | None = None,
    backoff_seconds: float = 0.5,
) -> Descriptor:
    """Pulls one manifest with its config and its layers.

    Args:
        registry: Where from.
        reference: Which one.
        layout: Where to.
        platform: Which one of an index; by default this machine's.
        progress: Hears of bytes.
        backoff_seconds: The first pause before a blob that broke off is asked for again.

    Returns:
        What names the manifest, byte by byte as the registry has it.

    Raises:
        RegistryError: It cannot be had.
        ArtifactInvalid: Something is not what its digest says, or not there for the platform.
    """
    manifest = choose_manifest(registry, reference, platform or Platform.here())
    if len(manifest.layers) > MAX_LAYERS:
        raise ArtifactInvalid(f"{reference} has {len(manifest.layers)} layers; at most {MAX_LAYERS} are taken.")
    total = sum(blob.size for blob in manifest.blobs)
    if any(blob.size > MAX_BLOB_BYTES for blob in manifest.blobs):
        raise ArtifactInvalid(f"{reference} has a blob of more than {MAX_BLOB_BYTES} bytes.")
    listener, done = progress or Silent(), 0
    listener.stage("pull", str(reference))
    for blob in manifest.blobs:
        if not layout.blobs.has(blob):
            _Blob(registry, reference.repository, blob, layout, backoff_seconds).fetch(listener, done, total)
        done += blob.size
        listener.advance(done, total, "bytes")
    return layout.blobs.write(manifest.raw, manifest.media_type)


def pull_blob(
    registry: Registry, repository: str, descriptor: Descriptor, layout: Layout, *, progress: Progress | None = None
) -> None:
    """Pulls one blob, where it is not there yet.

    Raises:
        RegistryError: It cannot be had.
        ArtifactInvalid: It is not what its digest says, or too large.
    """
    if descriptor.size > MAX_BLOB_BYTES:
        raise ArtifactInvalid(f"{descriptor.digest} has more than {MAX_BLOB_BYTES} bytes.")
    if not layout.blobs.has(descriptor):
        blob = _Blob(registry, repository, descriptor, layout, registry.backoff_seconds)
        blob.fetch(progress or Silent(), 0, descriptor.size)


def pull_config(registry: Registry, reference: Reference, manifest: Manifest, layout: Layout) -> ImageConfig:
    """Pulls and reads the config of an image, and nothing more of it.

    Raises:
        RegistryError: It cannot be had.
        ArtifactInvalid: It is not what its digest says, not valid, or too large.
    """
    if manifest.config.size > MAX_CONFIG_BYTES:
        raise ArtifactInvalid(f"The config of {reference} is larger than {MAX_CONFIG_BYTES} bytes.")
    pull_blob(registry, reference.repository, manifest.config, layout)
    return layout.config(manifest)


def choose_manifest(registry: Registry, reference: Reference, platform: Platform) -> Manifest:
    """The manifest of an image for a platform, through indexes, without anything that it names.

    Raises:
        RegistryError: It cannot be had.
        ArtifactInvalid: It is not what its digest says, or not there for the platform.
    """
    for _ in range(MAX_DEPTH):
        found = registry.manifest(reference)
        if isinstance(found, Manifest):
            return found
        chosen = choose(found.manifests, platform, str(reference))
        reference = replace(reference, tag="", digest=chosen.digest)
    raise ArtifactInvalid("Indexes stand within indexes too deep.")


class _Blob:
    """One blob on its way."""

    def __init__(
        self, registry: Registry, repository: str, descriptor: Descriptor, layout: Layout, backoff: float
    ) -> None:
        self._registry = registry
        self._repository = repository
        self._descriptor = descriptor
        self._blobs = layout.blobs
        self._backoff = backoff

    def fetch(self, progress: Progress, before: int, total: int) -> None:
        """Fetches it; an attempt that brought something does not count as one."""
        failed = 0
        with self._blobs.told_when_full(), self._partial() as stream:
            if self._blobs.has(self._descriptor):
                return  # another process fetched it while we waited
            while True:
                have = stream.seek(0, os.SEEK_END)
                try:
                    self._attempt(stream, have, progress, before, total)
                    return
                except Broken as broken:
                    failed = 0 if stream.seek(0, os.SEEK_END) > have else failed
                    failed += 1
                    if failed == ATTEMPTS:
                        raise RegistryError(
                            f"The registry {self._registry.host} does not give the blob {self._descriptor.digest}.",
                            why=f"{broken}.",
                            mend="Try again: what has come is kept.",
                        ) from broken
                    time.sleep(pause_before(failed - 1, self._backoff, broken))

    def _attempt(self, stream: BinaryIO, have: int, progress: Progress, before: int, total: int) -> None:
        size = self._descriptor.size
        if have > size:
            have = stream.truncate(0)
        if have < size or not size:
            with self._registry.blob(self._repository, self._descriptor, have) as (begins, pieces):
                stream.seek(begins)
                stream.truncate()
                for piece in pieces:
                    begins += stream.write(piece)
                    progress.advance(before + min(begins, size), total, "bytes")
            have = begins
        if have < size:
            raise Broken(f"{have} of {size} bytes came")
        hasher = self._descriptor.digest.hasher()
        stream.seek(0)
        while chunk := stream.read(CHUNK):
            hasher.update(chunk)
        if have != size or hasher.hexdigest() != self._descriptor.digest.hex:
            stream.truncate(0)
            raise ArtifactInvalid(
                f"The registry {self._registry.host} gives something else for {self._descriptor.digest}.",
                why=f"Its digest, or its size of {size} bytes, is another.",
                code="artifact.damaged",
            )
        self._blobs.settle(stream, self._descriptor.digest)

    @contextmanager
    def _partial(self) -> Iterator[BinaryIO]:
        """The file of what has come, held by one process at a time, and kept where it is not finished."""
        digest = self._descriptor.digest
        path = self._blobs.ingest / f"{digest.algorithm}-{digest.hex}.part"
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = _locked(path)
        while not _is_at(stream, path):
            stream.close()  # its holder finished it meanwhile
            stream = _locked(path)
        with stream:
            try:
                yield stream
            finally:
                if not stream.seek(0, os.SEEK_END) and _is_at(stream, path):
                    path.unlink()


def _locked(path: Path) -> BinaryIO:
    # Its name is the path, and not a number, so that `Blobs.settle` knows it.
    stream = open(path, "r+b", opener=_opener)  # noqa: SIM115  # its user closes it; Path.open has no opener
    fcntl.flock(stream, fcntl.LOCK_EX)
    return stream


def _opener(path: str, _: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _is_at(stream: BinaryIO, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(stream.fileno()).st_ino
    except FileNotFoundError:
        return False
