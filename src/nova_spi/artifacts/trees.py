"""The files of an image: its layers put over each other in a folder, once for each digest (image-spec, layer.md).

    CACHE/images/HEX          the tree of the image with this manifest
    CACHE/images/HEX.lock     held while it is made, so that two processes make it once
    CACHE/images/HEX.draft    what is not whole yet, or was broken off; never used

Whoever made the layers is not trusted: `confined` says how nothing outside the folder is reached. Owners are not kept,
everything is ours. Modes are, without set-uid, set-gid and sticky bits, and a folder's owner may always use it. Device
files and pipes are left out.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.blobs import FULL
from nova_spi.artifacts.confined import FOLDER_MODE, Confined, clear, new_file, parts_of
from nova_spi.artifacts.layering import BOUNDS, Bounds, Tree
from nova_spi.artifacts.locking import held
from nova_spi.artifacts.unpacking import members, opened
from nova_spi.errors import ArtifactInvalid
from nova_spi.progress import Progress, Silent

if TYPE_CHECKING:
    from nova_spi.artifacts.descriptors import Descriptor
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.manifests import Manifest

FOLDERS = (b"proc", b"dev", b"sys", b"tmp", b"run")
"""Folders that every container engine puts something in; a kept tree has them, and they are no links."""
FILES = {
    b"hostname": b"model\n",
    b"hosts": b"127.0.0.1 localhost\n::1 localhost\n",
    b"resolv.conf": b"",
}
"""Files of ``/etc`` that every container engine writes itself, whatever the image has there."""
_EVERY_BYTES = 4 << 20
_SILENT = Silent()


def unpack(
    layout: "Layout",
    manifest: "Manifest",
    target: Path,
    *,
    below: str = "",
    progress: Progress = _SILENT,
    bounds: Bounds = BOUNDS,
) -> None:
    """Writes the merged tree of an image's layers. The digest of each is compared before anything of it is used.

    Args:
        layout: Where the blobs are.
        manifest: The image's.
        target: An empty folder, or one that is made. After an error it holds a part of the tree.
        below: Only what stands below this folder, which becomes the root; as the layers name it, links not followed.
        progress: Hears of the packed bytes.
        bounds: The most that comes out.

    Raises:
        ArtifactInvalid: A layer is missing, damaged or hostile, it is packed in a way that we do not read, or the disk
            is full.
    """
    inside = parts_of(below, "The folder below which to unpack")
    with _told(target):
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise ArtifactInvalid(f"{target} is not empty.", mend="Name a folder that is not there yet.")
        target.chmod(FOLDER_MODE)
        tree = Tree(target, inside, bounds)
        try:
            done, total = 0, sum(layer.size for layer in manifest.layers)
            for layer in manifest.layers:
                for position in _applied(layout, layer, tree):
                    progress.advance(done + position, total, "bytes")
                done += layer.size
        finally:
            tree.close()


def kept_tree(
    layout: "Layout", manifest: "Manifest", cache_dir: Path, *, below: str = "", progress: Progress = _SILENT
) -> Path:
    """The tree of an image, unpacked where it is not there yet; see `unpack`.

    It is kept by the manifest's digest, and whole or not there, however a process ends. One with ``below`` is as the
    image has it; a whole one has `FOLDERS` and `FILES` too. Nobody may write to it.

    Args:
        layout: Where the blobs are.
        manifest: The image's.
        cache_dir: The cache's root; ``images`` is made below it.
        below: As in `unpack`.
        progress: Hears of it where it must be unpacked.

    Returns:
        The folder, absolute.

    Raises:
        ArtifactInvalid: As `unpack`.
    """
    place = tree_place(manifest, cache_dir, below)
    if place.is_dir():
        with suppress(OSError):  # the time of its last use; not in a cache that we may only read
            os.utime(place)
        return place
    with _told(place):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with held(place.with_suffix(".lock")):
            if not place.is_dir():
                count = len(manifest.layers)
                progress.stage("unpack", f"{count} layer{'s' if count > 1 else ''}")
                _make(layout, manifest, place, below, progress)
    return place


def tree_place(manifest: "Manifest", cache_dir: Path, below: str = "") -> Path:
    """Where `kept_tree` keeps a tree, whether it is there or not."""
    kind = f"-{hashlib.sha256(below.encode()).hexdigest()[:16]}" if below else ""
    return cache_dir.absolute() / "images" / f"{manifest.descriptor.digest.hex}{kind}"


def _make(layout: "Layout", manifest: "Manifest", place: Path, below: str, progress: Progress) -> None:
    draft = place.with_suffix(".draft")
    if draft.exists():
        shutil.rmtree(draft)
    try:
        unpack(layout, manifest, draft, below=below, progress=progress)
        if not below:
            _add_places(draft)
        draft.rename(place)
    except BaseException:  # also Ctrl-C: put in order, and raised again
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _applied(layout: "Layout", layer: "Descriptor", tree: Tree) -> Iterator[int]:
    """Puts a layer into the tree; yields now and then how much of its blob was read, at its end all."""
    what = f"The layer {layer.digest}"
    layout.blobs.verify(layer)
    tree.begin(what)
    told = 0
    with layout.blobs.open(layer) as blob, opened(blob, layer.media_type, what) as stream:
        for tar, member in members(stream, what):
            tree.add(tar, member)
            if blob.tell() - told > _EVERY_BYTES:
                told = blob.tell()
                yield told
    yield layer.size


def _add_places(root: Path) -> None:
    """Makes `FOLDERS` and `FILES`; a link or something else in their place goes."""
    inside = Confined(root)
    try:
        top, _ = inside.folder(())
        for name in FOLDERS:
            if not _is_folder(top, name):
                clear(top, name)
                os.mkdir(name, FOLDER_MODE, dir_fd=top)
                os.chmod(name, FOLDER_MODE, dir_fd=top)
        etc, _ = inside.folder((b"etc",), make=True)
        for name, text in FILES.items():
            clear(etc, name)
            with new_file(name, etc) as stream:
                stream.write(text)
                os.fchmod(stream.fileno(), 0o644)
    except NotADirectoryError as error:
        raise ArtifactInvalid("The image's /etc is no folder.") from error
    finally:
        inside.close()


def _is_folder(parent: int, name: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Turns what the file system refuses into one clear error."""
    try:
        yield
    except OSError as error:
        full = error.errno in FULL
        raise ArtifactInvalid(
            f"{target} cannot be written: {error.strerror or error}.",
            mend="Make room on its disk, or set NOVA_SPI_CACHE_DIR to a folder on a larger one." if full else "",
            code="artifact.disk_full" if full else "artifact.unwritable",
        ) from error
