"""The embedded engine: each run is a process tree of this machine, supervised from its start to its last descendant."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Literal

from nova_spi.engines.port import Environment, Image, Images, Job, Limits, Network, Outcome, Protection, Recipe
from nova_spi.engines.process.environments import Environments
from nova_spi.engines.process.isolation.levels import Level, best, require, why_not
from nova_spi.engines.process.isolation.report import protection
from nova_spi.engines.process.roots import Roots, mend_for_sandbox
from nova_spi.engines.process.running import run
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Progress


class ProcessEngine:
    """Runs models as processes of this machine.

    At level ``sandbox`` or ``landlock`` a model is kept from the machine's files, processes and network; at level
    ``process`` the machine is protected from accidents, not from a hostile model. Environments are always made at
    level ``process``: installing needs the network, and what is installed is the project's own choice. An image is
    unpacked, and its files are the root of a sandbox; no other level has one.

    Attributes:
        name: ``process``.
    """

    name = "process"
    images: Images = "may"
    inherits = True

    def __init__(self, cache_dir: Path, level: Level | Literal["auto"] = "process", place: Path | None = None) -> None:
        """Nothing happens yet.

        Args:
            cache_dir: Where environments and images are kept; made when it is needed.
            level: ``sandbox``, ``landlock`` or ``process``; ``auto`` is the strongest that the machine has.
            place: Where runs will have their folders, for trying the levels there; None tries the temporary folder.
        """
        self._cache_dir = cache_dir
        self._wanted = level
        self._place = place
        self._environments = Environments(cache_dir)
        self._roots = Roots(cache_dir)

    @property
    def level(self) -> Level:
        """How far a run is isolated; asking tries it out, once.

        Raises:
            EngineUnavailable: The machine cannot give the level that was asked for.
        """
        if self._wanted == "auto":
            return best(self._cache_dir, self._place)
        require(self._wanted, self._cache_dir, self._place)
        return self._wanted

    def provide(self, recipe: Recipe, progress: Progress) -> Environment:
        """See `nova_spi.engines.port.Engine.provide`.

        Raises:
            EngineUnavailable: Beside that, an image is asked for, and this machine has no sandbox, or it is for another
                architecture.
        """
        if recipe.image is None:
            return self._environments.provide(recipe, progress)
        self._needs_sandbox(recipe.image.name)
        return self._roots.provide(recipe.image, progress)

    def run(self, job: Job, progress: Progress, cancel: threading.Event | None = None) -> Outcome:
        """See `nova_spi.engines.port.Engine.run`.

        At the deadline and on a cancel the program's group gets SIGTERM, and what is left after ``grace_seconds``
        SIGKILL. The outcome comes 3 s after that at the latest, whatever cannot be ended. An exception on the way, a
        KeyboardInterrupt above all, ends everything before it goes on.
        """
        if job.environment is not None and job.environment.root is not None:
            self._needs_sandbox(job.environment.image.name if job.environment.image is not None else "")
        return run(job, progress, cancel, level=self.level)

    def protection(
        self, limits: Limits, network: Network = "full", *, image: Image | None = None
    ) -> tuple[Protection, ...]:
        """See `nova_spi.engines.port.Engine.protection`; with ``image``, of a run in it."""
        rows = protection(limits, self.level, network)
        if image is None:
            return rows
        seen = f"the run's folders and its inputs; all other files are those of the image {image.manifest}, read-only"
        return tuple(replace(row, limit=seen) if row.what == "files" else row for row in rows)

    def _needs_sandbox(self, name: str) -> None:
        """Refuses an image where there is no sandbox to run it in.

        Raises:
            EngineUnavailable: There is none; the message says what is missing, and the command that mends it.
        """
        level = self.level
        if level == "sandbox":
            return
        reason = why_not("sandbox", self._cache_dir, self._place)
        raise EngineUnavailable(
            f"The image {name} needs a container engine or the level 'sandbox', and this run has '{level}'.",
            why=reason or f"The level '{level}' is asked for, which has no root of its own.",
            mend=mend_for_sandbox() if reason else "Ask for the level 'sandbox', which this machine has.",
            level=level,
        )
