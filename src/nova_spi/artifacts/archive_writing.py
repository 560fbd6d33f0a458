"""One tar that is an OCI layout and a docker-archive at once: every engine and tool can load it.

The blobs stand once; ``index.json`` names them for OCI's readers, ``manifest.json`` for Docker's. Same image, same
bytes: fixed order, owner, mode and time.
"""

import io
import tarfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

from nova_spi.artifacts.blobs import CHUNK, FULL
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_CONFIG_BYTES, dump_object
from nova_spi.artifacts.indexes import MARK, NAME, index_document
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.references import HUB, Reference
from nova_spi.errors import ArtifactInvalid

CONTAINERD_NAME = "io.containerd.image.name"


def write_archive(
    layout: Layout,
    manifest: Manifest,
    target: IO[bytes],
    *,
    name: Reference | None = None,
    omit: Collection[Digest] = (),
) -> None:
    """Writes an image as one tar, piece by piece.

    Args:
        layout: Where it is.
        manifest: Its manifest.
        target: Where it goes; it need not seek, so it may be a daemon's connection.
        name: What a daemon calls it.
        omit: diff ids of layers that the reader has already (thin load): their blobs are left out, and only the
            daemon that has them can read the tar.

    Raises:
        ArtifactInvalid: A blob is missing or damaged; then what has been written is worth nothing.
    """
    config = layout.config(manifest)
    kept = [layer for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True) if diff_id not in omit]
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", MARK)
        for blob in {str(each.digest): each for each in kept}.values():
            _add_chunks(tar, _place(blob), blob.size, layout.blobs.chunks(blob))
        _add(tar, _place(manifest.config), layout.blobs.read(manifest.config, MAX_CONFIG_BYTES))
        _add(tar, _place(manifest.descriptor), manifest.raw)
        _add(tar, "index.json", index_document([_entry(manifest, name)]))
        _add(tar, "manifest.json", _docker(manifest, name))


def save_archive(layout: Layout, manifest: Manifest, path: Path, *, name: Reference | None = None) -> Path:
    """Writes an image as one file, beside its place first, so that nobody finds half of it; returns the path.

    Raises:
        ArtifactInvalid: As `write_archive`, or the file cannot be written.
    """
    if path.exists() and not path.is_file():  # a device, for one, would be replaced
        raise ArtifactInvalid(f"{path} is no plain file.", mend="Name a new file.", code="artifact.unwritable")
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as stream:
            write_archive(layout, manifest, stream, name=name)
        beside.replace(path)
    except OSError as error:
        full = error.errno in FULL
        raise ArtifactInvalid(
            f"{path} cannot be written: {error.strerror}.",
            mend="Make room on its disk, or name a file elsewhere." if full else "Name a file in a folder of yours.",
            code="artifact.disk_full" if full else "artifact.unwritable",
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return path


def _entry(manifest: Manifest, name: Reference | None) -> Descriptor:
    if name is None:
        return manifest.descriptor
    return manifest.descriptor.annotated(**{NAME: name.tag or "latest", CONTAINERD_NAME: str(name)})


def _docker(manifest: Manifest, name: Reference | None) -> bytes:
    """``manifest.json``, a list, as ``docker save`` writes it."""
    only = {
        "Config": _place(manifest.config),
        "RepoTags": [_familiar(name)] if name else [],
        "Layers": [_place(layer) for layer in manifest.layers],
    }
    return b"[" + dump_object(only) + b"]"


def _familiar(name: Reference) -> str:
    """The name as Docker writes it: without Docker Hub's host, and without a digest."""
    plain = f"{name.host}/{name.repository}:{name.tag or 'latest'}"
    return plain.removeprefix(f"{HUB}/").removeprefix("library/")


def _place(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.hex}"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    _add_chunks(tar, name, len(data), (data,))


def _add_chunks(tar: tarfile.TarFile, name: str, size: int, chunks: Iterable[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    coming = iter(chunks)
    tar.addfile(member, io.BufferedReader(_Chunks(coming), CHUNK))
    for _ in coming:  # tarfile stops at the size; the check of the digest stands behind the last piece
        pass


class _Chunks(io.RawIOBase):
    """Pieces as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # typeshed: WriteableBuffer
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
