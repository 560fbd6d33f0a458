"""Blobs in a folder, each under its digest: written whole or not at all, verified when written and when read.

``blobs/sha256/<hex>`` is the image layout's; ``ingest/`` beside it holds what is still coming.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_BYTES
from nova_spi.artifacts.ingest import coming_file, coming_folder, sweep
from nova_spi.errors import ArtifactInvalid, NovaSpiError

CHUNK = 1024 * 1024
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Blobs:
    """The blobs of one layout.

    Args:
        root: The layout's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ingest = root / "ingest"

    def path(self, digest: Digest) -> Path:
        """Where a blob stands, or would."""
        return self.root / "blobs" / digest.algorithm / digest.hex

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob of this digest and size is there; its bytes are verified when they are read."""
        try:
            found = self.path(descriptor.digest).lstat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == descriptor.size

    def read(self, descriptor: Descriptor, limit: int = MAX_BYTES) -> bytes:
        """A small blob as a whole, verified.

        Raises:
            ArtifactInvalid: It is not there, larger than ``limit``, or not what its digest says.
        """
        if descriptor.size > limit:
            raise ArtifactInvalid(f"{descriptor.digest} has {descriptor.size} bytes; {limit} are allowed here.")
        return b"".join(self.chunks(descriptor))

    def chunks(self, descriptor: Descriptor) -> Iterator[bytes]:
        """A blob piece by piece; its end comes only where digest and size are right.

        Raises:
            ArtifactInvalid: It is not there, or not what its digest says. Who writes pieces elsewhere must not count
                them before the end has come.
        """
        hasher, size = descriptor.digest.hasher(), 0
        with self.open(descriptor) as stream:
            while chunk := stream.read(CHUNK):
                hasher.update(chunk)
                size += len(chunk)
                yield chunk
        if size != descriptor.size or hasher.hexdigest() != descriptor.digest.hex:
            self.damaged(descriptor)

    @contextmanager
    def open(self, descriptor: Descriptor) -> Iterator[BinaryIO]:
        """A blob to read anywhere in it, **not verified**; see `verify`.

        Raises:
            ArtifactInvalid: It is not there, not a plain file, or of another size.
        """
        path = self.path(descriptor.digest)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise ArtifactInvalid(
                f"The blob {descriptor.digest} is not in {self.root}.",
                why=error.strerror or "",
                code="artifact.missing",
            ) from error
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != descriptor.size:
            os.close(handle)
            self.damaged(descriptor)
        with os.fdopen(handle, "rb") as stream:
            yield stream

    def verify(self, descriptor: Descriptor) -> None:
        """Reads a blob to its end.

        Raises:
            ArtifactInvalid: It is not there, or not what its digest says.
        """
        for _ in self.chunks(descriptor):
            pass

    def damaged(self, descriptor: Descriptor) -> NoReturn:
        """Raises the error that a blob is not what its digest says."""
        raise ArtifactInvalid(
            f"The blob {descriptor.digest} in {self.root} is damaged.",
            why="Its bytes are not what its digest and its size say.",
            mend=f"Remove {self.path(descriptor.digest)}; then build or fetch the image again.",
            code="artifact.damaged",
        )

    def write(self, data: bytes, media_type: str) -> Descriptor:
        """Keeps some bytes; returns what names them. A damaged blob of theirs is replaced."""
        descriptor = Descriptor.of(data, media_type)
        with suppress(ArtifactInvalid):
            if self.read(descriptor, len(data)) == data:
                return descriptor
        with self.incoming() as stream:
            stream.write(data)
            self.settle(stream, descriptor.digest)
        return descriptor

    def keep(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Keeps a blob that comes piece by piece; nothing stays of one that is not what its descriptor says.

        Raises:
            ArtifactInvalid: The pieces are not the blob's, or the disk is full.
        """
        if self.has(descriptor):
            return
        hasher, size = descriptor.digest.hasher(), 0
        with self.incoming() as stream:
            for chunk in chunks:
                size += len(chunk)
                if size > descriptor.size:
                    break
                hasher.update(chunk)
                stream.write(chunk)
            if size != descriptor.size or hasher.hexdigest() != descriptor.digest.hex:
                raise ArtifactInvalid(
                    f"What came for {descriptor.digest} is something else.",
                    why=f"It has {'more than ' if size > descriptor.size else ''}{min(size, descriptor.size)} bytes "
                    f"of {descriptor.size}, or another digest.",
                    code="artifact.damaged",
                )
            self.settle(stream, descriptor.digest)

    @contextmanager
    def incoming(self) -> Iterator[BinaryIO]:
        """A file for a blob whose digest is not known yet; `settle` keeps it, else it is gone afterwards."""
        with self.told_when_full():
            self.ingest.mkdir(parents=True, exist_ok=True)
            with coming_file(self.ingest) as stream:
                yield stream

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the same disk for what becomes blobs; it is gone afterwards, and swept where we are killed."""
        with self.told_when_full():
            self.ingest.mkdir(parents=True, exist_ok=True)
            with coming_folder(self.ingest) as folder:
                yield folder

    def sweep(self) -> None:
        """Removes what writers that were killed have left."""
        sweep(self.ingest)

    def settle(self, stream: BinaryIO, digest: Digest) -> None:
        """Puts a finished file of `incoming` at its place; who gives the digest vouches for it."""
        stream.flush()
        os.fchmod(stream.fileno(), 0o644)
        os.fsync(stream.fileno())
        target = self.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(stream.name).replace(target)

    @contextmanager
    def told_when_full(self) -> Iterator[None]:
        """Turns what the file system refuses into one clear error."""
        try:
            yield
        except OSError as error:
            if isinstance(error, NovaSpiError):
                raise
            full = error.errno in FULL
            first = "Make room on its disk" if full else "Make it writable"
            raise ArtifactInvalid(
                f"{self.root} cannot be written: {error.strerror}.",
                mend=f"{first}, or set NOVA_SPI_STORE to another place.",
                code="artifact.disk_full" if full else "artifact.unwritable",
            ) from error
