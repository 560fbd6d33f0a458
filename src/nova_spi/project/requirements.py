"""A project's requirements, read whole before anything is installed.

The requirements file, the files that it names with ``-r`` and ``-c``, and local distributions become one `Snapshot`:
its digest names the environment, and its copy is what pip gets, so what is installed is what was read. The format is
pip's: https://pip.pypa.io/en/stable/reference/requirements-file-format/.

Everything must lie in the project. What would make two installations of the same files differ, or reach the project's
folder later, is refused: requirements from an address, and editable ones.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nova_spi.errors import EnvironmentFailed

MAX_FILES = 64
MAX_FILE_BYTES = 1024 * 1024
MAX_LOCAL_FILES = 10_000
MAX_LOCAL_BYTES = 1024 * 1024 * 1024
_COMMENT = re.compile(r"(^|\s+)#.*$")
_SHORT = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-f": "--find-links"}
_EXTRAS = re.compile(r"\[[\w,\s.-]*\]$")
_FILE_ADDRESS = re.compile(r"(^|[@+]\s*)file:")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.gz|tar\.bz2|tar\.xz|tgz|tar)$", re.IGNORECASE)
_LEFT_OUT = frozenset({".git", ".hg", ".nova-spi", ".venv", "__pycache__", ".tox", ".mypy_cache"})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Requirements as they were at one moment.

    Attributes:
        main: The requirements file, relative to the project, with ``/``.
        texts: Relative path -> content, of the main file and of every nested one.
        local: Relative path -> the file, of everything in local distributions.
        digest: Of all of it, in hexadecimal; the project's place and the main file's name are no part of it.
    """

    main: str
    texts: dict[str, bytes]
    local: dict[str, Path]
    digest: str

    def copy_to(self, folder: Path) -> Path:
        """Writes everything below ``folder`` as it lay in the project; returns the main file there."""
        for relative, text in self.texts.items():
            _write(folder / relative, text)
        for relative, path in self.local.items():
            _write(folder / relative, path.read_bytes())
        return folder / self.main


def read(project: Path, requirements: Path) -> Snapshot:
    """Reads a requirements file and everything it names.

    Args:
        project: The project's root; nothing outside it is read.
        requirements: The file.

    Raises:
        EnvironmentFailed: A file is missing, too large, outside the project, or asks for what is refused.
    """
    return _Reader(project.resolve()).read(requirements)


class _Reader:
    """Follows nested files, each once."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._texts: dict[str, bytes] = {}
        self._local: dict[str, Path] = {}
        self._local_bytes = 0

    def read(self, requirements: Path) -> Snapshot:
        main = self._inside(requirements, requirements.name)
        waiting = [main]
        while waiting:
            relative = waiting.pop()
            if relative in self._texts:
                continue
            if len(self._texts) >= MAX_FILES:
                raise _refused(relative, f"more than {MAX_FILES} requirements files")
            self._texts[relative] = self._text(relative)
            waiting.extend(self._nested(relative))
        return Snapshot(main, self._texts, self._local, self._digest(main))

    def _text(self, relative: str) -> bytes:
        try:
            with (self._project / relative).open("rb") as file:
                found = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise _refused(relative, f"it cannot be read: {error.strerror}") from error
        if len(found) > MAX_FILE_BYTES:
            raise _refused(relative, f"it is larger than {MAX_FILE_BYTES} bytes")
        return found

    def _nested(self, relative: str) -> Iterator[str]:
        """Files that ``relative`` names; local distributions are taken in on the way."""
        beside = (self._project / relative).parent
        for line in _lines(self._texts[relative]):
            requirement, options = _parts(line)
            for option, value in options:
                if option == "--editable":
                    raise _refused(line, "an editable requirement would tie the environment to this folder", "-e")
                if option == "--find-links":
                    self._found_links(beside, value)
                else:
                    yield self._file(beside / value, value)
            if requirement:
                self._requirement(requirement)

    def _file(self, path: Path, value: str) -> str:
        if "://" in value or value.startswith("file:"):
            raise _refused(value, "what stands at an address can change; put the file into the project")
        return self._inside(path, value)

    def _found_links(self, beside: Path, value: str) -> None:
        if re.match(r"https?://", value):
            return
        path = beside / value if (beside / value).exists() else self._project / value
        self._take(path, value)

    def _requirement(self, said: str) -> None:
        """A requirement may be a path, as pip sees it: relative to the folder where it runs, here the project."""
        if _FILE_ADDRESS.search(said):
            raise _refused(said, "write a local distribution as a path relative to the project, e.g. ./wheels/x.whl")
        path = _EXTRAS.sub("", re.split(r"\s*;", said)[0].strip())
        if "://" not in path and "@" not in path and (os.sep in path or path.startswith(".") or _ARCHIVE.search(path)):
            self._take(self._project / path, said)

    def _take(self, path: Path, said: str) -> None:
        """Takes a local distribution, or a folder of them, into the snapshot."""
        self._inside(path, said)
        if not path.exists():
            raise _refused(said, "it is not there")
        for file in _files(path):
            relative = self._inside(file, said)
            if relative not in self._local:
                self._local[relative] = file
                self._local_bytes += file.stat().st_size
            if len(self._local) > MAX_LOCAL_FILES or self._local_bytes > MAX_LOCAL_BYTES:
                raise _refused(said, f"it has over {MAX_LOCAL_FILES} files or {MAX_LOCAL_BYTES} bytes")

    def _inside(self, path: Path, said: str) -> str:
        """The path relative to the project, without ``..``, its links followed only to check where they lead."""
        plain = Path(os.path.normpath(self._project / path))
        try:
            if not plain.is_relative_to(self._project):
                plain = path.resolve()
            inside = plain.is_relative_to(self._project) and plain.resolve().is_relative_to(self._project)
        except (OSError, RuntimeError, ValueError) as error:  # a link to itself is a RuntimeError, a NUL a ValueError
            raise _refused(said, "it is no path that can be followed") from error
        if not inside:
            raise _refused(said, "it lies outside the project")
        return plain.relative_to(self._project).as_posix()

    def _digest(self, main: str) -> str:
        """SHA-256 over names relative to the main file, lengths and contents."""
        beside = (self._project / main).parent
        found = hashlib.sha256()
        contents = {relative: _sha256(text) for relative, text in self._texts.items()}
        contents |= {relative: _sha256(path.read_bytes()) for relative, path in self._local.items()}
        for relative in sorted(contents):
            name = "" if relative == main else os.path.relpath(self._project / relative, beside)
            found.update(os.fsencode(name) + b"\0" + contents[relative] + b"\0")
        return found.hexdigest()


def _lines(text: bytes) -> Iterator[str]:
    """Logical lines as pip sees them: continued lines joined, comments and empty lines left out."""
    begun = ""
    for line in [*text.decode("utf-8-sig", "replace").splitlines(), ""]:
        if line.endswith("\\") and not _COMMENT.match(line):
            begun += line.strip("\\")
            continue
        plain = _COMMENT.sub("", begun + (" " + line if _COMMENT.match(line) else line)).strip()
        begun = ""
        if plain:
            yield plain


def _parts(line: str) -> tuple[str, list[tuple[str, str]]]:
    """Splits a line into its requirement and those of its options that name files, under their long names."""
    words = line.split(" ")
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    try:
        waiting = shlex.split(" ".join(words[first:]))
    except ValueError:
        waiting = words[first:]
    options = []
    while waiting:
        name, value = _option(waiting.pop(0))
        if name:
            options.append((name, value if value is not None else waiting.pop(0) if waiting else ""))
    return " ".join(words[:first]).strip(), options


def _option(word: str) -> tuple[str, str | None]:
    """``-rX``, ``-r``, ``--requirement=X`` and its abbreviations -> long name and value; "" for other options."""
    if not word.startswith("--"):
        name = _SHORT.get(word[:2], "")
        return name, word[2:] or None
    said, equals, value = word.partition("=")
    meant = [name for name in _SHORT.values() if len(said) > len("--") and name.startswith(said)]
    return (meant[0] if meant else ""), (value if equals else None)


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or every file below the folder, in order; links are followed only to files."""
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in sorted(names):
            if (Path(folder) / name).is_file():
                yield Path(folder) / name


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _refused(said: str, why: str, word: str = "") -> EnvironmentFailed:
    mend = f"Take '{word}' out of that line." if word else "Change the requirements file."
    return EnvironmentFailed(f"The requirements cannot be used: {said}", why=why[:1].upper() + why[1:] + ".", mend=mend)
