"""The context of a build: the project's files as one tar, without what ``.spiignore`` and ``.dockerignore`` name."""

import io
import re
import tarfile
from pathlib import Path
from typing import IO

from nova_spi.engines.docker.dockerfiles import NAME
from nova_spi.errors import BuildFailed
from nova_spi.project.files import ProjectFile, project_files
from nova_spi.project.ignoring import MAX_FILE_BYTES, MAX_RULE_LENGTH, MAX_RULES, Rule

IGNORE_FILE = ".dockerignore"


def write_context(target: IO[bytes], text: str, root: Path | None) -> None:
    """Writes the tar that an engine builds from.

    Args:
        target: Where it goes; it need not seek.
        text: Of the Dockerfile.
        root: The project; None sends the Dockerfile alone.

    Raises:
        BuildFailed: A file cannot be read, or changes while it is.
        ProjectError: The project is too large, or an ignore file is.
    """
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        data = text.encode()
        _add(tar, NAME, len(data), 0o644, io.BytesIO(data))
        if root is None:
            return
        rules, folders = _rules(root), set[str]()
        for file in project_files(root):
            parts = tuple(file.relative.split("/"))
            if file.relative in (NAME, IGNORE_FILE) or _excluded(rules, parts):
                continue
            _add_folders(tar, parts[:-1], folders)
            _add_file(tar, file)


def _add_folders(tar: tarfile.TarFile, parts: tuple[str, ...], known: set[str]) -> None:
    """Folders are members of their own: else they get the time of now, and Podman's cache never knows them again."""
    for count in range(1, len(parts) + 1):
        name = "/".join(parts[:count])
        if name not in known:
            known.add(name)
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, 0
            tar.addfile(member)


def _add_file(tar: tarfile.TarFile, file: ProjectFile) -> None:
    try:
        stream = file.path.open("rb")
    except OSError as error:
        raise BuildFailed(f"{file.path} cannot be read.", why=f"{error.strerror}.") from error
    with stream:
        try:
            _add(tar, file.relative, file.size, 0o755 if file.mode & 0o100 else 0o644, stream)
        except EOFError as error:
            raise BuildFailed(f"{file.path} changed while it was read.", mend="Build again.") from error


def _add(tar: tarfile.TarFile, name: str, size: int, mode: int, stream: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, mode, 0
    tar.addfile(member, _Exactly(stream))


class _Exactly(io.RawIOBase):
    """A file of which all that was promised must come: tarfile's own error looks like one of the engine's."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise EOFError
        return data


def _rules(root: Path) -> list[Rule]:
    """The rules of ``.dockerignore``, whose patterns all start at the project's root.

    They are rewritten in gitignore's syntax, whose matching is ours and bounded; Docker's ``**`` may stand in a name.
    """
    path = root / IGNORE_FILE
    try:
        with path.open("rb") as stream:
            lines = stream.read(MAX_FILE_BYTES + 1).decode("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BuildFailed(f"{path} cannot be read.", why=f"{error.strerror}.") from error
    if len(lines) > MAX_RULES or any(len(line) > MAX_RULE_LENGTH for line in lines):
        raise BuildFailed(
            f"{path} has more than {MAX_RULES} lines, or one of more than {MAX_RULE_LENGTH} characters.",
            mend="Ignore folders instead of files.",
        )
    return [rule for line in lines if (rule := _rule(line))]


def _rule(line: str) -> Rule | None:
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    pattern = text.removeprefix("!").strip().removeprefix("./").strip("/")
    if pattern in ("", "."):
        return None
    pattern = re.sub(r"\*\*(?=[^/*])", "**/*", pattern)
    return Rule.parse(f"{'!' if negated else ''}/{pattern}")


def _excluded(rules: list[Rule], parts: tuple[str, ...]) -> bool:
    """Whether a file stays away: the last rule that names it or a folder above it decides."""
    last = len(parts)
    for rule in reversed(rules):
        if any(rule.matches(parts[:count], folder=count < last) for count in range(1, last + 1)):
            return not rule.negated
    return False
