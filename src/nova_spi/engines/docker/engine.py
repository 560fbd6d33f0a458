"""The docker engine: each run is one hardened container, in Docker or in Podman, which is gone afterwards."""

import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.labels import EXECUTION
from nova_spi.engines.port import Environment, Image, Images, Job, Limits, Network, Outcome, Protection, Recipe
from nova_spi.errors import EngineUnavailable, ExtraMissing
from nova_spi.progress import Progress, Silent

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

PYTHON = Path("/opt/model/bin/python")
"""The model's interpreter in an image that we built."""


class DockerEngine:
    """Runs models in containers. Making one asks nothing and loads nothing."""

    name = "docker"
    level = "container"
    images: Images = "must"
    inherits = False

    def __init__(self, host: str | None = None) -> None:
        """Names the engine.

        Args:
            host: Its address, ``unix:///run/docker.sock``; None looks where Docker and Podman usually are.
        """
        self._host = host
        self._lock = threading.Lock()
        self._connected: Connection | None = None
        self._ids: dict[str, str] = {}
        self._init = True

    @property
    def connection(self) -> "Connection":
        """The connection, made when it is first needed.

        Raises:
            EngineUnavailable: No engine answers.
            ExtraMissing: The docker SDK is not installed.
        """
        with self._lock:
            if self._connected is None:
                try:
                    from nova_spi.engines.docker.connecting import connect
                except ImportError as error:
                    raise ExtraMissing.named("docker", "docker", "The engine 'docker'") from error
                self._connected = connect(self._host)
            return self._connected

    def close(self) -> None:
        """Closes the connection; the next use makes a new one."""
        with self._lock:
            if self._connected is not None:
                self._connected.close()
                self._connected = None

    def provide(self, recipe: Recipe, progress: Progress) -> Environment:
        """Loads an image into the engine; see `nova_spi.engines.port.Engine.provide`."""
        image = recipe.image
        if image is None:
            raise EngineUnavailable(
                "The engine 'docker' runs images, and there is none.", mend="nova-spi build", engine=self.name
            )
        from nova_spi.artifacts.layout import Layout
        from nova_spi.artifacts.platforms import Platform
        from nova_spi.engines.docker.loading import manifest_of
        from nova_spi.engines.docker.preparing import number_of

        layout = Layout.open(image.layout)
        config = layout.config(manifest_of(layout, image))
        if not config.platform.fits(here := Platform.here()):
            raise EngineUnavailable(
                f"The image {image.name} is for {config.platform}, and this machine is {here}.",
                mend=f"nova-spi build --platform {here}",
                engine=self.name,
            )
        heard = _Heard(progress)
        self._load(image, heard)
        return Environment(
            python=PYTHON,
            version=config.environment.get("PYTHON_VERSION", ""),
            digest=image.manifest,
            variables=dict(config.environment),
            cached=not heard.stages,
            image=image,
            user=number_of(config.user),
        )

    def run(self, job: Job, progress: Progress, cancel: threading.Event | None = None) -> Outcome:
        """See `nova_spi.engines.port.Engine.run`.

        At the deadline and on a cancel the program gets SIGTERM, and after ``grace_seconds`` everything in its
        container SIGKILL; the outcome comes 3 s after that at the latest, also where the daemon hangs. The time of the
        run is the engine's own, from the program's start to its end. No container is left, whatever happens: an
        exception removes it before it goes on, and where this process is killed, one beside it does.

        Raises:
            EngineUnavailable: It could not be started; or the engine went away meanwhile (code ``engine.lost``).
        """
        from nova_spi.engines.docker.container import ImageGone

        try:
            return self._run(job, progress, cancel)
        except ImageGone:  # somebody has cleaned up in the engine: once more, with what is loaded then
            self._ids.clear()
        try:
            return self._run(job, progress, cancel)
        except ImageGone as error:
            raise EngineUnavailable("The image went away from the engine twice.", engine=self.name) from error

    def protection(
        self, limits: Limits, network: Network = "full", *, image: Image | None = None
    ) -> tuple[Protection, ...]:
        """See `nova_spi.engines.port.Engine.protection`; it is the same for every image."""
        del image
        from nova_spi.engines.docker.report import protection

        return protection(self.connection, limits, network)

    def _load(self, image: Image, progress: Progress) -> None:
        from nova_spi.engines.docker.loading import ensure_loaded

        self._ids[image.config] = ensure_loaded(self.connection, image, progress)

    def _run(self, job: Job, progress: Progress, cancel: threading.Event | None) -> Outcome:
        from nova_spi.engines.docker.container import Container
        from nova_spi.engines.docker.preparing import flags_of
        from nova_spi.engines.docker.running import run

        environment = job.environment
        if environment is None or environment.image is None:
            raise EngineUnavailable("The engine 'docker' runs programs in images alone.", engine=self.name)
        if environment.image.config not in self._ids:
            self._load(environment.image, Silent())
        name = f"nova-spi-{job.labels.get(EXECUTION) or secrets.token_hex(8)}"
        flags = flags_of(self.connection, job, self._ids[environment.image.config], name, init=self._init)
        container = Container(self.connection, flags)
        try:
            return run(self.connection, container, progress, cancel)
        finally:
            self._init = container.flags.init


class _Heard:
    """Progress that remembers which stages there were."""

    def __init__(self, inner: Progress) -> None:
        self.stages: list[str] = []
        self.advance = inner.advance
        self.warn = inner.warn
        self.log = inner.log
        self._inner = inner

    def stage(self, name: str, detail: str = "") -> None:
        """See `nova_spi.progress.Progress.stage`."""
        self.stages.append(name)
        self._inner.stage(name, detail)
