"""The input files of a call: put where a worker reads them, and taken away afterwards.

They stand below a folder that the model cannot change, so plain paths are safe there. A file that was made for the call
gets a second name, so that nothing is copied and another worker may have the same call; any other is copied, since the
model must not get at the file itself.
"""

import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from nova_spi.errors import InputInvalid
from nova_spi.serving.calls import Call, InputFile


def lay(
    root: Path, seen: str, place: tuple[str, ...], files: Mapping[str, tuple[InputFile, ...]]
) -> dict[str, list[str]]:
    """Lays out the files of one call.

    Args:
        root: The folder of all calls.
        seen: The same folder as the worker sees it.
        place: The names of the call's own folder below it.
        files: By parameter.

    Returns:
        Their paths as the worker sees them, by parameter.

    Raises:
        OSError: One is not there, or the disk is full.
        InputInvalid: A name leads out of its folder, or two files have the same.
    """
    found: dict[str, list[str]] = {}
    for parameter, several in files.items():
        found[parameter] = []
        for file in several:
            parts = (*place, parameter, *_parts(file.name))
            folder = root
            for part in parts[:-1]:
                folder = folder / part
                _make(folder)
            _put(file, folder / parts[-1])
            found[parameter].append("/".join((seen, *parts)))
    return found


def discard(call: Call) -> None:
    """Removes the files that were made for a call alone, once it has come to its end."""
    for several in call.files.values():
        for file in several:
            if file.ours:
                with suppress(OSError):
                    file.path.unlink()


def _parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InputInvalid(f"The file name {name[:200]!r} leads out of the folder of the call.")
    return path.parts


def _make(folder: Path) -> None:
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o755)  # whatever the umask is: the model may have a user number of its own


def _put(file: InputFile, target: Path) -> None:
    if target.exists():
        raise InputInvalid(f"Two files have the name {file.name[:200]!r}.")
    if not (file.ours and _linked(file.path, target)):
        shutil.copyfile(file.path, target)
    target.chmod(0o644)


def _linked(source: Path, target: Path) -> bool:
    """Gives a file a second name; False where the file system has none, or the places are on two of them."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            return False
        raise
    return True
