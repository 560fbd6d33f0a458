"""The output files of a batch: moved to where they stay before the line of their item is written, never half of them.

An item's files are gathered in ``files/.ITEM.part``, made safe, and the folder is renamed to ``files/ITEM``. What a
kill left of an item without a line is replaced when the item runs again.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from nova_spi.errors import OutputInvalid
from nova_spi.execution.removal import remove_tree
from nova_spi.serving.batch.journal import sync_folder
from nova_spi.serving.calls import OutputFile
from nova_spi_runtime.json_text import parse_json, write_json

FILES = "files"


class Keeping:
    """Where the output files of a batch go.

    Args:
        folder: Of the results.
        count: How many items there are: it says how many digits a name has, so that names sort.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._root = folder / FILES
        self._digits = max(len(str(max(count - 1, 0))), 4)
        for left in self._root.glob(".*.part"):
            remove_tree(left)

    def keep(self, index: int, outputs: bytes, files: Mapping[str, Sequence[OutputFile]]) -> bytes:
        """Moves the files of an item into place; blocking.

        Returns:
            The outputs, in which the value of a file output is a list of paths from the folder of the results.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        name = str(index).zfill(self._digits)
        part = self._root / f".{name}.part"
        remove_tree(part)
        part.mkdir(parents=True)
        values: dict[str, Any] = parse_json(outputs)
        for output, taken in files.items():
            for file in taken:
                _move(file, part)
            values[output] = [f"{FILES}/{name}/{file.name}" for file in taken]
        for folder, _, _ in os.walk(part):
            sync_folder(Path(folder))
        remove_tree(self._root / name)
        part.rename(self._root / name)
        sync_folder(self._root)
        return write_json(values).encode()


def _move(file: OutputFile, part: Path) -> None:
    inside = PurePosixPath(file.name)
    if inside.is_absolute() or ".." in inside.parts or not inside.parts:
        raise OutputInvalid(f"The output file {file.name!r} would lead out of its folder.")
    target = part / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file.path, target)
    handle = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
