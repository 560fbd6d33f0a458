"""Where a run's files stand: named by ``SPI_*`` variables, or at their old places when there are none."""

from __future__ import annotations

import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_INPUTS = "inputs"
DEFAULT_OUTPUTS = "outputs"
INPUTS_FILE = "inputs/config/inputs.json"
MAX_FILES = 100_000
"""Files of a folder that are looked at."""


class Places:
    """The files and folders of one run.

    Args:
        work_dir: The work folder, `base_work_dir` in a container; ``SPI_WORK_DIR`` wins over it.

    Attributes:
        work_dir: Absolute.
        output_dir: ``SPI_OUTPUT_DIR``, else ``outputs`` below the work folder.
        input_file: ``SPI_INPUT_FILE``, else the inputs file at its place.
        input_file_named: Whether the inputs file was named, and so must be there.
        output_file: ``SPI_OUTPUT_FILE``, else ``output.json`` in the output folder.
        error_file: ``SPI_ERROR_FILE``, else ``error.json`` in the output folder.
    """

    def __init__(self, work_dir: str) -> None:
        self.work_dir = os.path.abspath(os.environ.get("SPI_WORK_DIR") or work_dir)
        self.output_dir = self._named("SPI_OUTPUT_DIR", DEFAULT_OUTPUTS)
        self.input_file = self._named("SPI_INPUT_FILE", INPUTS_FILE)
        self.input_file_named = bool(os.environ.get("SPI_INPUT_FILE"))
        self.output_file = self._named("SPI_OUTPUT_FILE", os.path.join(self.output_dir, "output.json"))
        self.error_file = self._named("SPI_ERROR_FILE", os.path.join(self.output_dir, "error.json"))

    def _named(self, variable: str, default: str) -> str:
        return os.path.normpath(os.path.join(self.work_dir, os.environ.get(variable) or default))

    def below(self, relative: str) -> str:
        """The absolute path of one below the work folder."""
        return os.path.normpath(os.path.join(self.work_dir, relative))

    def inside(self, folder: str) -> Places:
        """The same, with another folder that paths are below of and relative to."""
        found = object.__new__(Places)
        found.__dict__.update(self.__dict__, work_dir=folder)
        return found

    def relative(self, path: str) -> str:
        """A path as records have it: relative to the work folder, with ``/``."""
        return os.path.relpath(path, self.work_dir).replace(os.sep, "/")

    def own_files(self) -> set[str]:
        """Files that belong to the contract and are nobody's input or output."""
        return {self.input_file, self.output_file, self.error_file}


def is_below(path: str, folder: str) -> bool:
    """Whether a path, symbolic links resolved, stands in a folder."""
    real, root = os.path.realpath(path), os.path.realpath(folder)
    return real.startswith(root.rstrip(os.sep) + os.sep)


def files_below(folder: str, *, deep: bool) -> Iterator[str]:
    """Paths of the regular files in a folder, relative to it, with ``/``; no links, at most `MAX_FILES`."""
    waiting, count = [""], 0
    while waiting:
        prefix = waiting.pop()
        try:
            entries = list(os.scandir(os.path.join(folder, prefix)))
        except OSError:
            continue  # A folder that is not there, or not readable, holds no files for us.
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if deep:
                    waiting.append(f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                count += 1
                if count > MAX_FILES:
                    return
                yield prefix + entry.name


def write_atomically(path: str, text: str) -> None:
    """Write a file as a whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{path}.{os.getpid()}.part"
    try:
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
    except BaseException:  # also Ctrl-C: put in order, and raised again
        remove(beside)
        raise


def remove(path: str) -> None:
    """Remove a file if it is there and can be removed."""
    with suppress(OSError):
        os.unlink(path)
