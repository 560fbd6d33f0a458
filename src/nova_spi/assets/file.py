"""The adapter for ``file:`` URIs that name one file."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nova_spi.assets.source import CHUNK, Opened, Validators
from nova_spi.errors import AssetUnavailable


class FileSource:
    """One regular file on this machine.

    Args:
        path: Where it is.
        name: The asset's name, for messages.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    @contextmanager
    def open(self, offset: int, resume_if: Validators, unless: Validators) -> Iterator[Opened]:
        """See `Source.open`. A local file is always read from its start: that is as fast as any resuming."""
        del offset, resume_if
        try:
            if not stat.S_ISREG(self._path.stat().st_mode):
                raise AssetUnavailable(f"Asset {self._name!r} is not a regular file: {self._path}")
            stream = self._path.open("rb", buffering=0)
        except OSError as error:
            raise AssetUnavailable(
                f"Asset {self._name!r} cannot be read: {error.strerror}: {self._path}",
                mend="Put the file there, or correct the asset's uri.",
            ) from error
        with stream:
            status = os.fstat(stream.fileno())
            now = Validators(etag=f'"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"')
            if unless and unless == now:
                yield Opened(validators=now, unchanged=True)
            else:
                yield Opened(0, status.st_size, now, _chunks(stream))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
