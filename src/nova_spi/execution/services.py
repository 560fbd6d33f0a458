"""A model that is started and stays: its image as a container, with folders of its own, secrets, a health check.

    .nova-spi/containers/NAME/inputs/     seen as ``inputs`` below base_work_dir; put there what it shall read
    .nova-spi/containers/NAME/outputs/    what it writes; each output's own folder stands beside it
    .nova-spi/containers/NAME/secrets/    one file a secret, while it runs

The project itself is in the image, read-only, as it was built.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.docker.connecting import Connection
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.docker.flags import Flags
from nova_spi.engines.docker.loading import ensure_loaded
from nova_spi.engines.docker.owning import give
from nova_spi.engines.docker.preparing import flags_of
from nova_spi.engines.docker.reaping import OWNER, RUN
from nova_spi.engines.docker.service_starting import Port, Staying, project_network, start
from nova_spi.engines.docker.services import FOLDER, IMAGE, KIND, MODEL, PROJECT, STOP_SECONDS, Service, Services
from nova_spi.engines.port import Environment, Image, Job, Recipe
from nova_spi.errors import UsageError
from nova_spi.execution.in_image import built
from nova_spi.execution.jobs import SECRETS, gpus_of, program
from nova_spi.execution.places import PRIVATE
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.request import Request
from nova_spi.execution.run import make_request
from nova_spi.execution.service_care import health_of, restarting_of
from nova_spi.execution.service_folders import VALUES, ServiceFolders
from nova_spi.execution.variables import in_image
from nova_spi.progress import Progress, Silent
from nova_spi.project.identity import project_mark
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution
    from nova_spi.project.folder import Folder

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
"""What Docker and Podman both take."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be started.

    Attributes:
        command: One of the model's commands; None is the default one.
        name: The container's; None is made from the model's, the command's and the project's.
        ports: What this machine answers for.
        secrets: Values by name, over those in the caller's environment.
        image: A built image; None builds the project's.
    """

    command: str | None = None
    name: str | None = None
    ports: tuple[Port, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    image: Image | None = None


def start_service(
    folder: "Folder", wish: Wish, settings: Settings, progress: Progress | None = None, host: str | None = None
) -> Service:
    """Starts a model as a container that stays; one of this name that has ended makes room.

    Args:
        folder: The project.
        wish: See `Wish`.
        settings: For the store, the cache and the volumes.
        progress: Is told, and warned where the engine does not do just what the manifest says.
        host: The engine's address; None looks for one.

    Raises:
        EngineUnavailable: No engine answers, or it refuses.
        UsageError: The name is none or is taken, or a port cannot be published.
        NovaSpiError: The image cannot be built, or an asset cannot be had.
    """
    progress = progress or Silent()
    engine = DockerEngine(host)
    try:
        request = make_request(
            folder,
            command=wish.command,
            inputs={},
            secrets=wish.secrets,
            engine=engine,
            settings=settings,
            progress=progress,
        )
        return _Start(request, wish, engine).run()
    finally:
        engine.close()


def stop_service(connection: Connection, folder: "Folder", service: Service, seconds: int = STOP_SECONDS) -> Service:
    """Ends a container of a project: SIGTERM, SIGKILL after ``seconds``; the files with its secrets go."""
    stopped = Services(connection, service.project).stop(service, seconds)
    if place := private_folder(folder.root, service):
        remove_tree(place / VALUES)
    return stopped


def private_folder(root: Path, service: Service) -> Path | None:
    """Where a container's own folders stand in its project; None where it has none, or a label that leads elsewhere."""
    name = service.labels.get(FOLDER, "")
    return root / PRIVATE / "containers" / name if _NAME.fullmatch(name) else None


class _Start:
    """One call."""

    def __init__(self, request: Request, wish: Wish, engine: DockerEngine) -> None:
        self._request = request
        self._execution: Execution = request.execution
        self._wish = wish
        self._engine = engine
        self._connection = engine.connection
        self._project = project_mark(request.folder.root)
        self._name = self._named()
        self._private = request.folder.root.resolve() / PRIVATE / "containers" / self._name
        self._base = Path(self._execution.base_work_dir)

    def run(self) -> Service:
        """See `start_service`."""
        request = self._request
        self._check_ports()
        services = Services(self._connection, self._project)
        self._make_room(services)
        image = self._wish.image or built(request)
        environment = self._engine.provide(Recipe(request.folder.root, image=image), request.progress)
        try:
            return services.find(self._started(image, environment))
        except BaseException:  # also Ctrl-C: put in order, and raised again
            remove_tree(self._private / VALUES)
            raise

    def _started(self, image: Image, environment: Environment) -> str:
        request = self._request
        job = self._job(environment)
        flags = self._flags(job, ensure_loaded(self._connection, image, request.progress), image)
        if flags.user.owner is not None:
            give(job, flags.user.owner)
        request.progress.stage("container", self._name)
        warn = request.progress.warn
        restarting = restarting_of(self._execution, self._connection, warn)
        health = health_of(self._execution, self._connection, restarting, warn)
        return start(self._connection, flags, Staying(restarting, health, self._wish.ports))

    def _named(self) -> str:
        if self._wish.name is not None:
            if not _NAME.fullmatch(self._wish.name):
                raise UsageError(
                    f"{self._wish.name[:80]!r} is no name that a container can have.",
                    mend="Use letters, digits, '_', '.' and '-', at most 63.",
                    code="usage.container_name",
                )
            return self._wish.name
        command = self._request.command.name
        own = "" if command == self._request.interface.default else f"-{command}"
        return f"{self._request.manifest.model.name[:40]}{own}"[:56] + f"-{self._project[:6]}"

    def _check_ports(self) -> None:
        if self._wish.ports and self._execution.network != "full":
            raise UsageError(
                f"A port cannot be published: execution.network is {self._execution.network}.",
                why="Only a model with the network 'full' can be reached.",
                mend="Set execution.network to full in the manifest.",
            )

    def _make_room(self, services: Services) -> None:
        there = next((each for each in services.all() if each.name == self._name), None)
        if there is None:
            return
        if there.running:
            raise UsageError(
                f"The container {there.name} is running already.",
                mend=f"nova-spi container stop {there.name}, or start another one: --name {there.name}-2",
                code="usage.container_name",
            )
        services.remove(there)

    def _job(self, environment: Environment) -> Job:
        request = self._request
        return Job(
            program(request, self._base),
            self._private,
            self._base,
            in_image(environment.variables, self._variables()),
            self._private / "log.txt",
            replace(request.limits(), disk_bytes=None),
            network=self._execution.network,
            gpus=gpus_of(request),
            environment=environment,
            mounts=ServiceFolders(request, self._private).mounts(),
        )

    def _flags(self, job: Job, loaded: str, image: Image) -> Flags:
        flags = flags_of(self._connection, job, loaded, self._name, init=True)
        model = self._request.manifest.model
        own = {
            PROJECT: self._project,
            MODEL: f"{model.name}:{model.version}",
            KIND: "service",
            FOLDER: self._name,
            IMAGE: image.name,
        }
        labels = {name: value for name, value in flags.labels.items() if name not in (RUN, OWNER)}
        network = flags.network if job.network != "full" else project_network(self._connection, self._project)
        return replace(flags, labels=labels | own, network=network)

    def _variables(self) -> dict[str, str]:
        base = str(self._base)
        return {
            "SPI_COMMAND": self._request.command.name,
            "SPI_EXECUTION_ID": self._name,
            "SPI_MANIFEST": f"{base}/spi/manifest.json",
            "SPI_WORK_DIR": base,
            "SPI_INPUT_DIR": f"{base}/inputs",
            "SPI_INPUT_FILE": f"{base}/inputs/config/inputs.json",
            "SPI_OUTPUT_DIR": f"{base}/outputs",
            "SPI_OUTPUT_FILE": f"{base}/outputs/output.json",
            "SPI_ERROR_FILE": f"{base}/outputs/error.json",
            "SPI_SECRETS_DIR": str(SECRETS),
        }
