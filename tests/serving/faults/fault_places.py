"""Where faults are made: one place for each engine and level of a machine, each with the same model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nova_spi.engines.labels import WORKER
from nova_spi.engines.port import Image
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.project.folder import open_folder
from nova_spi.serving.plan import Plan, Slot
from nova_spi.serving.preparing.plans import prepare, remove
from nova_spi.settings import Settings

PLACES = ("process", "landlock", "sandbox", "image", "docker", "podman")
GRACE_SECONDS = 0.3
IN_IMAGES = ("image", "docker", "podman")


class Unavailable(Exception):
    """This machine has no such place; the message says why."""


class Place:
    """An engine that serves the project.

    Args:
        name: One of `PLACES`.
        project: The model's.
        cache: Of environments.
        image: What is served in the last three.

    Raises:
        Unavailable: The machine lacks it.
    """

    def __init__(self, name: str, project: Path, cache: Path, image: Image | None = None) -> None:
        self.name = name
        self._project, self._image = project, image
        self._settings = replace(Settings.load(), cache_dir=cache, data_dir=project.parent / "data")
        if name in ("docker", "podman"):
            from nova_spi.engines.docker.engine import DockerEngine

            self.engine = DockerEngine()
            return
        level = "sandbox" if name == "image" else name
        if reason := why_not(level, cache, project):
            raise Unavailable(reason)
        self.engine = ProcessEngine(cache, level, project)

    @contextmanager
    def plan(self, changes: Mapping[str, Any] | None = None, **options: Any) -> Iterator[Plan]:
        """A plan; afterwards nothing of it is there."""
        made = prepare(
            open_folder(self._project), engine=self.engine, settings=self._settings, image=self._image, **options
        )
        try:
            slots = tuple(_hasty(slot) for slot in made.slots)
            made = replace(made, slots=slots, backoff_seconds=0.1, grace_seconds=GRACE_SECONDS)
            yield replace(made, **(changes or {}))
        finally:
            remove(made)
        assert not made.folder.exists()
        assert self.containers() == []

    def containers(self) -> list:
        """The containers of workers."""
        if self.name not in ("docker", "podman"):
            return []
        return self.engine.connection.client.api.containers(all=True, filters={"label": WORKER})

    def bounds_processes(self, plan: Plan) -> bool:
        """Whether a fork bomb ends somewhere."""
        row = next(row for row in plan.protections if row["what"] == "pids")
        return not row["by"].startswith("nothing")

    def close(self) -> None:
        """Lets go of the engine."""
        if self.name in ("docker", "podman"):
            self.engine.close()


def _hasty(slot: Slot) -> Slot:
    """A worker that has as little time after SIGTERM as its call has to end by itself."""
    return replace(slot, job=replace(slot.job, limits=replace(slot.job.limits, grace_seconds=GRACE_SECONDS)))


def named(mark: str) -> list[int]:
    """The processes of the machine with this name, in whatever namespace; none that is over."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "stat").read_text()
        except OSError:
            continue
        if words.partition("(")[2].rpartition(")")[0] == mark and words.rpartition(")")[2].split()[0] not in "ZX":
            found.append(int(entry.name))
    return found
