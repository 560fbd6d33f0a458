"""Layers: some files as a tar in a blob, the same bytes whatever machine made it.

Entries are sorted by name; owner, mode and time are what the caller says and never what the disk says; gzip's header
holds no name and no time. What remains is the version of zlib, which is why layers are compared by the digest of the
tar inside (diff id) where two machines compress differently.
"""

import hashlib
import io
import tarfile
import unicodedata
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.media_types import LAYER_GZIP, LAYER_TAR
from nova_spi.errors import BuildFailed

WHITEOUT = ".wh."
"""Names that begin so mean that a file of a lower layer is gone (image-spec, layer.md)."""

EMPTY = Digest.of(bytes(10_240))
"""A layer without a file, not packed: kept to remember that there is nothing, and put into no image."""

LEVEL = 6
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link of a layer.

    Attributes:
        path: Where it stands, from the image's root, without a slash before it.
        source: A file's content, or where that stands; None is a folder; a `PurePosixPath` is a link to there.
        executable: Whether a file may be run.
        owner: User and group.
        mode: Of a folder that is not for its owner alone to write to, as ``/tmp``.
    """

    path: str
    source: "bytes | Path | PurePosixPath | None" = None
    executable: bool = False
    owner: int = 0
    mode: int = 0o755

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return isinstance(self.source, PurePosixPath) and not isinstance(self.source, Path)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that is in a layout.

    Attributes:
        descriptor: What names its blob.
        diff_id: The digest of the tar inside.
        made_by: How it came to be, for the image's history.
    """

    descriptor: Descriptor
    diff_id: Digest
    made_by: str


def write_layer(
    layout: Layout, entries: Iterable[Entry], made_by: str, *, seconds: int = 0, packed: bool = True
) -> Layer:
    """Writes a layer into a layout.

    Args:
        layout: Where to.
        entries: In any order; see `Entry`.
        made_by: For the image's history.
        seconds: The time of everything in it, since 1970.
        packed: With gzip; weights hardly shrink, and are quicker without.

    Raises:
        BuildFailed: Two entries stand at one place, a name cannot stand in an image, or a file cannot be read.
    """
    ordered = _checked(entries)
    with layout.blobs.incoming() as stream:
        sink = _Sink(stream, packed=packed)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]  # typeshed asks for more than write()
            for entry in ordered:
                _add(tar, entry, seconds)
        sink.finish()
        digest = Digest("sha256", sink.blob.hexdigest())
        layout.blobs.settle(stream, digest)
    media_type = LAYER_GZIP if packed else LAYER_TAR
    return Layer(Descriptor(media_type, digest, sink.size), Digest("sha256", sink.plain.hexdigest()), made_by)


class _Sink:
    """Hashes the tar, packs it, hashes what comes out, and writes that."""

    def __init__(self, stream: BinaryIO, *, packed: bool) -> None:
        self._stream = stream
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS) if packed else None
        self._crc = self._length = self.size = 0
        self.plain, self.blob = hashlib.sha256(), hashlib.sha256()
        if packed:
            self._out(_GZIP_HEADER)

    def write(self, data: bytes) -> int:
        self.plain.update(data)
        if self._packer is None:
            self._out(data)
        else:
            self._crc = zlib.crc32(data, self._crc)
            self._length += len(data)
            self._out(self._packer.compress(data))
        return len(data)

    def finish(self) -> None:
        if self._packer is not None:
            self._out(self._packer.flush())
            self._out(self._crc.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little"))

    def _out(self, data: bytes) -> None:
        self.blob.update(data)
        self.size += len(data)
        self._stream.write(data)


def _checked(entries: Iterable[Entry]) -> list[Entry]:
    """Sorted by name; folders that stand twice are one."""
    found: dict[str, Entry] = {}
    for entry in entries:
        _name(entry.path)
        before = found.get(entry.path)
        if before is not None and not (before.source is None and entry.source is None):
            raise BuildFailed(f"Two files stand at /{entry.path} in the image.")
        found[entry.path] = entry if before is None or entry.owner else before
    for path in found:
        for parent in PurePosixPath(path).parents:
            above = found.get(str(parent))
            if above is not None and above.source is not None:
                raise BuildFailed(f"/{parent} in the image is a file, and /{path} stands below it.")
    return [found[path] for path in sorted(found, key=lambda path: path.split("/"))]


def _name(path: str) -> None:
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or any(unicodedata.category(c) == "Cs" for c in path):
        raise BuildFailed(f"{path!r} is no place in an image.")
    for part in parts:
        if part.startswith(WHITEOUT):
            raise BuildFailed(
                f"/{path} cannot stand in an image: a name that begins with {WHITEOUT} means that a file is gone.",
                mend="Rename it, or leave it out with .spiignore.",
            )


def _add(tar: tarfile.TarFile, entry: Entry, seconds: int) -> None:
    member = tarfile.TarInfo(entry.path)
    member.mtime, member.uid, member.gid = seconds, entry.owner, entry.owner
    if entry.source is None:
        member.type, member.mode = tarfile.DIRTYPE, entry.mode
        tar.addfile(member)
    elif isinstance(entry.source, bytes):
        member.mode, member.size = _mode(entry), len(entry.source)
        tar.addfile(member, io.BytesIO(entry.source))
    elif isinstance(entry.source, Path):
        member.mode = _mode(entry)
        _add_file(tar, member, entry.source)
    else:
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, str(entry.source)
        tar.addfile(member)


def _add_file(tar: tarfile.TarFile, member: tarfile.TarInfo, source: Path) -> None:
    try:
        with source.open("rb") as stream:
            member.size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            tar.addfile(member, stream)
    except OSError as error:
        raise BuildFailed(f"{source} cannot be read: {error.strerror or error}.") from error


def _mode(entry: Entry) -> int:
    return 0o755 if entry.executable else 0o644
