"""A project on its way to the nodes of a cluster: one stream, cut into pieces, and unpacked once on each node.

The stream is, for each file, a line of JSON ({name, mode, size}), and the file's bytes. It goes through Ray's object
store, which spills what its memory does not hold. Ray's own way, a ``working_dir``, would put the project first on the
path that the node's own Python imports from: the model's code would run outside its isolation.

    DATA/cluster/DIGEST/        the project on the node
    DATA/cluster/DIGEST.lock    held, shared, by whoever works with it
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from nova_spi.errors import ProjectError
from nova_spi.execution.removal import remove_tree
from nova_spi.project.files import project_files
from nova_spi.serving.batch.identity import is_models

PIECE = 16 * 1024 * 1024
"""Bytes of a piece."""

MAX_BYTES = 16 * 1024**3
"""Of a project that is shipped; what is larger belongs into assets, which each node fetches and keeps itself."""

MAX_LINE = 64 * 1024
KEPT_SECONDS = 7 * 24 * 3600
"""A project that no batch has used for so long goes from a node."""


def pack(root: Path, without: tuple[Path, ...] = ()) -> Iterator[bytes]:
    """The pieces of a project.

    Args:
        root: Its folder.
        without: Files and folders that are not the model's.

    Raises:
        ProjectError: It cannot be read, or is too large.
    """
    return pieces(_stream(root, without))


def pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `PIECE` bytes, the last one perhaps smaller."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        while size >= PIECE:
            whole = b"".join(held)
            yield whole[:PIECE]
            held, size = [whole[PIECE:]], size - PIECE
    if size:
        yield b"".join(held)


def read_file(path: Path) -> Iterator[bytes]:
    """A file's pieces."""
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece


def write_file(path: Path, chunks: Iterable[bytes]) -> int:
    """Writes pieces into a new file; its size."""
    with path.open("xb") as stream:
        return sum(stream.write(chunk) for chunk in chunks)


def _stream(root: Path, without: tuple[Path, ...]) -> Iterator[bytes]:
    for file in project_files(root, max_bytes=MAX_BYTES):
        if not is_models(file, without):
            continue
        with file.path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            head = {"name": file.relative, "mode": file.mode & 0o777, "size": size}
            yield json.dumps(head).encode() + b"\n"
            while size:
                chunk = stream.read(min(size, 1 << 20))
                if not chunk:
                    raise ProjectError(f"{file.path} became shorter while it was read.")
                size -= len(chunk)
                yield chunk


class Unpacking:
    """Writes a stream of `pack` into a folder, piece by piece.

    Args:
        root: A folder that is not there yet.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True)
        self._root = root
        self._held = b""
        self._left = 0
        self._file: int | None = None

    def write(self, piece: bytes) -> None:
        """Takes the next piece.

        Raises:
            ProjectError: It is no such stream.
        """
        data = self._held + piece
        at = 0
        while at < len(data):
            if self._file is not None:
                taken = min(self._left, len(data) - at)
                _write(self._file, memoryview(data)[at : at + taken])
                at, self._left = at + taken, self._left - taken
                self._finish()
                continue
            end = data.find(b"\n", at)
            if end < 0:
                break
            self._begin(data[at:end])
            at = end + 1
        self._held = data[at:]
        if len(self._held) > MAX_LINE:
            raise _damaged()

    def close(self, *, whole: bool = True) -> None:
        """Ends it; where it should be whole and is not, that is an error."""
        if self._file is not None:
            os.close(self._file)
        cut = self._file is not None or self._held
        self._file, self._held = None, b""
        if whole and cut:
            raise _damaged()

    def _begin(self, line: bytes) -> None:
        try:
            head = json.loads(line)
            name, mode, self._left = PurePosixPath(head["name"]), int(head["mode"]), int(head["size"])
        except (ValueError, KeyError, TypeError):
            raise _damaged() from None
        if name.is_absolute() or ".." in name.parts or not name.parts or self._left < 0:
            raise _damaged()
        place = self._root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(place, flags, stat.S_IMODE(mode) & 0o777 | 0o600)
        self._finish()

    def _finish(self) -> None:
        if self._file is not None and not self._left:
            os.close(self._file)
            self._file = None


def _damaged() -> ProjectError:
    return ProjectError("The project has not come whole to the node.", mend="run the same command again")


def _write(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data) :]


@contextmanager
def used(base: Path, digest: str) -> Iterator[tuple[Path, int]]:
    """The place of a project on a node, and the lock that says that it is in use; the oldest that are not go."""
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    _prune(base, digest)
    lock = os.open(base / f"{digest}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.utime(lock)
        yield base / digest, lock
    finally:
        os.close(lock)


def _prune(base: Path, digest: str) -> None:
    for lock in base.glob("*.lock"):
        if lock.stem == digest or time.time() - lock.stat().st_mtime < KEPT_SECONDS:
            continue
        with suppress(OSError), lock.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(base / lock.stem)
            remove_tree(base / f"{lock.stem}.part")
            lock.unlink()
