"""What has come so far: the bytes and what the server said of them, so that a break costs nothing."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, BinaryIO

from nova_spi.assets.source import CHUNK, Validators

if TYPE_CHECKING:
    from hashlib import _Hash


class Partial:
    """A download that may have been broken off before, by a signal too.

    The state is written before the first byte, so bytes never stand beside another answer's validators.

    Args:
        folder: A folder of its own; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = folder / "content"
        self._state = folder / "state.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.validators = self._read()

    def _read(self) -> Validators:
        try:
            found = json.loads(self._state.read_bytes())
            return Validators(str(found["etag"]), str(found["last_modified"]))
        except (OSError, ValueError, KeyError, TypeError):
            self.content.unlink(missing_ok=True)
            return Validators()

    @property
    def size(self) -> int:
        """Bytes that are there."""
        try:
            return self.content.stat().st_size
        except FileNotFoundError:
            return 0

    def start_over(self, validators: Validators) -> None:
        """Forgets the bytes; those that follow belong to ``validators``."""
        self.content.unlink(missing_ok=True)
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps({"etag": validators.etag, "last_modified": validators.last_modified}))
        fresh.replace(self._state)
        self.validators = validators

    def digest(self) -> "_Hash":
        """The running sha256 of what is there."""
        running = hashlib.sha256()
        with suppress(FileNotFoundError), self.content.open("rb", buffering=0) as stream:
            while chunk := stream.read(CHUNK):
                running.update(chunk)
        return running

    def append(self) -> BinaryIO:
        """The content, opened to add to it."""
        return self.content.open("ab", buffering=0)

    def remove(self) -> None:
        """Forgets everything."""
        rmtree(self.folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Makes sure that a file's bytes are on the disk and not only in memory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
