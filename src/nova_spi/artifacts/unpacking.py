"""The tar inside a layer: plain, or out of gzip, within bounds."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from nova_spi.artifacts.blobs import CHUNK
from nova_spi.artifacts.media_types import GZIP_LAYERS, PLAIN_LAYERS
from nova_spi.errors import ArtifactInvalid

MAX_BYTES = 1 << 36
"""64 GiB: more does not come out of one layer."""

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
