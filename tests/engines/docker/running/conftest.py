"""Real containers of a real small image, in each engine; after every test none of them may be there."""

import shutil
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.remains import children
from bench.small_image import python_image
from nova_spi.artifacts.layout import Layout
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.labels import EXECUTION
from nova_spi.engines.port import Environment, Image, Job, Limits, Mount, Outcome, Recipe
from nova_spi.progress import Progress, Silent


def wait_until(true, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())


@pytest.fixture(scope="session")
def small_image(tmp_path_factory) -> Image:
    if sys.platform != "linux" or shutil.which("ldd") is None:
        pytest.skip("the small image is made of a Linux machine's own Python")
    return python_image(Layout.create(tmp_path_factory.mktemp("small") / "layout"))


@pytest.fixture(scope="session")
def _engines() -> Iterator[dict[str, DockerEngine]]:
    made: dict[str, DockerEngine] = {}
    yield made
    for each in made.values():
        each.close()


class Harbour:
    """One engine, its environment, and the folder of a run."""

    def __init__(self, engine: DockerEngine, environment: Environment, folder: Path) -> None:
        self.engine = engine
        self.environment = environment
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        self.log = folder.parent / "log.txt"
        self.id = uuid.uuid4().hex[:12]
        self.mark = f"NOVA_SPI_TEST_MARK={self.id}"

    @property
    def api(self):
        return self.engine.connection.client.api

    @property
    def is_podman(self) -> bool:
        return self.engine.connection.engine == "podman"

    def job(self, source: str, *arguments: str, mounts=(), variables=None, argv=(), **rest) -> Job:
        limits = {"timeout_seconds": 30.0, "grace_seconds": 0.3} | rest.pop("limits", {})
        given = {"network": "none"} | rest
        return Job(
            argv or (str(self.environment.python), "-c", source, *arguments),
            self.folder,
            Path("/app"),
            dict(self.environment.variables) | {"NOVA_SPI_TEST_MARK": self.id} | (variables or {}),
            self.log,
            Limits(**limits),
            environment=self.environment,
            mounts=(Mount(self.work, Path("/app"), writable=True), *mounts),
            labels={EXECUTION: self.id},
            **given,
        )

    def run(self, job: Job, progress: Progress | None = None, cancel: threading.Event | None = None) -> Outcome:
        return self.engine.run(job, progress or Silent(), cancel)

    def python(self, source: str, *arguments: str, **rest) -> Outcome:
        return self.run(self.job(source, *arguments, **rest))

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def containers(self) -> list[str]:
        return [each["Names"][0] for each in self.api.containers(all=True, filters={"label": f"{EXECUTION}={self.id}"})]

    def inside(self) -> list[int]:
        """Processes of this machine that run in the container."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


def reapers(address: str) -> list[int]:
    """The processes that would remove a container of this engine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if address.removeprefix("unix://").encode() in words and any(word.endswith(b"/reaper.py") for word in words):
            found.append(int(folder.name))
    return found


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def make_harbour():
    return Harbour


@pytest.fixture
def harbour(host, small_image, _engines, tmp_path) -> Iterator[Harbour]:
    engine = _engines.setdefault(host, DockerEngine(host))
    environment = engine.provide(Recipe(Path("/"), image=small_image), Silent())
    made = Harbour(engine, environment, tmp_path / "run")
    threads, had = threading.active_count(), children()
    yield made
    assert made.containers() == []
    assert made.inside() == []
    assert wait_until(lambda: not reapers(host)), "a reaper is left"
    assert wait_until(lambda: threading.active_count() <= threads), "a thread is left"
    assert wait_until(lambda: children() <= had), "a process is left"
