"""What has been fetched, kept by content.

Below ``cache_dir/assets``::

    sha256/ab/<digest>        a file, or a folder; read-only, never changed once it is there
    sha256/ab/<digest>.json   its status when it was verified
    uri/<key>.json            of an asset without a digest in its manifest: what its URI held, and its validators
    partial/<key>/            on its way
    locks/<key>

A key is the sha256 of a URI or the digest itself. URIs are not written down: they may be signed.
"""

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from nova_spi.assets.resume import sync
from nova_spi.assets.source import CHUNK, Validators
from nova_spi.assets.tree import tree_digest
from nova_spi.errors import RunCancelled


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the cache."""

    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a URI held when it was last fetched."""

    sha256: str
    validators: Validators


class Cache:
    """See the module's own words.

    Args:
        root: ``cache_dir/assets``; made when something is kept.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def partial(self, key: str) -> Path:
        """The folder where the asset ``key`` grows."""
        return self._root / "partial" / key

    def find(self, sha256: str) -> Entry | None:
        """The entry with this digest, intact.

        Where size, time or inode differ from those at the last verification the content is read and compared again;
        an entry that has been damaged is removed. The change time is among them, so a program cannot hide a change by
        setting the modification time back.
        """
        path = self._place(sha256)
        record = _read_json(self._record(path))
        seen = _status(path)
        if seen is None:
            return None
        if record.get("status") == seen and isinstance(size := record.get("size_bytes"), int):
            return Entry(path, sha256, size)
        digest, size = content_digest(path)
        if digest != sha256:
            self._discard(path)
            return None
        self._verified(path, size)
        return Entry(path, sha256, size)

    def keep(self, source: Path, sha256: str, size_bytes: int) -> Entry:
        """Takes a verified file or folder in, by renaming it; what stood there before is replaced."""
        path = self._place(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._discard(path)
        _protect(source)
        source.rename(path)
        sync(path.parent)
        self._verified(path, size_bytes)
        return Entry(path, sha256, size_bytes)

    def remembered(self, key: str) -> Remembered | None:
        """What the URI with this key held."""
        found = _read_json(self._root / "uri" / f"{key}.json")
        try:
            return Remembered(found["sha256"], Validators(found["etag"], found["last_modified"]))
        except (KeyError, TypeError):
            return None

    def remember(self, key: str, held: Remembered) -> None:
        """Keeps what the URI with this key held."""
        _write_json(
            self._root / "uri" / f"{key}.json",
            {"sha256": held.sha256, "etag": held.validators.etag, "last_modified": held.validators.last_modified},
        )

    @contextmanager
    def lock(self, key: str, cancel: threading.Event | None = None) -> Iterator[None]:
        """Holds ``key`` against every other process; it is free again when this one ends, however it ends.

        Raises:
            RunCancelled: ``cancel`` was set while another process held it.
        """
        path = self._root / "locks" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if cancel is not None and cancel.is_set():
                        raise RunCancelled("Waiting for another process to fetch an asset was cancelled.") from None
                    time.sleep(0.05)
            yield

    def _place(self, sha256: str) -> Path:
        return self._root / "sha256" / sha256[:2] / sha256

    def _record(self, path: Path) -> Path:
        return path.with_name(path.name + ".json")

    def _verified(self, path: Path, size_bytes: int) -> None:
        _write_json(self._record(path), {"status": _status(path), "size_bytes": size_bytes})

    def _discard(self, path: Path) -> None:
        self._record(path).unlink(missing_ok=True)
        if path.is_dir() and not path.is_symlink():
            _unprotect(path)
            rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def uri_key(uri: str) -> str:
    """The key of a URI."""
    return hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()


def content_digest(path: Path) -> tuple[str, int]:
    """sha256 and size of a file, or of a folder's listing (`nova_spi.assets.tree`)."""
    if path.is_dir():
        return tree_digest(path)
    running, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(CHUNK):
            running.update(chunk)
            size += len(chunk)
    return running.hexdigest(), size


def _status(path: Path) -> list[list[int]] | None:
    """What changes when somebody touches an entry: of a folder, of everything below it."""
    try:
        found = [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]
        return [[s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for s in (one.lstat() for one in found)]
    except OSError:
        return None


def _protect(path: Path) -> None:
    """Takes the right to write from everybody."""
    if path.is_dir():
        for one in path.rglob("*"):
            one.chmod(0o555 if one.is_dir() else 0o444)
    path.chmod(0o755 if path.is_dir() else 0o444)


def _unprotect(path: Path) -> None:
    for one in (path, *path.rglob("*")):
        if one.is_dir():
            one.chmod(0o755)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(json.dumps(value))
    fresh.replace(path)
