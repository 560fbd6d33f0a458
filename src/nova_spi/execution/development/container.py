"""A container to work in: the model's packages in its image, the project mounted, running until somebody stops it."""

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.layout import Layout
from nova_spi.engines.docker.connecting import Connection, connect
from nova_spi.engines.docker.flags import Flags
from nova_spi.engines.docker.gpu import devices_for
from nova_spi.engines.docker.loading import ensure_loaded
from nova_spi.engines.docker.owning import User, user_of
from nova_spi.engines.docker.service_exec import execute
from nova_spi.engines.docker.service_starting import Port, Staying, project_network, start
from nova_spi.engines.docker.services import FOLDER, IMAGE, KIND, MODEL, PROJECT, Service, Services, must_run
from nova_spi.engines.port import Gpus, Job, Limits, Mount
from nova_spi.errors import NovaSpiError, ProjectError
from nova_spi.execution.building import EngineSteps
from nova_spi.execution.development.bases import Base
from nova_spi.execution.development.result import DevelopmentContainer, Done
from nova_spi.execution.images import image_in
from nova_spi.execution.places import PRIVATE, ignored_by_git
from nova_spi.images.development import FORMAT, DevelopmentImage, build_development
from nova_spi.images.lock import LOCK
from nova_spi.progress import Progress
from nova_spi.project import requirements
from nova_spi.project.beside import runtime_files
from nova_spi.project.devcontainer import JUPYTER, JUPYTER_PORT
from nova_spi.project.identity import project_mark
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder

RECIPE = "dev.nova-spi.recipe"
"""The label with the digest of what a container was asked to be; the same again needs no look at images."""
MADE = "dev.nova-spi.made"
"""The label with the digest of what it came to be."""
WITH_JUPYTER = "dev.nova-spi.jupyter"

HOME = Path("/home/model")
TOKEN = Path("/run/secrets/jupyter_token")
_SLEEP = "import signal\nsignal.pause()"
_FOREVER = float(10**9)


def prepare_container(
    folder: "Folder", *, base: Base, jupyter: bool, force: bool, settings: Settings, progress: Progress
) -> DevelopmentContainer:
    """Makes the container, starts it where it is stopped, or finds it running.

    Args:
        folder: The project.
        base: What its image begins with.
        jupyter: JupyterLab is its program; once it was asked for it stays.
        force: Make image and container anew.
        settings: For the store and the cache.
        progress: Is told.

    Raises:
        EngineUnavailable: No engine answers, or it refuses.
        ProjectError: The project's folder cannot be written.
        BuildFailed: The image cannot be made.
    """
    with connect() as connection:
        made = _Making(connection, folder, base, jupyter, settings, progress)
        return made.run(force=force)


class _Making:
    """One call."""

    def __init__(
        self,
        connection: Connection,
        folder: "Folder",
        base: Base,
        jupyter: bool,
        settings: Settings,
        progress: Progress,
    ) -> None:
        from nova_spi.manifest.models import Execution

        self._connection = connection
        self._folder = folder
        self._base = base
        self._settings = settings
        self._progress = progress
        self._execution: Execution = folder.manifest.execution or Execution()
        self._project = project_mark(folder.root)
        self._name = f"{folder.manifest.model.name}-dev-{self._project[:6]}"
        self._private = folder.root / PRIVATE / "containers" / self._name
        self._services = Services(connection, self._project)
        self._there = next((each for each in self._services.all() if each.kind == "development"), None)
        self._jupyter = jupyter or bool(self._there and WITH_JUPYTER in self._there.labels)

    def run(self, *, force: bool) -> DevelopmentContainer:
        """See `prepare_container`."""
        recipe = self._recipe()
        if not force and self._there is not None and self._there.labels.get(RECIPE) == recipe:
            return self._as_it_is(self._there)
        image = build_development(
            self._folder,
            Layout.create(self._settings.store),
            base=self._base.said,
            more=JUPYTER if self._jupyter else "",
            settings=self._settings,
            progress=self._progress,
            cached=not force,
            steps=EngineSteps(self._folder, cached=not force, progress=self._progress),
        )
        return self._made(image, recipe, force=force)

    def _made(self, image: DevelopmentImage, recipe: str, *, force: bool) -> DevelopmentContainer:
        said = f"{image.base} with Python {image.python}: {image.reason}"
        user = self._user()
        self._make_folders(user)
        mark = self._digest(image.name, user.words, str(self._gpus()))
        if not force and self._there is not None and self._there.labels.get(MADE) == mark:
            return self._as_it_is(self._there, said)
        self._progress.stage("container", self._name)
        found = image_in(Layout.open(self._settings.store), image.name, image.manifest)
        loaded = ensure_loaded(self._connection, found, self._progress)
        if self._there is not None:
            self._services.remove(self._there)
        flags = self._flags(image, loaded, user, {RECIPE: recipe, MADE: mark})
        ports = (Port(JUPYTER_PORT, 0),) if self._jupyter else ()
        identity = start(self._connection, flags, Staying(ports=ports, read_only=False))
        return self._told(self._services.find(identity), said, "made")

    def _as_it_is(self, there: Service, said: str = "") -> DevelopmentContainer:
        if there.running:
            return self._told(there, said, "there")
        with self._connection.speaking("starting a container"):
            self._connection.client.api.start(there.id)
        return self._told(self._services.again(there), said, "started")

    def _told(self, service: Service, said: str, done: Done) -> DevelopmentContainer:
        must_run(service)
        port = f"->{JUPYTER_PORT}/tcp"
        address = next((each.removesuffix(port) for each in service.ports if each.endswith(port)), "")
        return DevelopmentContainer(
            service,
            self._connection.engine,
            self._connection.host,
            self._execution.base_work_dir,
            said,
            done,
            f"http://{address}/lab" if address and self._jupyter else "",
            self._private / "jupyter_token" if self._jupyter else None,
        )

    def _flags(self, image: DevelopmentImage, loaded: str, user: User, labels: dict[str, str]) -> Flags:
        work = self._execution.base_work_dir
        own = {"HOME": str(HOME), "TMPDIR": "/tmp", "SHELL": "/bin/sh"}  # noqa: S108  # a tmpfs of the container's own
        mounts = [Mount(self._folder.root.resolve(), Path(work), True), Mount(self._private / "home", HOME, True)]
        if self._jupyter:
            mounts.append(Mount(self._private / "jupyter_token", TOKEN))
            own["JUPYTER_TOKEN_FILE"] = str(TOKEN)
        model = self._folder.manifest.model
        job = Job(
            self._program(user),
            self._private,
            Path(work),
            dict(image.config.environment) | own,
            self._private / "log.txt",
            Limits(_FOREVER),
            gpus=self._gpus(),
            mounts=tuple(mounts),
        )
        return Flags(
            name=self._name,
            image=loaded,
            job=job,
            user=user,
            tracing=True,
            filtered=self._connection.filters_calls,
            network=project_network(self._connection, self._project),
            devices=devices_for(self._connection, job.gpus),
            labels={
                PROJECT: self._project,
                MODEL: f"{model.name}:{model.version}",
                KIND: "development",
                FOLDER: self._name,
                IMAGE: image.name,
                **({WITH_JUPYTER: "yes"} if self._jupyter else {}),
                **labels,
            },
        )

    def _program(self, user: User) -> tuple[str, ...]:
        if not self._jupyter:
            return ("python", "-c", _SLEEP)
        root = ("--allow-root",) if user.words.startswith("0:") else ()
        words = ("--no-browser", "--ip=0.0.0.0", f"--port={JUPYTER_PORT}")
        return ("python", "-m", "jupyterlab", *words, f"--notebook-dir={self._execution.base_work_dir}", *root)

    def _gpus(self) -> Gpus | None:
        gpu = self._execution.resources.gpu if self._execution.resources else None
        return Gpus(gpu.count, (gpu.vendor or "").lower()) if gpu is not None and gpu.count else None

    def _user(self) -> User:
        """The project's owner, so that what is written there is theirs; nothing of the project changes hands."""
        if self._connection.rootless:
            return user_of(self._connection, os.getuid())
        status = self._folder.root.stat()
        return User(f"{status.st_uid}:{status.st_gid}")

    def _make_folders(self, user: User) -> None:
        home, token = self._private / "home", self._private / "jupyter_token"
        try:
            home.mkdir(parents=True, exist_ok=True)
            ignored_by_git(self._folder.root / PRIVATE)
            if self._jupyter and not token.exists():
                handle = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
                with os.fdopen(handle, "w") as stream:
                    stream.write(secrets.token_urlsafe(32))
            if os.getuid() == 0 and not self._connection.rootless:
                uid, gid = (int(number) for number in user.words.split(":"))
                for place in (home, token):
                    with suppress(FileNotFoundError):
                        os.chown(place, uid, gid, follow_symlinks=False)
        except OSError as error:
            raise ProjectError(f"{self._private} cannot be made: {error.strerror or error}.") from error

    def _recipe(self) -> str:
        execution, root = self._execution, self._folder.root
        named = execution.requirements
        lock = root / LOCK
        return self._digest(
            FORMAT,
            self._base.said,
            self._settings.base_image,
            execution.model_dump(mode="json"),
            requirements.read(root, root / named).digest if named else "",
            hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
            repr(runtime_files()),
            self._user().words,
        )

    def _digest(self, *parts: object) -> str:
        words = [*parts, self._jupyter, str(self._folder.root.resolve())]
        return hashlib.sha256(json.dumps(words, sort_keys=True, default=str).encode()).hexdigest()


def has_shell(made: DevelopmentContainer) -> bool:
    """Whether there is a shell, without which an editor cannot begin in it."""
    with connect(made.host) as connection:
        try:
            return execute(connection, made.service, ("/bin/sh", "-c", ":"), lambda _: None, lambda _: None) == 0
        except NovaSpiError:
            return False
