"""Real programs, run for real; after every test nothing of them may be running."""

import gc
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.remains import children
from nova_spi.engines.port import Job, Limits, Outcome
from nova_spi.engines.process.cgroups.finding import find
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.progress import Progress, Silent

PYTHON = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def living(mark: str) -> list[int]:
    """Processes whose environment holds the mark and that are no zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_until(true, seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.01)
    return bool(true())


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def groups() -> list[Path]:
    """The control groups that this process has made and not removed."""
    return [path for parent in find() for path in parent.folder.glob(f"nova-spi-*-{os.getpid()}-*")]


class Lab:
    """A run folder, a mark in the environment of everything that is started, and an engine."""

    def __init__(self, folder: Path) -> None:
        self.mark = f"NOVA_SPI_TEST_MARK={uuid.uuid4().hex}"
        self.folder = folder / "run"
        self.folder.mkdir()
        self.log = folder / "log.txt"
        self.engine = ProcessEngine(folder / "cache")

    def job(self, *argv: str, variables: dict[str, str] | None = None, **limits: object) -> Job:
        name, _, value = self.mark.partition("=")
        base = {"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", name: value}
        given = {"timeout_seconds": 20.0, "grace_seconds": 0.3} | limits
        return Job(argv, self.folder, self.folder, base | (variables or {}), self.log, Limits(**given))

    def python(self, source: str, *, variables: dict[str, str] | None = None, **limits: object) -> Job:
        return self.job(PYTHON, "-c", source, variables=variables, **limits)

    def run(self, job: Job, progress: Progress | None = None, cancel: threading.Event | None = None) -> Outcome:
        return self.engine.run(job, progress or Silent(), cancel)

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def left(self) -> list[int]:
        return living(self.mark)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    gc.collect()  # an engine holds the locks of the environments that it has given out
    made = Lab(tmp_path)
    before, had = open_descriptors(), children()
    yield made
    assert wait_until(lambda: not made.left(), 1.0), f"still running: {made.left()}"
    assert children() <= had
    made.engine = None
    gc.collect()
    assert open_descriptors() == before
    assert groups() == []
