r"""Folders as assets: copied with everything in them, and one digest for the whole.

The digest of a folder is the sha256 of its listing, one line a file in the order of the paths' bytes: the file's sha256
in hex, two spaces, its path with ``/``, a newline. Inside the folder this prints the same listing::

    find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum

Empty folders do not count.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nova_spi.assets.source import CHUNK
from nova_spi.errors import AssetUnavailable

MAX_FILES = 100_000


def tree_files(root: Path, name: str = "") -> Iterator[tuple[str, Path]]:
    """Every regular file below ``root`` as (path with ``/``, path), sorted by the bytes of the path.

    Raises:
        AssetUnavailable: A link leads out of the folder, something is not a regular file, or there are too many.
    """
    inside = root.resolve()
    found: list[tuple[bytes, str, Path]] = []
    for folder, folders, files in os.walk(root, followlinks=False):
        for entry in [*files, *(one for one in folders if (Path(folder) / one).is_symlink())]:
            path = Path(folder) / entry
            target = path.resolve()
            if not target.is_relative_to(inside) or not target.is_file():
                raise AssetUnavailable(
                    f"Asset {name!r}: {path} is no regular file of the folder.",
                    why="Links that lead out of an asset, links to folders, sockets and devices are not copied.",
                )
            relative = path.relative_to(root).as_posix()
            found.append((os.fsencode(relative), relative, path))
        if len(found) > MAX_FILES:
            raise AssetUnavailable(
                f"Asset {name!r} has more than {MAX_FILES} files.", mend="Pack them into one archive."
            )
    for _, relative, path in sorted(found):
        yield relative, path


def tree_digest(root: Path) -> tuple[str, int]:
    """sha256 of the listing, and the bytes of all files."""
    listing, size = hashlib.sha256(), 0
    for relative, path in tree_files(root):
        one = hashlib.sha256()
        with path.open("rb", buffering=0) as stream:
            while chunk := stream.read(CHUNK):
                one.update(chunk)
                size += len(chunk)
        listing.update(f"{one.hexdigest()}  ".encode() + os.fsencode(relative) + b"\n")
    return listing.hexdigest(), size


def tree_mark(root: Path, name: str) -> str:
    """Changes when a file of the tree does, without reading any: paths, sizes and times."""
    listing = hashlib.sha256()
    for relative, path in tree_files(root, name):
        status = path.stat()
        listing.update(
            f"{status.st_size} {status.st_mtime_ns} {status.st_ino} ".encode() + os.fsencode(relative) + b"\n"
        )
    return listing.hexdigest()


def copy_tree(source: Path, target: Path, name: str) -> None:
    """Copies every file of ``source`` below ``target``, which is made; links inside become files."""
    target.mkdir(parents=True)
    for relative, path in tree_files(source, name):
        place = target / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
