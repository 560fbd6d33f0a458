"""The names that produced files get, and their way there, without one file running over another."""

from __future__ import annotations

import os
from errno import EXDEV
from functools import lru_cache

from .errors import SPIError
from .patterns import PatternInvalid, matches, numbered_name
from .places import DEFAULT_OUTPUTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .parameters import Parameter
    from .places import Places


class Claim:
    """One produced file: where it stands, and whether it may be moved away from there."""

    __slots__ = ("moves", "path")

    def __init__(self, path: str, *, moves: bool) -> None:
        self.path = path
        self.moves = moves


def allowed(parameter: Parameter, name: str) -> str | None:
    """Say why a file of this name cannot be this output, or None if it can, under a new name if need be."""
    return None if matches(parameter.file_pattern, name) else _numbering_problem(parameter, os.path.splitext(name)[1])


@lru_cache(maxsize=256)
def _numbering_problem(parameter: Parameter, suffix: str) -> str | None:
    try:
        numbered_name(parameter.file_pattern, 0, parameter.index_padding, suffix)
    except PatternInvalid as problem:
        return str(problem)
    return None


def place(outputs: Sequence[tuple[Parameter, Sequence[Claim]]], places: Places) -> dict[str, list[str]]:
    """Give every file its name and put it into its output's folder.

    All names are chosen before the first file moves, and all files are set aside before the first takes its name, so
    that files may swap their names, and a file that nobody named is left alone.

    Returns:
        The files of each output, relative to the work folder.

    Raises:
        SPIError: ``output.invalid``; several files have only one name to take.
        OSError: A file cannot be moved or copied.
    """
    taken = _Taken({claim.path for _, claims in outputs for claim in claims if claim.moves})
    targets = [(parameter, claims, _targets(parameter, claims, places, taken)) for parameter, claims in outputs]
    uses: dict[str, int] = {}
    steps = [(claim, names[index]) for _, claims, names in targets for index, claim in enumerate(claims)]
    for claim, _ in steps:
        uses[claim.path] = uses.get(claim.path, 0) + 1
    staged = []
    for number, (claim, target) in enumerate(steps):
        uses[claim.path] -= 1
        if claim.path != target or uses[claim.path]:
            aside = os.path.join(os.path.dirname(target), f".spi-{os.getpid()}-{number}")
            _transfer(claim.path, aside, moves=claim.moves and not uses[claim.path])
            staged.append((aside, target))
    for aside, target in staged:
        os.replace(aside, target)
    return {parameter.name: [places.relative(name) for name in names] for parameter, _, names in targets}


class _Taken:
    """Names that are no longer free, by folder."""

    def __init__(self, leaving: set[str]) -> None:
        self._leaving = leaving
        self._standing: dict[str, set[str]] = {}
        self._given: set[str] = set()

    def is_free(self, path: str) -> bool:
        folder, name = os.path.split(path)
        if folder not in self._standing:
            names = os.listdir(folder)
            self._standing[folder] = {each for each in names if os.path.join(folder, each) not in self._leaving}
        return name not in self._standing[folder] and path not in self._given

    def give(self, path: str) -> str:
        if path in self._given:
            name = os.path.basename(path)
            message = f"The name {name} is wanted by more than one file; a '*' in file_pattern would count them."
            raise SPIError("output.invalid", message)
        self._given.add(path)
        return path


def _targets(parameter: Parameter, claims: Sequence[Claim], places: Places, taken: _Taken) -> list[str]:
    """The final paths of one output's files, in their order.

    With a padding they are counted. Without one they keep names that match the pattern and are free.
    """
    folder = places.below(parameter.mount_path or DEFAULT_OUTPUTS)
    os.makedirs(folder, exist_ok=True)
    names = [os.path.basename(claim.path) for claim in claims]
    counts = "*" in parameter.file_pattern
    if parameter.index_padding is None or not counts:
        kept = [os.path.join(folder, name) for name in names if matches(parameter.file_pattern, name)]
        if len(set(kept)) == len(names) and all(taken.is_free(path) for path in kept):
            return [taken.give(path) for path in kept]
    found, index = [], 0
    for name in names:
        suffix = os.path.splitext(name)[1]
        if _numbering_problem(parameter, suffix):
            found.append(taken.give(os.path.join(folder, name)))
            continue
        path = os.path.join(folder, numbered_name(parameter.file_pattern, index, parameter.index_padding, suffix))
        while counts and not taken.is_free(path):
            index += 1
            path = os.path.join(folder, numbered_name(parameter.file_pattern, index, parameter.index_padding, suffix))
        index += 1
        found.append(taken.give(path))
    return found


def _transfer(source: str, target: str, *, moves: bool) -> None:
    if moves:
        try:
            os.replace(source, target)
            return
        except OSError as problem:
            if problem.errno != EXDEV:  # it stands on another disk
                raise
    from shutil import copyfile

    copyfile(source, target)
    if moves:
        os.unlink(source)
