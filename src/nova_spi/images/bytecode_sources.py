"""Modules out of layers: the sources below some folders of an image, as its layers have them together."""

import posixpath
import tarfile
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.unpacking import MAX_BYTES, members, opened
from nova_spi.errors import ArtifactInvalid
from nova_spi.images.layers import WHITEOUT

MAX_SOURCES = 60_000
MAX_SOURCE_BYTES = 4 * 1024 * 1024
"""A larger module is left out: compiling it takes a gigabyte of memory."""

MAX_MEMBERS = 1_000_000
"""Of one layer."""

LEFT_OUT = frozenset(
    (
        *("test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip", "pydoc_data"),
        *("site-packages", "dist-packages", "__pycache__"),
    )
)
"""Folders below the given ones whose modules a running model imports hardly ever, or cannot see."""

CACHE = "__pycache__"
OPAQUE = f"{WHITEOUT}{WHITEOUT}.opq"


class TooManySources(Exception):
    """There are more than `MAX_SOURCES`."""


def cached_name(path: str, tag: str) -> str:
    """Where Python looks for a module's bytecode (PEP 3147).

    Args:
        path: Of its source, ``a/b.py``.
        tag: ``cpython-312``.
    """
    folder, name = posixpath.split(path)
    return posixpath.join(folder, CACHE, f"{name.removesuffix('.py')}.{tag}.pyc")


class Sources:
    """The modules below some folders.

    Args:
        layout: Where the layers are.
        folders: From the image's root, without a slash before them.
        tag: See `cached_name`; a module whose bytecode is there already is none of these.
        place: An empty folder for their contents.
    """

    def __init__(self, layout: Layout, folders: Sequence[str], tag: str, place: Path) -> None:
        self._layout = layout
        self._folders = tuple(f"{folder}/" for folder in folders)
        self._tag = tag
        self._place = place
        self._count = 0
        self._found: dict[str, Path | None] = {}
        self._no_folders: set[str] = set()
        """What was no folder in some layer. What another one has below it, through a link say, is left out."""

    def read(self, layers: Sequence[Descriptor]) -> dict[str, Path]:
        """Reads the layers, the lowest first.

        Returns:
            The modules by their paths in the image, sorted, with where their contents stand.

        Raises:
            ArtifactInvalid: A layer is missing or damaged, or packed in a way that we do not read.
            TooManySources: As it says.
        """
        for layer in layers:
            self._read(layer)
        return {
            path: source
            for path, source in sorted(self._found.items())
            if source is not None
            and cached_name(path, self._tag) not in self._found
            and not _under(path, self._no_folders)
        }

    def _read(self, layer: Descriptor) -> None:
        """One layer over those below it."""
        hidden, opaque = set[str](), set[str]()
        added: dict[str, Path | None] = {}
        for tar, member in _members(self._layout, layer):
            path = posixpath.normpath(member.name).lstrip("/")
            folder, name = posixpath.split(path)
            if name == OPAQUE:
                opaque.add(folder)
            elif name.startswith(WHITEOUT):
                hidden.add(posixpath.join(folder, name.removeprefix(WHITEOUT)))
            elif member.isdir():
                self._found.pop(path, None)
                added.pop(path, None)
            else:
                self._no_folders.add(path)
                if self._counts(path):
                    added[path] = self._kept(tar, member) if path.endswith(".py") else None
        self._found = {
            path: each
            for path, each in self._found.items()
            if path not in hidden and not _under(path, hidden) and not _under(path, opaque)
        } | added

    def _counts(self, path: str) -> bool:
        """Whether it is a module that is looked for, or the bytecode of one."""
        folder = next((each for each in self._folders if path.startswith(each)), None)
        if folder is None or not path.isprintable():
            return False
        parts = path.removeprefix(folder).split("/")[:-1]
        if path.endswith(f".{self._tag}.pyc") and parts[-1:] == [CACHE]:
            return LEFT_OUT.isdisjoint(parts[:-1])
        return path.endswith(".py") and LEFT_OUT.isdisjoint(parts)

    def _kept(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Path | None:
        """A source in our folder; None where it is a link or too large, and so is left out."""
        content = tar.extractfile(member) if member.isreg() and member.size <= MAX_SOURCE_BYTES else None
        if content is None:
            return None
        self._count += 1
        if self._count > MAX_SOURCES:
            raise TooManySources
        place = self._place / str(self._count)
        place.write_bytes(content.read())
        return place


def _members(layout: Layout, layer: Descriptor) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    what, total = f"The layer {layer.digest}", 0
    layout.blobs.verify(layer)
    with layout.blobs.open(layer) as blob, opened(blob, layer.media_type, what) as stream:
        for count, (tar, member) in enumerate(members(stream, what)):
            total += member.size
            if count > MAX_MEMBERS or total > MAX_BYTES:
                raise ArtifactInvalid(f"{what} has too many files, or too large ones.")
            yield tar, member


def _under(path: str, folders: Set[str]) -> bool:
    """Whether one of these folders is above a path; the image's root is the empty one."""
    while path:
        path = posixpath.dirname(path)
        if path in folders:
            return True
    return False
