"""The embedded engine: each run is a process tree of this machine, supervised from its start to its last descendant."""

import threading
from pathlib import Path

from nova_spi.engines.port import Environment, Job, Limits, Outcome, Protection, Recipe
from nova_spi.engines.process.environments import Environments
from nova_spi.engines.process.protection import protection
from nova_spi.engines.process.running import run
from nova_spi.progress import Progress


class ProcessEngine:
    """Runs models as processes of this user. It protects the machine from accidents, not from a hostile model.

    Attributes:
        name: ``process``.
        level: How far a run is isolated: ``process`` (see `nova_spi.engines.process.protection`).
    """

    name = "process"
    level = "process"

    def __init__(self, cache_dir: Path) -> None:
        """Nothing happens yet.

        Args:
            cache_dir: Where environments are kept; made when it is needed.
        """
        self._environments = Environments(cache_dir)

    def provide(self, recipe: Recipe, progress: Progress) -> Environment:
        """See `nova_spi.engines.port.Engine.provide`."""
        return self._environments.provide(recipe, progress)

    def run(self, job: Job, progress: Progress, cancel: threading.Event | None = None) -> Outcome:
        """See `nova_spi.engines.port.Engine.run`.

        At the deadline and on a cancel the program's group gets SIGTERM, and what is left after ``grace_seconds``
        SIGKILL. The outcome comes 3 s after that at the latest, whatever cannot be ended. An exception on the way, a
        KeyboardInterrupt above all, ends everything before it goes on.
        """
        return run(job, progress, cancel)

    def protection(self, limits: Limits) -> tuple[Protection, ...]:
        """See `nova_spi.engines.port.Engine.protection`."""
        return protection(limits)
