"""File outputs: found, confined, checked, named by their pattern, moved."""

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from nova_spi.execution.output_facts import check_output_files
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.patterns import PatternInvalid, expand_braces, matches, natural_key, numbered_name

MAX_FILES = 100_000
RESERVED = frozenset({"output.json", "error.json"})

Listing = Mapping[str, tuple[int, int, int]]
"""Path below the work folder to (inode, size, mtime in ns)."""


@dataclass
class Taken:
    """The files of one output: paths below the outputs folder, what is wrong with them, what should be known."""

    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def listing(work: Path, parameters: Iterable[Parameter]) -> Listing:
    """What stands in the folders of the file outputs; taken before the run, so that only what is new counts."""
    found: dict[str, tuple[int, int, int]] = {}
    for folder in {_folder(parameter) for parameter in parameters if parameter.type == "file"}:
        for entry in _scan(work / folder):
            status = entry.stat(follow_symlinks=False)
            found[_joined(folder, entry.name)] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _folder(parameter: Parameter) -> str:
    return str(PurePosixPath(parameter.mount_path or "outputs"))


def _joined(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _scan(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: natural_key(entry.name))[:MAX_FILES]
    except OSError:
        return []


class FileOutputs:
    """The file outputs of one run.

    Args:
        work: The work folder.
        outputs: Where files are moved to.
        before: What stood there before the run.
        allowed: Real places that links may lead to: what we linked there ourselves.
        base: Where the program may have seen the work folder; a path below it is one below ``work``.
    """

    def __init__(self, work: Path, outputs: Path, before: Listing, allowed: frozenset[str], base: str = "") -> None:
        self._work = work
        self._real_work = work.resolve()
        self._outputs = outputs
        self._before = before
        self._allowed = allowed
        self._seen = f"{base.rstrip('/')}/"
        self._claimed: set[str] = set()

    def take(self, parameter: Parameter, value: Any) -> Taken:
        """Takes the files that the program named, else those that match the pattern.

        Nothing is moved where one of them is wrong.
        """
        taken = Taken()
        named = self._named(value, taken) if value is not None else self._matching(parameter)
        sources = [source for one in named if (source := self._confined(one, taken))]
        if sources and not taken.problems:
            found = check_output_files(parameter, sources)
            taken.problems += found.problems
            taken.warnings += [f"{parameter.name}: {said}" for said in found.warnings]
        if taken.problems:
            return taken
        for source, target in zip(sources, self._targets(parameter, sources, taken), strict=False):
            if self._move(source, target, taken):
                taken.files.append(target)
        return taken

    def _named(self, value: Any, taken: Taken) -> list[Path]:
        """The paths that a program wrote: one, or a list of them; relative to the work folder, or to its outputs."""
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            taken.problems.append("a file output is a path, or a list of paths")
            return []
        if len(listed) > MAX_FILES:
            taken.problems.append(f"it names {len(listed)} files, more than {MAX_FILES}")
            return []
        found = []
        for text in listed:
            if (place := self._existing(text)) is None:
                taken.problems.append(f"there is no file {text[:200]!r}")
            else:
                found.append(place)
        return found

    def _existing(self, text: str) -> Path | None:
        if not text or "\0" in text:
            return None
        if len(self._seen) > 1:
            text = text.removeprefix(self._seen)
        for base in (self._work, self._work / "outputs"):
            try:
                (base / text).lstat()
            except OSError:
                continue
            return base / text
        return None

    def _matching(self, parameter: Parameter) -> list[Path]:
        """What is new in the output's folder and matches its pattern, by natural name."""
        folder, found = _folder(parameter), []
        for entry in _scan(self._work / folder):
            relative = _joined(folder, entry.name)
            if (folder == "outputs" and entry.name in RESERVED) or relative in self._claimed:
                continue
            if not matches(parameter.file_pattern, entry.name) or entry.is_dir(follow_symlinks=False):
                continue
            status = entry.stat(follow_symlinks=False)
            if self._before.get(relative) != (status.st_ino, status.st_size, status.st_mtime_ns):
                found.append(Path(entry.path))
        return found

    def _confined(self, path: Path, taken: Taken) -> Path | None:
        """The same path where it is a regular file of the run, or a link of ours."""
        try:
            real = Path(os.path.realpath(path))
            regular = stat.S_ISREG(real.lstat().st_mode)
        except OSError as error:
            taken.problems.append(f"{path.name!r} cannot be read: {error.strerror}")
            return None
        if not real.is_relative_to(self._real_work) and str(real) not in self._allowed:
            taken.problems.append(f"{path.name!r} leads out of the run's folder")
            return None
        if not regular:
            taken.problems.append(f"{path.name!r} is not a regular file")
            return None
        inside = Path(os.path.realpath(path.parent)) / path.name
        self._claimed.add(os.path.relpath(inside, self._real_work))
        return path

    def _targets(self, parameter: Parameter, sources: list[Path], taken: Taken) -> list[str]:
        """Where each file goes: below the outputs folder, under the name that the pattern gives it."""
        top = PurePosixPath(_folder(parameter))
        top = top.relative_to("outputs") if top.is_relative_to("outputs") else top
        names = [source.name for source in sources]
        counted = any("*" in one for one in expand_braces(parameter.file_pattern))
        numbered = parameter.index_padding is not None and counted
        if numbered or not all(matches(parameter.file_pattern, name) for name in names):
            names = self._numbered(parameter, sources, taken)
        targets = [_joined(str(top), name) for name in names]
        twice = [target for target, count in Counter(targets).items() if count > 1 or target in RESERVED]
        taken.problems += [f"two files would have the name {target!r}" for target in twice[:10]]
        return [] if taken.problems else targets

    def _numbered(self, parameter: Parameter, sources: list[Path], taken: Taken) -> list[str]:
        names = []
        for index, source in enumerate(sources):
            try:
                name = numbered_name(parameter.file_pattern, index, parameter.index_padding, source.suffix)
            except PatternInvalid:
                taken.problems.append(f"{source.name!r} does not meet the file_pattern {parameter.file_pattern!r}")
                continue
            names.append(name)
        return names

    def _move(self, source: Path, target: str, taken: Taken) -> bool:
        """Moves a file; what is a link, or has a second name somewhere, is copied: nobody else may change it later."""
        place = self._outputs / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            taken.problems.append(f"two outputs would have the file {target!r}")
            return False
        status = source.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            source.rename(place)
            place.chmod(0o644)
        else:
            shutil.copyfile(source, place)
        return True
