"""From a project to a `Plan`: everything that is heavy, done once before anything is served."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.port import Engine, Environment, Image
from nova_spi.engines.process.in_place import InPlaceEngine
from nova_spi.errors import ArtifactInvalid
from nova_spi.execution.beside import lay_runtime
from nova_spi.execution.in_image import with_image
from nova_spi.execution.places import RunFolder
from nova_spi.execution.prepare import HadAsset, fetch_assets, fill, inside, recipe_of
from nova_spi.execution.request import Request
from nova_spi.execution.run import make_request
from nova_spi.execution.stages import secrets_without_value
from nova_spi.interface.binding import BoundInputs
from nova_spi.interface.openapi import openapi
from nova_spi.progress import Progress
from nova_spi.project.beside import NAME
from nova_spi.serving.plan import Health, Plan, ServedCommand, Slot
from nova_spi.serving.preparing.folders import ServerFolder, open_server
from nova_spi.serving.preparing.jobs import Prepared, slots_of
from nova_spi.serving.slots import HOLDING
from nova_spi.serving.slots import remove as remove
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.execution.staging import Stage
    from nova_spi.interface.compiled import CompiledCommand
    from nova_spi.project.folder import Folder

NOTHING = BoundInputs({}, {})
"""What the model's folder is prepared with: inputs come with calls."""


def prepare(
    folder: "Folder",
    *,
    engine: Engine,
    settings: Settings,
    workers: int | None = None,
    secrets: Mapping[str, str] | None = None,
    image: Image | None = None,
    progress: Progress | None = None,
    queue_size: int = 1000,
    start_timeout_seconds: float = 600.0,
    idle_seconds: float | None = None,
    output: Path | None = None,
) -> Plan:
    """Makes everything that workers need: environment, assets, the model's folder, a slot for each worker.

    What it makes is held by this process, and by a program that takes its place (``exec``); `remove` takes it away.
    Where it is not removed because all of them were killed, the next server of the project does that.

    Args:
        folder: The project.
        engine: Where its workers run.
        settings: For the cache and the volumes.
        workers: How many; None is the manifest's ``concurrency.workers``.
        secrets: Values by name, over those in the caller's environment.
        image: The image that they run in; None is the project as it stands, in an image of its own where the engine
            runs nothing else.
        progress: Hears what is going on.
        queue_size: How many calls may wait.
        start_timeout_seconds: A worker that is not ready by then is ended.
        idle_seconds: After so long without a call the workers end; None is never.
        output: A folder that receives what comes out; where it stands in the project, it is no part of the model.

    Raises:
        ManifestInvalid: The manifest has errors.
        UsageError: A secret is given that the manifest does not name.
        EngineUnavailable, EnvironmentFailed, BuildFailed, AssetUnavailable: It cannot run here.
    """
    request = make_request(
        folder,
        command=None,
        inputs={},
        secrets=secrets,
        progress=progress,
        engine=engine,
        settings=settings,
        image=image,
    )
    warm = [command for command in request.interface.commands.values() if is_warm(command)]
    if warm and request.command not in warm:
        request = replace(request, command=warm[0])
    for warning in secrets_without_value(request):
        request.progress.warn(warning)
    server = open_server(folder.root)
    try:
        prepared = _prepared(request, server, warm) if warm else None
        count = _count(request, workers)
        slots = slots_of(prepared, count) if prepared is not None else ()
        plan = _plan(prepared.request if prepared is not None else with_image(request), server, slots)
    except BaseException:  # also Ctrl-C: put in order, and raised again
        server.remove()
        raise
    HOLDING[plan.folder] = server
    return replace(
        plan,
        secrets=prepared.secrets if prepared is not None else server.secrets(dict(request.secrets)),
        workers=count,
        queue_size=queue_size,
        start_timeout_seconds=start_timeout_seconds,
        idle_seconds=idle_seconds,
    )


def is_warm(command: "CompiledCommand") -> bool:
    """Whether a worker can answer it: a function or a class, which stays loaded; a program begins anew each time."""
    return command.entry_point is not None and command.entry_point.callable is not None


def served(command: "CompiledCommand") -> ServedCommand:
    """A command as a server knows it."""
    return ServedCommand(
        name=command.name,
        description=command.description,
        default=command.default,
        inputs=command.inputs,
        outputs=command.outputs,
        timeout_seconds=command.timeout_seconds,
        warm=is_warm(command),
        schemas={output.name: output.schema for output in command.outputs if output.schema is not None},
    )


def _prepared(request: Request, server: ServerFolder, warm: "Iterable[CompiledCommand]") -> Prepared:
    """Environment, assets and the model's folder."""
    progress = request.progress
    progress.stage("environment")
    request = with_image(request)
    environment = request.engine.provide(recipe_of(request), progress)
    progress.stage("assets")
    assets, _ = fetch_assets(request, progress.warn)
    progress.stage("prepare")
    stage = _staged(request, server, environment, assets, warm)
    return Prepared(request, server, stage, environment, server.secrets(dict(request.secrets)))


def _staged(
    request: Request,
    server: ServerFolder,
    environment: Environment,
    assets: list[HadAsset],
    warm: "Iterable[CompiledCommand]",
) -> "Stage":
    run = RunFolder(server.id, server.root / "pristine")
    run.root.mkdir()
    stage = fill(request, run, environment, NOTHING, assets, request.progress.warn)
    for output in (output for command in warm for output in command.outputs):
        stage.folder(inside(output.mount_path or "outputs", request))
    if environment.image is None:
        lay_runtime(stage, environment, request.settings.cache_dir)
    else:
        check_runtime(stage.work, environment.image)
    return stage


def check_runtime(work: Path, image: Image) -> None:
    """Refuses an image whose runtime is older than workers are.

    Raises:
        ArtifactInvalid: It is; without this its workers would end as soon as they start.
    """
    runtime = work / "spi" / NAME
    if runtime.is_dir() and not (runtime / "worker.py").is_file():
        raise ArtifactInvalid(
            f"The image {image.name} cannot be served: it was built by an older nova-spi.",
            why="What stands beside its model knows nothing of workers.",
            mend="nova-spi build",
            code="artifact.invalid",
        )


def _count(request: Request, workers: int | None) -> int:
    concurrency = request.execution.concurrency
    return max(1, workers if workers is not None else concurrency.workers if concurrency is not None else 1)


def _plan(request: Request, server: ServerFolder, slots: tuple[Slot, ...]) -> Plan:
    manifest, execution, engine = request.manifest, request.execution, request.engine
    store = server.root / "store"
    store.mkdir(exist_ok=True)
    batch, restart = execution.concurrency, execution.restart
    limits = request.limits()
    return Plan(
        name=manifest.model.name,
        version=manifest.model.version,
        description=manifest.model.description or "",
        domain=str(manifest.model.domain or ""),
        project=request.folder.root,
        folder=server.root,
        store=store,
        commands={name: served(command) for name, command in request.interface.commands.items()},
        engine=engine.name,
        level=engine.level,
        protections=tuple(asdict(row) for row in engine.protection(limits, execution.network, image=request.image)),
        cache_dir=request.settings.cache_dir,
        data_dir=request.settings.data_dir,
        image=request.image,
        slots=slots,
        max_batch_size=batch.max_batch_size if batch is not None else 1,
        max_batch_delay_seconds=batch.max_batch_delay_ms / 1000 if batch is not None else 0.0,
        max_retries=restart.max_retries if restart is not None else 3,
        backoff_seconds=restart.backoff_seconds if restart is not None else 1.0,
        grace_seconds=limits.grace_seconds,
        health=_health(request),
        openapi=openapi(manifest, request.interface),
        in_place=isinstance(engine, InPlaceEngine),
    )


def _health(request: Request) -> Health | None:
    check = request.execution.health_check
    if check is None or (check.callable is None and check.command is None):
        return None
    return Health(check.interval_seconds, check.timeout_seconds, check.retries)
