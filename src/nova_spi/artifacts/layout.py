"""An OCI image layout on disk: blobs, and ``index.json`` with the names of manifests (image-spec, image-layout.md).

Several processes may write at once: blobs are put in place whole, and the index is read, changed and replaced under a
lock. Each entry that we write carries a checksum of itself, since nothing else says what the index held.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nova_spi.artifacts.blobs import Blobs
from nova_spi.artifacts.choosing import choose
from nova_spi.artifacts.configs import ImageConfig, read_config
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_BYTES, MAX_CONFIG_BYTES
from nova_spi.artifacts.indexes import MARK, MAX_MARK_BYTES, NAME, index_document, read_entries, read_mark
from nova_spi.artifacts.locking import held
from nova_spi.artifacts.manifests import Index, Manifest, read_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIGS
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import ArtifactInvalid

MAX_DEPTH = 4
"""Indexes within indexes."""


class Layout:
    """One layout.

    Args:
        root: Its folder; see `create` and `open`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = Blobs(root)

    @classmethod
    def create(cls, root: Path) -> "Layout":
        """Makes a layout, or opens the one that is there; an index that was removed begins anew.

        What writers that were killed have left in it goes.
        """
        layout = cls(root)
        if not ((root / "oci-layout").exists() and (root / "index.json").exists()):
            with layout.blobs.told_when_full():
                (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
                with held(root / "index.lock"):
                    if not (root / "index.json").exists():
                        layout._replace("index.json", index_document(()))
                    layout._replace("oci-layout", MARK)
        layout.blobs.sweep()
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> "Layout":
        """Opens a layout.

        Raises:
            ArtifactInvalid: The folder is none.
        """
        layout = cls(root)
        data = layout._small("oci-layout", MAX_MARK_BYTES)
        try:
            read_mark(data)
        except ArtifactInvalid as error:
            raise layout._unreadable("oci-layout", error) from error
        return layout

    def entries(self) -> tuple[Descriptor, ...]:
        """What the index names.

        Raises:
            ArtifactInvalid: The index is not valid, or an entry is not what its checksum says.
        """
        data = self._small("index.json", MAX_BYTES)
        try:
            return read_entries(data)
        except ArtifactInvalid as error:
            raise self._unreadable("index.json", error) from error

    def names(self) -> dict[str, Descriptor]:
        """The names of the index with what they stand for."""
        return {each.annotations[NAME]: each for each in self.entries() if each.annotations.get(NAME)}

    def find(self, name: str = "") -> Descriptor:
        """What a name or a digest stands for; without one, the only manifest that there is.

        Raises:
            ArtifactInvalid: There is none, or, without a name, not exactly one.
        """
        entries = self.entries()
        found = {
            str(each.digest): each
            for each in entries
            if not name or name in (each.annotations.get(NAME), str(each.digest))
        }
        if len(found) == 1:
            return next(iter(found.values()))
        named = ", ".join(sorted(self.names()))[:300] or "no names"
        said = f"{self.root} has no {name!r}" if name else f"{self.root} has {len(found)} manifests"
        raise ArtifactInvalid(
            f"{said}.", why=f"It has {named}.", mend="Name one of them." if entries else "", code="artifact.missing"
        )

    def name(self, descriptor: Descriptor, name: str) -> None:
        """Gives a manifest a name; what had it before loses it."""
        entry = Descriptor(descriptor.media_type, descriptor.digest, descriptor.size, {NAME: name}, descriptor.platform)
        with held(self.root / "index.lock"):
            kept = [each for each in self.entries() if each.annotations.get(NAME) != name]
            self._replace("index.json", index_document((*kept, entry)))

    def remove(self, name: str) -> None:
        """Takes a name away; blobs stay."""
        with held(self.root / "index.lock"):
            kept = [each for each in self.entries() if each.annotations.get(NAME) != name]
            self._replace("index.json", index_document(kept))

    def manifest(self, descriptor: Descriptor, platform: Platform | None = None) -> Manifest:
        """The manifest behind a descriptor, through indexes, verified.

        Raises:
            ArtifactInvalid: It is missing, damaged, not valid, or not there for the platform.
        """
        for _ in range(MAX_DEPTH):
            found = read_manifest(self.blobs.read(descriptor), descriptor.media_type)
            if isinstance(found, Manifest):
                return found
            descriptor = choose(found.manifests, platform or Platform.here(), f"The index {descriptor.digest}")
        raise ArtifactInvalid("Indexes stand within indexes too deep.")

    def config(self, manifest: Manifest) -> ImageConfig:
        """The config of an image, verified.

        Raises:
            ArtifactInvalid: The manifest is of no image, or its config is not valid.
        """
        if manifest.config.media_type not in IMAGE_CONFIGS:
            raise ArtifactInvalid(f"This is no image: its config is {manifest.config.media_type[:120]}.")
        found = read_config(self.blobs.read(manifest.config, MAX_CONFIG_BYTES))
        if len(found.diff_ids) != len(manifest.layers):
            raise ArtifactInvalid(
                f"The image has {len(manifest.layers)} layers, and its config names {len(found.diff_ids)}."
            )
        return found

    def verify(self) -> Iterator[Descriptor]:
        """Reads everything that the index reaches to its end; yields each blob that is right.

        Raises:
            ArtifactInvalid: At the first that is missing or damaged.
        """
        waiting, seen = [(each, 0) for each in self.entries()], set[Digest]()
        while waiting:
            descriptor, depth = waiting.pop()
            if depth > MAX_DEPTH:
                raise ArtifactInvalid("Indexes stand within indexes too deep.")
            if descriptor.digest in seen:
                continue
            seen.add(descriptor.digest)
            found = read_manifest(self.blobs.read(descriptor), descriptor.media_type)
            yield descriptor
            if isinstance(found, Index):
                waiting += [(each, depth + 1) for each in found.manifests]
                continue
            for blob in found.blobs:
                if blob.digest not in seen:
                    seen.add(blob.digest)
                    self.blobs.verify(blob)
                    yield blob

    def _replace(self, name: str, data: bytes) -> None:
        with self.blobs.told_when_full():
            handle, beside = tempfile.mkstemp(dir=self.root, prefix=f".{name}-")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(data)
                    os.fchmod(handle, 0o644)
                    stream.flush()
                    os.fsync(handle)
                Path(beside).replace(self.root / name)
            finally:
                Path(beside).unlink(missing_ok=True)

    def _unreadable(self, name: str, error: ArtifactInvalid) -> ArtifactInvalid:
        """The same error with its place, and with what mends it: the blobs of such a layout are as good as ever."""
        place = self.root / name
        return ArtifactInvalid(
            f"{place} cannot be used: {error.message}",
            why=error.why,
            mend=f"Copy {place} again from where it came; where this is the local store, remove it and build again: "
            "names of images are lost, their layers stay.",
            code=error.error_code,
        )

    def _small(self, name: str, limit: int) -> bytes:
        try:
            handle = os.open(self.root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                with open(handle, "rb", closefd=False) as stream:
                    return stream.read(limit + 1)
            finally:
                os.close(handle)
        except OSError as error:
            raise ArtifactInvalid(
                f"{self.root} is no OCI image layout.",
                why=f"{name}: {error.strerror}.",
                mend="Name a folder that has oci-layout and index.json, or an archive.",
                code="artifact.missing",
            ) from error
