"""The folder of one run.

In the project, as ``.nova-spi/runs/<id>/``::

run.json      the record (`nova_spi.execution.records`)
log.txt       standard output and error of the model
inputs.json   what it was called with, without secrets; files by the path they came from
outputs/      output.json and the output files
lock          held while the run is going on: who finds it free knows that its process has died
work/         the model's own folder, removed afterwards
scratch/      its HOME, TMPDIR and cache, removed afterwards
"""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nova_spi.errors import ProjectError
from nova_spi.execution.removal import remove_tree

PRIVATE = ".nova-spi"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places of one run.

    Attributes:
        id: Sorts by time.
        root: The run's folder, absolute.
    """

    id: str
    root: Path

    @property
    def work(self) -> Path:
        """The model's copy of the project: ``SPI_WORK_DIR``."""
        return self.root / "work"

    @property
    def spi(self) -> Path:
        """Manifest and runtime, inside ``work``."""
        return self.work / "spi"

    @property
    def scratch(self) -> Path:
        """HOME, TMPDIR and XDG_CACHE_HOME."""
        return self.root / "scratch"

    @property
    def outputs(self) -> Path:
        """What came out, once it is collected."""
        return self.root / "outputs"

    @property
    def record(self) -> Path:
        """run.json."""
        return self.root / "run.json"

    @property
    def log(self) -> Path:
        """log.txt."""
        return self.root / "log.txt"

    @property
    def inputs(self) -> Path:
        """inputs.json, without secrets."""
        return self.root / "inputs.json"

    @property
    def lock(self) -> Path:
        """Held by the process that runs it."""
        return self.root / "lock"

    @property
    def inputs_file(self) -> Path:
        """``SPI_INPUT_FILE``: everything, secrets too, for the model alone."""
        return self.work / "inputs" / "config" / "inputs.json"

    @property
    def output_file(self) -> Path:
        """``SPI_OUTPUT_FILE``."""
        return self.work / "outputs" / "output.json"

    @property
    def error_file(self) -> Path:
        """``SPI_ERROR_FILE``."""
        return self.work / "outputs" / "error.json"


def runs_folder(project: Path) -> Path:
    """Where the runs of a project are."""
    return project / PRIVATE / "runs"


def new_id(now: datetime | None = None) -> str:
    """An id that sorts by time and that two processes do not share: ``20250423T101530123-9f2c41``."""
    now = now or datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{secrets.token_hex(3)}"


@contextmanager
def open_run(project: Path, *, keep: bool = False, record: bool = True) -> Iterator[RunFolder]:
    """Makes the folder of a new run and holds its lock until the end.

    Args:
        project: The project's root.
        keep: Leave the working folders there.
        record: Leave record, log and outputs there; without it the whole folder goes.

    Raises:
        ProjectError: The project's folder cannot be written.
    """
    name = new_id()
    run = RunFolder(name, runs_folder(project.resolve()) / name)
    try:
        run.root.mkdir(parents=True)
        ignored_by_git(project / PRIVATE)
        handle = run.lock.open("wb")
    except OSError as error:
        raise ProjectError(
            f"The run's folder cannot be made: {error.strerror}: {error.filename}",
            why="Every execution leaves its record in the project, below .nova-spi/runs.",
            mend="Make the project's folder writable, or work on a copy of it.",
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield run
        finally:
            if not keep:
                remove_tree(run.work)
                remove_tree(run.scratch)
            if not record:
                remove_tree(run.root)


def is_held(lock: Path) -> bool:
    """Whether the process that made this lock is still there. A lock that is missing is not held."""
    try:
        with lock.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def ignored_by_git(private: Path) -> None:
    """Makes git leave out everything below ``.nova-spi``, which is there already."""
    rules = private / ".gitignore"
    if not rules.exists():
        with suppress(FileExistsError), rules.open("x") as stream:
            stream.write("*\n")
