"""The files that a call gave, taken out of a folder that a live model can change while we look.

The model may put a link where a folder was, between any two of our steps. So every step is taken from an open folder
and follows no link (``openat(2)`` with ``O_NOFOLLOW``), a file leaves by rename, and what counts is what it is *after*
that, where the model has no place: anything but a regular file with one name is thrown away or copied.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nova_spi.artifacts.confined import Parts, parts_of, shown
from nova_spi.errors import ArtifactInvalid, OutputInvalid
from nova_spi.execution.removal import remove_tree
from nova_spi.interface.facts import MediaProblem
from nova_spi.serving.calls import OutputFile
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.patterns import matches

UNKNOWN = "application/octet-stream"
MAX_FILES = 100_000
MAX_PROBLEMS = 100
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Collecting:
    """The files of one call.

    Args:
        work: The model's folder.
        place: The names of the call's own folder below it.
        target: Where the files go: a folder of ours that is not there yet, or is empty.
    """

    def __init__(self, work: Path, place: Sequence[str], target: Path) -> None:
        self._work = work
        self._place = tuple(name.encode() for name in place)
        self._target = target
        self._problems: list[dict[str, str]] = []

    def collect(
        self, command: ServedCommand, values: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, tuple[OutputFile, ...]]]:
        """Takes every file that the values name.

        Args:
            command: Whose outputs they are.
            values: As the worker gave them; a file output is a path or a list of paths below the call's folder.

        Returns:
            The outputs, where a file output is a list of `OutputFile.name`, and the files of each.

        Raises:
            OutputInvalid: A file is missing, is no regular file, or does not meet its parameter. None is left then.
        """
        files: dict[str, tuple[OutputFile, ...]] = {}
        plain = dict(values)
        try:
            for parameter in command.file_outputs:
                if values.get(parameter.name) is not None:
                    files[parameter.name] = tuple(self._take_all(parameter, values[parameter.name]))
                    plain[parameter.name] = [file.name for file in files[parameter.name]]
        except BaseException:  # also Ctrl-C: put in order, and raised again
            remove_tree(self._target)
            raise
        if self._problems:
            remove_tree(self._target)
            raise _invalid(self._problems)
        return plain, files

    def _take_all(self, parameter: Parameter, value: Any) -> Iterator[OutputFile]:
        named = [value] if isinstance(value, str) else value
        if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
            self._problem(parameter, "is no list of paths")
            return
        least, most = parameter.constraints.get("min_files"), parameter.constraints.get("max_files")
        if len(named) > MAX_FILES or (most is not None and len(named) > most):
            self._problem(parameter, f"{len(named)} files came, max_files is {most or MAX_FILES}")
            return
        if least is not None and len(named) < least:
            self._problem(parameter, f"{len(named)} files came, min_files is {least}")
        for name in named:
            try:
                yield self._take(parameter, name)
            except (ArtifactInvalid, _Refused) as refused:
                self._problem(parameter, str(refused))
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                self._problem(parameter, f"{shown(name.encode('utf-8', 'replace'))} cannot be taken: {error.strerror}")

    def _take(self, parameter: Parameter, name: str) -> OutputFile:
        try:
            parts = parts_of(name.encode(), "The model")
        except UnicodeEncodeError:
            raise _Refused("a name is no Unicode") from None
        if not parts:
            raise _Refused("an empty path is no file")
        last = os.fsdecode(parts[-1])
        if not matches(parameter.file_pattern, last):
            raise _Refused(f"{last!r} does not meet the file_pattern {parameter.file_pattern!r}")
        target = self._target.joinpath(*map(os.fsdecode, parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            raise _Refused(f"{last!r} is named twice")
        with _entered(self._work, (*self._place, *parts[:-1])) as folder:
            _move(folder, parts[-1], target)
        size = target.lstat().st_size
        for rule, wrong in (("min_size_bytes", size.__lt__), ("max_size_bytes", size.__gt__)):
            bound = parameter.constraints.get(rule)
            if bound is not None and wrong(bound) is True:
                raise _Refused(f"{last!r} has {size} bytes, {rule} is {bound}")
        return OutputFile(target, "/".join(map(os.fsdecode, parts)), size, media_type(target))

    def _problem(self, parameter: Parameter, message: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append({"path": parameter.name, "message": message})


def media_type(path: Path) -> str:
    """What a file is, by its content. It is read for that, so it is no work for an event loop."""
    from nova_spi.interface.sniffing import sniff  # a server of models without files never needs it

    try:
        return sniff(path)
    except MediaProblem:
        return UNKNOWN


class _Refused(Exception):
    """What a model named is nothing that we take."""


def _invalid(problems: Sequence[Mapping[str, str]]) -> OutputInvalid:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return OutputInvalid(
        f"The model's output does not meet the manifest: {problems[0]['path']}: {problems[0]['message']}{more}",
        mend="Correct the model, or the outputs in the manifest.",
        problems=list(problems),
    )


@contextmanager
def _entered(root: Path, parts: Parts) -> Iterator[int]:
    """A folder below a root, opened step by step; no step follows a link.

    Raises:
        OSError: Something else stands on the way.
    """
    here = os.open(root, _FOLDER)
    try:
        for part in parts:
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _move(folder: int, name: bytes, target: Path) -> None:
    """Moves one file out of an open folder, and makes sure that it is one.

    Raises:
        _Refused: It is no regular file.
    """
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise _Refused(f"{shown(name)} is not a regular file")
    if status.st_nlink > 1:
        _copy(folder, name, target)
        return
    try:
        os.rename(name, target, src_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(folder, name, target)
        return
    status = target.lstat()  # the model may have been quicker: now it cannot change it any more
    if not stat.S_ISREG(status.st_mode):
        remove_tree(target)
        raise _Refused(f"{shown(name)} is not a regular file")
    if status.st_nlink > 1:
        aside = target.with_name(f".{target.name[:200]}.linked")
        target.rename(aside)
        try:
            with _entered(target.parent, ()) as ours:
                _copy(ours, os.fsencode(aside.name), target)
        finally:
            aside.unlink()
        return
    target.chmod(0o644)


def _copy(folder: int, name: bytes, target: Path) -> None:
    """Copies what is, once it is open, a regular file: a link is not followed, and a pipe does not hold us up."""
    handle = os.open(name, _FILE, dir_fd=folder)
    with os.fdopen(handle, "rb", buffering=0) as source:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused(f"{shown(name)} is not a regular file")
        with target.open("xb") as copy:
            for begin, end in _data(handle, status.st_size):  # and no more, however long the model goes on writing
                source.seek(begin)
                copy.seek(begin)
                left = end - begin
                while left > 0 and (chunk := source.read(min(left, 1 << 20))):
                    copy.write(chunk)
                    left -= len(chunk)
            copy.truncate(status.st_size)


def _data(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file holds something: its holes are not copied, so that a large nothing does not fill the disk."""
    begin = 0
    while begin < size:
        try:
            begin = os.lseek(handle, begin, os.SEEK_DATA)
            end = min(os.lseek(handle, begin, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing follows but a hole
                return
            end = size  # a file system that does not say where its holes are
        yield begin, end
        begin = end
