"""The files that calls give: found, put into a folder of each call's own, and what is left over removed."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from .claims import claim_files
from .errors import SPIError
from .outputs import INVALID, check_outputs, put_outputs
from .patterns import matches
from .places import DEFAULT_OUTPUTS, is_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from .naming import Claim
    from .parameters import Parameter
    from .places import Places
    from .problems import Problems

CALLS = "calls"
"""The folder, below the work folder, in which each call's files stand below its number."""


class OutputFolders:
    """Where the files of calls are looked for, and what stood there before any call.

    What stood there when the model was ready stays there, and is no output unless the model names it or changes it.

    Args:
        places: Those of the worker.
        files: The file outputs of all commands.
    """

    def __init__(self, places: Places, files: Iterable[Parameter]) -> None:
        self.places = places
        self._patterns: dict[str, list[str]] = {places.below(DEFAULT_OUTPUTS): []}
        for parameter in files:
            folder = places.below(parameter.mount_path or DEFAULT_OUTPUTS)
            self._patterns.setdefault(folder, []).append(parameter.file_pattern)
        self._calls = places.below(CALLS)
        self._linked: set[str] = set()
        self._stood: dict[str, tuple[int, ...]] = {}
        self._others: set[str] = set()
        self._make()

    def begin(self) -> None:
        """Remember what stands there: the model is ready."""
        self._linked = {folder for folder in self._patterns if os.path.islink(folder)}
        self._stood = {path: _signature(path) for folder in self._patterns for path in _entries(folder)}
        self._others = set(_entries(self._calls))

    def outputs(
        self,
        parameters: Sequence[Parameter],
        outputs: Mapping[str, Any],
        call: str,
        *,
        given: Iterable[str] = (),
        search: bool = True,
    ) -> dict[str, Any]:
        """Check the outputs of one call and put its files into its folder.

        Args:
            parameters: The outputs of the command.
            outputs: What the model gave.
            call: The folder's name below `CALLS`: ``7``, or ``7/0`` in a batch.
            given: The input files of the call.
            search: Whether files count that the model does not name.

        Returns:
            JSON values; the paths of files are relative to the call's folder.

        Raises:
            SPIError: ``output.missing`` or ``output.invalid``.
        """

        def claim(files: Sequence[Parameter], problems: Problems) -> dict[str, list[Claim]]:
            aside = [path for path, was in self._stood.items() if _signature(path) == was]
            return claim_files(files, outputs, self.places, problems, aside=aside, given=given, search=search)

        found, claims = check_outputs(parameters, outputs, claim)
        try:
            return put_outputs(parameters, found, claims, self.places.inside(os.path.join(self._calls, call)))
        except OSError as problem:
            raise SPIError(INVALID, f"The output files cannot be put into their place: {problem}.") from None

    def sweep(self, last: int) -> None:
        """Remove what calls have left, and the folders of all calls but the ``last`` one."""
        for folder, patterns in self._patterns.items():
            if os.path.islink(folder) and folder not in self._linked:
                _remove(folder)
            for path in _entries(folder):
                if path not in self._stood and self._is_left_over(folder, os.path.basename(path), patterns):
                    _remove(path)
        for path in _entries(self._calls):
            name = os.path.basename(path)
            if name.isdigit() and name != str(last) and path not in self._others:
                _remove(path)
        self._make()

    def _is_left_over(self, folder: str, name: str, patterns: Sequence[str]) -> bool:
        """In the work folder itself only what could be taken for an output: a model may keep other things there."""
        return folder != self.places.work_dir or any(matches(pattern, name) for pattern in patterns)

    def _make(self) -> None:
        for folder in self._patterns:
            if is_below(folder, self.places.work_dir) and not os.path.isdir(folder):
                with suppress(OSError):
                    os.makedirs(folder)


def _entries(folder: str) -> list[str]:
    """What stands in a folder; nothing where it is a link, or not there."""
    if os.path.islink(folder):
        return []
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []


def _signature(path: str) -> tuple[int, ...]:
    try:
        found = os.lstat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _remove(path: str) -> None:
    """Remove a file, a link or a whole folder; links are never followed."""
    with suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
