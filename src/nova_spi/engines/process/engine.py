"""The embedded engine: each run is a process tree of this machine, supervised from its start to its last descendant."""

import threading
from pathlib import Path
from typing import Literal

from nova_spi.engines.port import Environment, Images, Job, Limits, Network, Outcome, Protection, Recipe
from nova_spi.engines.process.environments import Environments
from nova_spi.engines.process.isolation.levels import Level, best, require
from nova_spi.engines.process.isolation.report import protection
from nova_spi.engines.process.running import run
from nova_spi.progress import Progress


class ProcessEngine:
    """Runs models as processes of this machine.

    At level ``sandbox`` or ``landlock`` a model is kept from the machine's files, processes and network; at level
    ``process`` the machine is protected from accidents, not from a hostile model. Environments are always made at
    level ``process``: installing needs the network, and what is installed is the project's own choice.

    Attributes:
        name: ``process``.
    """

    name = "process"
    images: Images = "may"

    def __init__(self, cache_dir: Path, level: Level | Literal["auto"] = "process", place: Path | None = None) -> None:
        """Nothing happens yet.

        Args:
            cache_dir: Where environments are kept; made when it is needed.
            level: ``sandbox``, ``landlock`` or ``process``; ``auto`` is the strongest that the machine has.
            place: Where runs will have their folders, for trying the levels there; None tries the temporary folder.
        """
        self._cache_dir = cache_dir
        self._wanted = level
        self._place = place
        self._environments = Environments(cache_dir)

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
        """See `nova_spi.engines.port.Engine.provide`."""
        return self._environments.provide(recipe, progress)

    def run(self, job: Job, progress: Progress, cancel: threading.Event | None = None) -> Outcome:
        """See `nova_spi.engines.port.Engine.run`.

        At the deadline and on a cancel the program's group gets SIGTERM, and what is left after ``grace_seconds``
        SIGKILL. The outcome comes 3 s after that at the latest, whatever cannot be ended. An exception on the way, a
        KeyboardInterrupt above all, ends everything before it goes on.
        """
        return run(job, progress, cancel, level=self.level)

    def protection(self, limits: Limits, network: Network = "full") -> tuple[Protection, ...]:
        """See `nova_spi.engines.port.Engine.protection`."""
        return protection(limits, self.level, network)
