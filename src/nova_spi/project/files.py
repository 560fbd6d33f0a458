"""The files of a project: what belongs to the model, and what changed on disk.

Links are followed only where they stay inside the project; what leads out is not a part of it. Sockets, pipes and
devices never are.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nova_spi.errors import ProjectError
from nova_spi.project.ignoring import IGNORE_FILE, IgnoreRules
from nova_spi.project.snapshot import Snapshot

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_FILES", "ProjectFile", "Snapshot", "links_that_leave", "project_files"]

MAX_FILES = 100_000
MAX_BYTES = 1 << 40
MAX_DEPTH = 64


class ProjectFile(NamedTuple):
    """One file that belongs to the model.

    Attributes:
        path: Where it stands.
        relative: The same, from the root, with slashes.
        size: In bytes.
        mode: Its permission bits.
    """

    path: Path
    relative: str
    size: int
    mode: int


class _Folder(NamedTuple):
    path: str
    parts: tuple[str, ...]
    chain: tuple[str, ...]


def project_files(root: Path, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES) -> Iterator[ProjectFile]:
    """The files of the project below ``root``, sorted by their path within each folder.

    Args:
        root: The project's folder.
        max_files: More files than these are an error.
        max_bytes: More bytes in all than these are an error.

    Raises:
        ProjectError: A folder cannot be read, or a limit is passed.
    """
    rules = IgnoreRules.of(root)
    real_root = os.path.realpath(root)
    stack = [_Folder(str(root), (), (real_root,))]
    count = total = 0
    while stack:
        folders = []
        for entry, parts, target in _entries(stack.pop(), rules, real_root):
            if isinstance(target, _Folder):
                folders.append(target)
                continue
            count, total = count + 1, total + target.st_size
            if count > max_files or total > max_bytes:
                raise _too_much(root, max_files, max_bytes)
            yield ProjectFile(Path(entry.path), "/".join(parts), target.st_size, stat.S_IMODE(target.st_mode))
        stack.extend(reversed(folders))


def links_that_leave(root: Path, *, max_entries: int = MAX_FILES) -> Iterator[str]:
    """The links of the project that lead out of it or nowhere, as relative paths; ignored ones are left out.

    Raises:
        ProjectError: A folder cannot be read, or there are more files and folders than ``max_entries``.
    """
    rules = IgnoreRules.of(root)
    real_root = os.path.realpath(root)
    stack: list[tuple[str, tuple[str, ...]]] = [(str(root), ())]
    count = 0
    while stack:
        path, parents = stack.pop()
        for entry in _listed(path):
            parts = (*parents, entry.name)
            count += 1
            if count > max_entries:
                raise _too_much(root, max_entries, MAX_BYTES)
            is_folder = entry.is_dir(follow_symlinks=False)
            if rules.ignores(parts, folder=is_folder):
                continue
            if is_folder:
                stack.append((entry.path, parts))
            elif entry.is_symlink():
                real = os.path.realpath(entry.path)
                if not _inside(real, real_root) or not Path(real).exists():
                    yield "/".join(parts)


def _entries(
    folder: _Folder, rules: IgnoreRules, real_root: str
) -> Iterator[tuple["os.DirEntry[str]", tuple[str, ...], "os.stat_result | _Folder"]]:
    """What is not ignored in one folder, by name: a regular file with its status, or a folder to go on with."""
    for entry in _listed(folder.path):
        parts = (*folder.parts, entry.name)
        target = _target(entry, real_root)
        if target is None:
            continue
        is_folder = stat.S_ISDIR(target.st_mode)
        # To a rule, as to git, a link is a file even where it leads to a folder.
        if rules.ignores(parts, folder=is_folder and not entry.is_symlink()):
            continue
        if not is_folder:
            yield entry, parts, target
            continue
        real = os.path.realpath(entry.path)
        if real in folder.chain:
            continue
        if len(parts) > MAX_DEPTH:
            raise ProjectError(f"{entry.path} is more than {MAX_DEPTH} folders deep.", mend=_mend())
        yield entry, parts, _Folder(entry.path, parts, (*folder.chain, real))


def _listed(path: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(path) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise ProjectError(f"{path} cannot be read.", why=error.strerror or str(error)) from error


def _target(entry: "os.DirEntry[str]", real_root: str) -> os.stat_result | None:
    """The status of a regular file or folder; None for what is gone, leads out, or is neither."""
    try:
        if entry.is_symlink() and not _inside(os.path.realpath(entry.path), real_root):
            return None
        found = entry.stat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None


def _inside(path: str, real_root: str) -> bool:
    return path == real_root or path.startswith(real_root.rstrip(os.sep) + os.sep)


def _too_much(root: Path, max_files: int, max_bytes: int) -> ProjectError:
    return ProjectError(
        f"{root} holds more than {max_files} files or {max_bytes} bytes.",
        why="Everything in a project's folder that is not ignored belongs to the model.",
        mend=_mend(),
    )


def _mend() -> str:
    return f"Name what does not belong to the model in {IGNORE_FILE}, or declare data as assets of the manifest."
