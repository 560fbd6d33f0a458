"""Single files out of an image, without unpacking it: layers are looked at from the top, and no more than needed.

A layer says of a path: here it is, it is a link to there, it is gone (a whiteout), or nothing; then the one below it
is asked. Links are followed within the image, and nothing of it ever touches this machine's files.
"""

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.unpacking import MAX_BYTES, members, opened
from nova_spi.errors import ArtifactInvalid

MAX_ENTRIES = 500_000
"""Of one layer."""

MAX_LINKS = 40
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"

Kind = Literal["file", "folder", "link", "hard", "other"]
Fetch = Callable[[Descriptor], None]
"""Brings a layer into the layout, where it is not there yet."""


class Entry(NamedTuple):
    """One entry of a layer.

    Attributes:
        kind: What it is; ``other`` is what no program opens: a device, a pipe.
        link: Where a link leads to.
        position: Which member of the tar it is; a later one at the same path wins.
        size: Of a file, in bytes.
    """

    kind: Kind
    link: str
    position: int
    size: int


class Place(NamedTuple):
    """A file of an image: the layer that has it, and its entry there."""

    layer: int
    entry: Entry


@dataclass
class _Listing:
    """What one layer has and what it hides."""

    entries: dict[str, Entry] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)


class ImageFiles:
    """The files of an image, by their paths in it.

    Args:
        layout: Where it is.
        manifest: The image's.
        fetch: Called with each layer before it is read; without it all layers are there.
    """

    def __init__(self, layout: Layout, manifest: Manifest, fetch: Fetch | None = None) -> None:
        self._layout = layout
        self._layers = manifest.layers
        self._fetch = fetch
        self._listings: dict[int, _Listing] = {}

    def find(self, path: str) -> Place | None:
        """The regular file at a path, its links followed; None where there is none.

        Raises:
            ArtifactInvalid: A layer is damaged, or packed in a way that we do not read.
            RegistryError: A layer cannot be fetched.
        """
        path, top = _inside(path), len(self._layers) - 1
        for _ in range(MAX_LINKS):
            found = self._look_up(path, top)
            if isinstance(found, str):
                path, top = found, len(self._layers) - 1
            elif found is None or found.entry.kind in ("folder", "other"):
                return None
            elif found.entry.kind == "file":
                return found
            elif found.entry.kind == "hard":
                path, top = _inside(found.entry.link), found.layer
            else:
                path, top = _led(path, found.entry.link, ""), len(self._layers) - 1
        return None

    def read(self, path: str, limit: int) -> bytes | None:
        """A file's content; None where there is none.

        Raises:
            ArtifactInvalid: It has more bytes than ``limit``; else as `find`.
        """
        place = self.find(path)
        if place is None:
            return None
        if place.entry.size > limit:
            raise ArtifactInvalid(f"/{_inside(path)[:200]} in the image is larger than {limit} bytes.")
        layer = self._layers[place.layer]
        what = f"The layer {layer.digest}"
        with self._layout.blobs.open(layer) as blob, opened(blob, layer.media_type, what) as stream:
            for position, (tar, member) in enumerate(members(stream, what)):
                if position == place.entry.position:
                    content = tar.extractfile(member)
                    return content.read(limit) if content else None
        return None

    def _look_up(self, path: str, top: int) -> Place | str | None:
        """A path as the layers from one downwards have it: where it is, or which path is meant, or nothing."""
        above = list(_above(path))
        folders: set[str] = set()
        for number in range(top, -1, -1):
            listing = self._listing(number)
            found = listing.entries.get(path)
            if found is not None:
                return Place(number, found)
            for folder in above:
                entry = listing.entries.get(folder)
                if entry is None:
                    continue
                if entry.kind == "folder":
                    folders.add(folder)
                elif entry.kind == "link" and folder not in folders:
                    return _led(folder, entry.link, path.removeprefix(f"{folder}/"))
                else:
                    return None
            if path in listing.hidden or any(each in listing.hidden or each in listing.opaque for each in above):
                return None
        return None

    def _listing(self, number: int) -> _Listing:
        if number not in self._listings:
            layer = self._layers[number]
            if self._fetch is not None:
                self._fetch(layer)
            self._layout.blobs.verify(layer)
            self._listings[number] = self._listed(layer)
        return self._listings[number]

    def _listed(self, layer: Descriptor) -> _Listing:
        listing, size, what = _Listing(), 0, f"The layer {layer.digest}"
        with self._layout.blobs.open(layer) as blob, opened(blob, layer.media_type, what) as stream:
            for position, (_, member) in enumerate(members(stream, what)):
                size += member.size
                if position >= MAX_ENTRIES or size > MAX_BYTES:
                    raise ArtifactInvalid(f"{what} has too many files, or too large ones.")
                path = posixpath.normpath(member.name).lstrip("/")
                folder, name = posixpath.split(path)
                if path.partition("/")[0] == "..":
                    continue
                if name == OPAQUE:
                    listing.opaque.add(folder)
                elif name.startswith(WHITEOUT):
                    listing.hidden.add(posixpath.join(folder, name.removeprefix(WHITEOUT)))
                else:
                    listing.entries[path] = Entry(_kind(member), member.linkname, position, member.size)
        return listing


def _kind(member: tarfile.TarInfo) -> Kind:
    if member.isreg():
        return "file"
    if member.isdir():
        return "folder"
    if member.issym():
        return "link"
    return "hard" if member.islnk() else "other"


def _inside(path: str) -> str:
    """A path from the image's root, without the slash before it; ``..`` does not lead above the root."""
    return posixpath.normpath(f"/{path}").lstrip("/")


def _led(link: str, target: str, rest: str) -> str:
    """Where a path leads whose part ``link`` links to ``target``."""
    return _inside(posixpath.join("/", posixpath.dirname(link), target, rest))


def _above(path: str) -> Iterator[str]:
    """The folders above a path, the outermost first; the root is the empty one."""
    yield ""
    for position, character in enumerate(path):
        if character == "/":
            yield path[:position]
