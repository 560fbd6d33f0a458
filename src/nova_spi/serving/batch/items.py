"""What a batch is of: the lines of a file, or the files of a folder, one after the other and never all in memory."""

import hashlib
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from nova_spi.errors import UsageError

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Of one line; what is larger is a file, and its path stands in the line."""

MAX_DEPTH = 32
"""How deep folders of inputs may stand in each other."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    Attributes:
        index: Its place among the items, from 0.
        line: Where it stands in a file of lines, from 1.
        file: Where it stands in a folder of files, relative to it.
        text: The line.
        problem: Why it cannot even be read.
    """

    index: int
    line: int | None = None
    file: str | None = None
    text: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of all items together.

    Attributes:
        count: How many there are.
        digest: ``sha256:...``: of a file, its bytes; of a folder, the names, sizes and times of its files.
    """

    count: int
    digest: str


class Items(Protocol):
    """Where items come from."""

    @property
    def base(self) -> Path:
        """The folder that paths in an item start from."""
        ...

    def facts(self) -> Facts:
        """Looks at everything once."""
        ...

    def __iter__(self) -> Generator[Item, None, None]:
        """The items, in an order that is always the same."""
        ...


class Lines:
    """JSON Lines (jsonlines.org): each line that is not blank is an item.

    Args:
        path: The file.
        base: The folder that paths in a line start from; None is the file's own.
    """

    def __init__(self, path: Path, base: Path | None = None) -> None:
        self.base = (base or path.parent).absolute()
        self._path = path
        self._seen: tuple[int, int] | None = None

    def facts(self) -> Facts:
        """Reads the file once.

        Raises:
            UsageError: It is not there, or cannot be read.
        """
        running = hashlib.sha256()
        with _opened(self._path) as stream:
            self._seen = _state(stream)
            count = sum(text is None or bool(text) for _, text in _lines(stream, running))
        return Facts(count, f"sha256:{running.hexdigest()}")

    def __iter__(self) -> Generator[Item, None, None]:
        """The items.

        Raises:
            UsageError: The file cannot be read, or has changed since `facts`.
        """
        index = 0
        with _opened(self._path) as stream:
            for number, text in _lines(stream):
                if text is None:
                    yield Item(index, number, problem=f"it has more than {MAX_LINE_BYTES // 2**20} MiB")
                elif text:
                    yield Item(index, number, text=text)
                index += text is None or bool(text)
            if self._seen not in (None, _state(stream)):
                raise _changed(self._path)


def _opened(path: Path) -> IO[bytes]:
    try:
        if not path.is_file():
            raise UsageError(
                f"There is no file {path}.",
                mend="name a file of JSON Lines, a folder of files, or - for standard input",
            )
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"The inputs {path} cannot be read.", why=error.strerror or str(error)) from error


def _state(stream: IO[bytes]) -> tuple[int, int]:
    seen = os.fstat(stream.fileno())
    return seen.st_size, seen.st_mtime_ns


def _changed(path: Path) -> UsageError:
    return UsageError(
        f"The inputs {path} have changed while they were worked on.",
        why="What has been recorded belongs to what they were.",
        mend="put them back as they were, or begin anew: --restart",
    )


def _lines(stream: IO[bytes], running: Any = None) -> Iterator[tuple[int, bytes | None]]:
    """Each line with its number from 1, without blanks around it; None for one that is too long."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if running is not None:
            running.update(raw)
        if len(raw) <= MAX_LINE_BYTES:
            yield number, (raw.removeprefix(_BOM) if number == 1 else raw).strip()
            continue
        while raw and not raw.endswith(b"\n"):
            raw = stream.readline(1 << 20)
            if running is not None:
                running.update(raw)
        yield number, None


class Files:
    """A folder: each file in it and below it is an item, by name; folders come where their name stands.

    Names that begin with a dot are left out, and so are links to folders and what is no regular file.

    Args:
        root: The folder.
        without: A folder in it that is none of the inputs: where the results go.
        wanted: Whether a file is an item, by its path below the folder; None takes all.
    """

    def __init__(self, root: Path, without: Path | None = None, wanted: Callable[[str], bool] | None = None) -> None:
        self.base = root.absolute()
        self._without = None if without is None else without.resolve()
        self._wanted = wanted or (lambda relative: True)
        self._seen = ""

    def facts(self) -> Facts:
        """Looks at every file once.

        Raises:
            UsageError: A folder cannot be read.
        """
        running, count = hashlib.sha256(), 0
        for relative, state in self._walk(self.base, "", 0):
            running.update(_mark(relative, state))
            count += 1
        self._seen = running.hexdigest()
        return Facts(count, f"sha256:{self._seen}")

    def __iter__(self) -> Generator[Item, None, None]:
        """The items.

        Raises:
            UsageError: As `facts`, or the folder has changed since then.
        """
        running = hashlib.sha256()
        for index, (relative, state) in enumerate(self._walk(self.base, "", 0)):
            running.update(_mark(relative, state))
            shown = os.fsencode(relative).decode("utf-8", "replace")
            yield Item(index, file=shown, problem="" if shown == relative else "its name is not UTF-8")
        if self._seen not in ("", running.hexdigest()):
            raise _changed(self.base)

    def _walk(self, folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
        try:
            with os.scandir(folder) as found:
                entries = sorted((one for one in found if not one.name.startswith(".")), key=lambda one: one.name)
        except OSError as error:
            raise UsageError(f"The folder {folder} cannot be read.", why=error.strerror or str(error)) from error
        for entry in entries:
            state = _looked_at(entry)
            if state is None:
                continue
            if stat.S_ISREG(state.st_mode):
                if self._wanted(prefix + entry.name):
                    yield f"{prefix}{entry.name}", state
            elif depth < MAX_DEPTH and Path(entry.path).resolve() != self._without:
                yield from self._walk(Path(entry.path), f"{prefix}{entry.name}/", depth + 1)


def _looked_at(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """Of a folder or a regular file; None for what is neither, is a link to a folder, or is gone."""
    with suppress(OSError):
        state = entry.stat()
        if stat.S_ISREG(state.st_mode) or (stat.S_ISDIR(state.st_mode) and not entry.is_symlink()):
            return state
    return None


def _mark(relative: str, state: os.stat_result) -> bytes:
    return b"%s\0%d\0%d\0" % (os.fsencode(relative), state.st_size, state.st_mtime_ns)
