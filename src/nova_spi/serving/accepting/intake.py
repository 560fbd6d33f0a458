"""Files on their way in: written where only the server can read them, within bounds, gone again when anything fails."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nova_spi.errors import ExecutionError, UsageError
from nova_spi.execution.failures import of_system
from nova_spi.serving.accepting.media_names import safe_name, unlike
from nova_spi.serving.calls import InputFile
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.parameters import Parameter

DISK_FULL = "serving.disk_full"
TOO_LARGE = "usage.too_large"

MAX_FILES = 1000
"""Of one call."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Incoming:
    """One file that is being written."""

    def __init__(self, parameter: Parameter, path: Path, shown: str, most: int) -> None:
        self.path = path
        self.size = 0
        self._parameter = parameter
        self._shown = shown
        self._most = most
        with storing():
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes | memoryview) -> None:
        """Takes in what came.

        Raises:
            UsageError: The file is larger than its parameter takes (``usage.too_large``).
            ExecutionError: The disk is full (``serving.disk_full``).
        """
        self.size += len(data)
        if self.size > self._most:
            raise UsageError(
                f"The file {self._shown} is larger than {self._most} bytes, which is all that may come for the "
                f"input '{self._parameter.name}'.",
                mend="send a smaller one",
                code=TOO_LARGE,
            )
        view = memoryview(data)
        with storing():
            while view:
                view = view[os.write(self._file, view) :]

    def close(self) -> None:
        """Ends the writing; it is idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Intake:
    """The files of one call.

    Args:
        folder: A folder of this call alone; it is made when the first file comes.
        command: Whose inputs they are.
        max_file_bytes: The bound of a file whose parameter has no ``max_size_bytes``.

    Attributes:
        files: What came, by parameter.
        most_bytes: Of all files together: what the rules of their parameters add up to, and four times
            ``max_file_bytes`` where that is more.
    """

    def __init__(self, folder: Path, command: ServedCommand, max_file_bytes: int) -> None:
        self.files: dict[str, list[InputFile]] = {}
        self._bounds = {
            each.name: max_file_bytes if (most := each.constraints.get("max_size_bytes")) is None else int(most)
            for each in command.file_inputs
        }
        counted = sum(
            self._bounds[each.name] * (each.constraints.get("max_files") or 1) for each in command.file_inputs
        )
        self.most_bytes = max(counted, 4 * max_file_bytes) if self._bounds else 0
        self._folder = folder
        self._left = self.most_bytes
        self._names: dict[str, set[str]] = {}
        self._open: Incoming | None = None
        self._count = 0

    def begin(self, parameter: Parameter, name: str) -> Incoming:
        """Begins a file under the name that it came with; an empty one is made up later, by content.

        Raises:
            UsageError: There are too many.
            ExecutionError: The disk is full.
        """
        self.end()
        self._count += 1
        if self._count > MAX_FILES:
            raise UsageError(f"There are more than {MAX_FILES} files.", mend="send fewer, or one archive")
        safe = safe_name(name)
        name = unlike(safe, self._names.setdefault(parameter.name, set())) if safe else ""
        # A folder for each: a name may not be taken by the folder of another, and a reader sees the true extension.
        own = self._folder / str(self._count)
        with storing():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            own.mkdir(mode=0o700)
        path = own / (name.rpartition("/")[2] or "data")
        self._open = Incoming(parameter, path, name or path.name, min(self._bounds[parameter.name], self._left))
        self.files.setdefault(parameter.name, []).append(InputFile(path, name))
        return self._open

    def end(self) -> None:
        """Ends the file that is being written, where there is one."""
        if self._open is not None:
            self._open.close()
            self._left -= self._open.size
            self._open = None

    def drop(self) -> None:
        """Ends the file that is being written and takes it back: it was none."""
        incoming = self._open
        self.end()
        if incoming is not None:
            self.files = {
                name: kept
                for name, files in self.files.items()
                if (kept := [file for file in files if file.path != incoming.path])
            }
            with suppress(OSError):
                incoming.path.unlink()
                incoming.path.parent.rmdir()

    def taken(self) -> Mapping[str, tuple[InputFile, ...]]:
        """All files that came."""
        return {name: tuple(files) for name, files in self.files.items()}


@contextmanager
def storing() -> Iterator[None]:
    """Turns what the system refuses, a full disk above all, into an error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise of_system(OSError(error.errno, error.strerror)) from error  # our paths are no caller's business
        raise ExecutionError(
            "There is no room for the files of the call.",
            why=f"{os.strerror(error.errno or 0)}.",
            mend="free some space where the server keeps its files",
            code=DISK_FULL,
        ) from error
