"""The tar inside a layer: plain, or out of gzip, within bounds."""

import gzip
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Self, cast

from nova_spi.artifacts.blobs import CHUNK
from nova_spi.artifacts.media_types import GZIP_LAYERS, PLAIN_LAYERS
from nova_spi.errors import ArtifactInvalid

MAX_BYTES = 1 << 36
"""64 GiB: more does not come out of one layer."""

MAX_HEADER_BYTES = 1024 * 1024
"""Of what a tar says about one member in an extended header; Python reads that into memory as a whole."""

_PIECE = 1 << 18
"""What `tarfile` reads at once, in bytes; with its own 10 KiB a layer takes a tenth longer."""

MALFORMED = (ValueError, OverflowError, struct.error)
"""What Python's `tarfile` lets through of a header that makes no sense."""

BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)
"""What a damaged stream raises while it is read."""


@contextmanager
def opened(stream: IO[bytes], media_type: str, what: str) -> Iterator[BinaryIO]:
    """The tar of a layer as a stream that does not seek.

    Args:
        stream: The layer's blob, at its beginning.
        media_type: Of the layer.
        what: The layer's name, for messages.

    Raises:
        ArtifactInvalid: It is packed in a way that we do not read, or damaged.
    """
    try:
        if media_type in PLAIN_LAYERS:
            yield cast("BinaryIO", stream)
        elif media_type in GZIP_LAYERS:
            with gzip.GzipFile(fileobj=stream, mode="rb") as plain:
                yield cast("BinaryIO", plain)
        else:
            raise ArtifactInvalid(
                f"{what} is {media_type[:120]}, which cannot be unpacked.",
                mend="Use an image whose layers are packed with gzip, or not at all.",
                code="artifact.unsupported",
            )
    except BROKEN as error:
        raise ArtifactInvalid(f"{what} is damaged.", why=f"{error}.", code="artifact.damaged") from error


def unpacked(stream: IO[bytes], media_type: str, what: str) -> Iterator[bytes]:
    """The tar of a layer piece by piece; see `opened`.

    Raises:
        ArtifactInvalid: As there, or more than `MAX_BYTES` come out.
    """
    size = 0
    with opened(stream, media_type, what) as plain:
        while chunk := plain.read(CHUNK):
            size += len(chunk)
            if size > MAX_BYTES:
                raise ArtifactInvalid(f"{what} unpacks to more than {MAX_BYTES} bytes.")
            yield chunk


def members(stream: BinaryIO, what: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The members of a layer's tar, in order, each with the tar that its content is to be read from at once.

    Args:
        stream: As `opened` gives it.
        what: The layer's name, for messages.

    Raises:
        ArtifactInvalid: It is no tar, or breaks off.
    """
    try:
        with tarfile.open(
            fileobj=stream, mode="r|", bufsize=_PIECE, tarinfo=BoundedMember, encoding="utf-8", errors="surrogateescape"
        ) as tar:
            for member in tar:
                yield tar, member
                tar.members = []  # type: ignore[attr-defined]  # not in typeshed; else every header stays in memory
    except (tarfile.TarError, *MALFORMED) as error:
        raise ArtifactInvalid(f"{what} is no tar.", why=f"{error}.", code="artifact.damaged") from error


def bounded_members(
    stream: BinaryIO, what: str, most: int, most_bytes: int = MAX_BYTES
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """As `members`, for a tar that is looked through as a whole.

    Args:
        stream: As there.
        what: As there.
        most: How many members it may have.
        most_bytes: How many bytes they may have together, as their headers say it.

    Raises:
        ArtifactInvalid: As there, or it passes a bound.
    """
    total = 0
    for count, (tar, member) in enumerate(members(stream, what)):
        total += member.size
        if count > most or total > most_bytes:
            raise ArtifactInvalid(f"{what} has too many files, or too large ones.")
        yield tar, member


class BoundedMember(tarfile.TarInfo):
    """A member of a foreign tar; one whose extended header is huge is refused before it is read.

    For ``tarfile.open(..., tarinfo=BoundedMember)``. It hooks in where Python's documentation of ``TarInfo`` is silent
    and its code says that subclasses may: before the special kinds of members are told apart.
    """

    _EXTENDED = frozenset(
        {
            *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
            *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
        }
    )

    def _proc_member(self, tar: tarfile.TarFile) -> Self:
        if self.type in self._EXTENDED and self.size > MAX_HEADER_BYTES:
            raise ArtifactInvalid(f"The tar has a header of {self.size} bytes.", why="A name is never that long.")
        return cast("Self", super()._proc_member(tar))  # type: ignore[misc]  # private, and what the class hooks into
