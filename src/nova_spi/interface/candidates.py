"""From what a caller gives for a file input, a path, a folder, a glob or a list of them, to the files that it names.

A symbolic link is followed where the caller names it, and never where it only stands in a folder that is looked
through: a downloaded folder must not be able to bring in the rest of the disk.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.patterns import PatternInvalid, expand_braces, matches, natural_key, pattern_problem
from nova_spi_runtime.problems import Problem, kind_of, shown, suggestion

MAX_ENTRIES = 100_000
"""Files and folders of one folder that are looked at."""

_MAX_SHOWN = 200
_MAGIC = frozenset("*?[{")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One regular file that a value names.

    Attributes:
        source: Where it is, absolute; links are not resolved.
        relative: Where it goes below the parameter's mount path, with ``/``.
        shown: How the caller named it, for messages.
    """

    source: Path
    relative: str
    shown: str


def readable(path: str) -> str:
    """A path for a message: as it is, or escaped where it would move the cursor of a terminal."""
    short = path if len(path) <= _MAX_SHOWN else f"{path[:_MAX_SHOWN]}..."
    return short if short.isprintable() else ascii(short)[1:-1]


@dataclass(slots=True)
class Findings:
    """What is collected on the way: hard problems, and warnings about what is left out."""

    where: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def problem(self, message: str) -> None:
        """Notes that the value cannot be used."""
        self.problems.append(Problem(self.where, message))

    def warn(self, message: str) -> None:
        """Notes that something was left out or could not be checked."""
        self.warnings.append(f"{self.where}: {message}")


def find_candidates(parameter: Parameter, value: Any, base: Path, found: Findings) -> list[Candidate]:
    """The files that ``value`` names and whose names match ``file_pattern``, sorted naturally, each once."""
    candidates: dict[str, Candidate] = {}
    for entry in _entries(value, found):
        for candidate in _of_entry(parameter, entry, base, found):
            candidates.setdefault(os.path.normpath(candidate.source), candidate)
    return sorted(candidates.values(), key=lambda item: (natural_key(item.relative), str(item.source)))


def _entries(value: Any, found: Findings) -> Iterator[str]:
    for entry in value if isinstance(value, list | tuple) else [value]:
        if not isinstance(entry, str | os.PathLike):
            found.problem(f"must be a path, a glob, a folder or a list of them, not {kind_of(entry)}")
            continue
        text = os.fspath(entry)
        if not isinstance(text, str) or not text or "\0" in text:
            found.problem("holds an empty path" if not text else f"holds {shown(text)}, which is no path")
        else:
            yield str(text)


def _of_entry(parameter: Parameter, entry: str, base: Path, found: Findings) -> list[Candidate]:
    path = base.absolute() / entry
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if _MAGIC & set(entry):
            return _of_glob(parameter, entry, base, found)
        reason = "" if isinstance(error, FileNotFoundError | NotADirectoryError) else f" ({_reason(error)})"
        found.problem(f"there is no file {shown(entry)}{reason}{_near(path) if not reason else ''}")
        return []
    if stat.S_ISDIR(mode):
        return _of_folder(parameter, path, entry, found)
    if not stat.S_ISREG(mode):
        found.problem(f"{shown(entry)} is not a regular file")
        return []
    candidate = named(parameter, entry, path, found)
    return [candidate] if candidate else []


def named(parameter: Parameter, entry: str, path: Path, found: Findings) -> Candidate | None:
    """The file at ``path`` under the name that a caller gives it; None, with a warning, where that does not match."""
    relative = _direct_name(parameter, entry, path)
    if relative is None:
        found.warn(f"{readable(entry)} is skipped: its name does not match '{parameter.file_pattern}'")
        return None
    return Candidate(path, relative, readable(entry))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _near(path: Path) -> str:
    """A did-you-mean from the file's own folder."""
    try:
        with os.scandir(path.parent) as entries:
            return suggestion(path.name, [entry.name for entry in islice(entries, 1000)])
    except OSError:
        return ""


def _direct_name(parameter: Parameter, entry: str, path: Path) -> str | None:
    """The name below the mount path: the file's own, or as many folders of the path as a deep pattern asks for."""
    parts = [part for part in PurePosixPath(entry).parts if part not in ("/", ".")] or [path.name]
    if ".." in parts:
        parts = parts[len(parts) - parts[::-1].index("..") :] or [path.name]
    for count in range(1, len(parts) + 1 if _is_deep(parameter.file_pattern) else 2):
        relative = "/".join(parts[-count:])
        if matches(parameter.file_pattern, relative):
            return relative
    return None


def _is_deep(pattern: str) -> bool:
    return "/" in pattern or "**" in pattern


def _of_folder(parameter: Parameter, folder: Path, entry: str, found: Findings) -> list[Candidate]:
    pattern = parameter.file_pattern
    names = [name for name in _scan(folder, entry, _is_deep(pattern), found) if matches(pattern, name)]
    if not names:
        found.warn(f"no file in the folder {readable(entry)} matches '{pattern}'")
    return [Candidate(folder / name, name, readable(f"{entry.rstrip('/')}/{name}")) for name in names]


def _scan(folder: Path, entry: str, deep: bool, found: Findings) -> Iterator[str]:
    """Relative names of the regular files in a folder; links in it are not followed, and not files either."""
    waiting, count = [""], 0
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                listed = list(islice(entries, MAX_ENTRIES + 1 - count))
        except OSError as error:
            found.warn(f"the folder {shown(f'{entry}/{prefix}')} cannot be read ({_reason(error)})")
            continue
        count += len(listed)
        if count > MAX_ENTRIES:
            found.problem(f"the folder {readable(entry)} holds more than {MAX_ENTRIES} files and folders")
            return
        for item in listed:
            if item.is_dir(follow_symlinks=False):
                waiting += [f"{prefix}{item.name}/"] if deep else []
            elif item.is_file(follow_symlinks=False):
                yield prefix + item.name


def _of_glob(parameter: Parameter, entry: str, base: Path, found: Findings) -> list[Candidate]:
    try:
        alternatives = expand_braces(entry)
    except PatternInvalid as problem:
        found.problem(f"{shown(entry)} is neither a file nor a pattern: {problem}")
        return []
    candidates: list[Candidate] = []
    skipped = 0
    for alternative in alternatives:
        for source, below in _glob(alternative, base.absolute(), found):
            relative = below if _is_deep(parameter.file_pattern) else source.name
            if matches(parameter.file_pattern, relative):
                shown_as = readable(os.path.relpath(source, base.absolute()))
                candidates.append(Candidate(source, relative, shown_as))
            else:
                skipped += 1
    if skipped:
        found.warn(
            f"{skipped} of the files of {readable(entry)} are skipped: they do not match '{parameter.file_pattern}'"
        )
    elif not candidates:
        found.warn(f"no file matches {readable(entry)}")
    return candidates


def _glob(pattern: str, base: Path, found: Findings) -> Iterator[tuple[Path, str]]:
    """The files of one glob without braces, each with its path below the pattern's plain beginning."""
    parts = PurePosixPath(pattern).parts
    plain = next((at for at, part in enumerate(parts) if _MAGIC & set(part)), len(parts))
    if plain == len(parts):
        path = base.joinpath(*parts)
        if path.is_file():
            yield path, path.name
        return
    folder, rest = base.joinpath(*parts[:plain]), "/".join(parts[plain:])
    problem = pattern_problem(rest, output=False)
    if problem:
        found.problem(f"the pattern {shown(pattern)} cannot be used: {problem}")
    elif folder.is_dir():
        for name in _scan(folder, str(PurePosixPath(*parts[:plain]) if plain else "."), "/" in rest, found):
            if matches(rest, name):
                yield folder / name, name
