"""Everything before the model starts: its folder, its variables, its program."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nova_spi.assets.cache import content_digest
from nova_spi.assets.fetching import Fetched, fetch
from nova_spi.assets.uri import shown
from nova_spi.engines.port import Environment, Job, Limits, Recipe
from nova_spi.errors import AssetUnavailable
from nova_spi.execution.beside import lay_manifest, lay_runtime
from nova_spi.execution.places import PRIVATE, RunFolder
from nova_spi.execution.records import bounded, write_json
from nova_spi.execution.request import Request
from nova_spi.execution.staging import Stage
from nova_spi.execution.variables import input_variables, joined, private_variables
from nova_spi.project.files import project_files
from nova_spi.project.starting import starting_words
from nova_spi_runtime.values import to_json

if TYPE_CHECKING:
    from nova_spi.interface.binding import BoundInputs
    from nova_spi.manifest.models import Asset

NOT_COPIED = ("inputs", "outputs", "test_outputs", PRIVATE)
"""Folders of the project that the run has of its own, or that hold what earlier runs gave."""

GPU_DEVICES = ("nvidia*", "nvidia-caps/*", "dri/renderD*", "kfd")
"""Below ``/dev``: what NVIDIA's and AMD's drivers are spoken to by."""

HIDDEN = "[secret]"

Warn = Callable[[str], None]


@dataclass(frozen=True)
class HadAsset:
    """One asset of the manifest that is there."""

    asset: "Asset"
    fetched: Fetched


def recipe_of(request: Request) -> Recipe:
    """What the model's environment is made from."""
    execution, root = request.execution, request.folder.root
    requirements = root / execution.requirements if execution.requirements else None
    return Recipe(root, requirements, execution.python_version)


def input_values(request: Request, bound: "BoundInputs") -> dict[str, Any]:
    """The JSON object of the inputs file: typed values, and files by their path below the work folder."""
    found: dict[str, Any] = {}
    for parameter in request.command.inputs:
        if parameter.type == "file":
            if parameter.name in bound.files:
                found[parameter.name] = [file.relative for file in bound.files[parameter.name]]
        elif bound.values.get(parameter.name) is not None:
            found[parameter.name] = to_json(parameter, bound.values[parameter.name])
    return found


def recorded_inputs(request: Request, bound: "BoundInputs") -> dict[str, Any]:
    """The ``inputs`` of run.json."""
    found: dict[str, Any] = {}
    values = input_values(request, bound)
    for parameter in request.command.inputs:
        if parameter.type == "file" and parameter.name in bound.files:
            found[parameter.name] = [_recorded_file(file) for file in bound.files[parameter.name]]
        elif parameter.name in values:
            found[parameter.name] = HIDDEN if parameter.secret else bounded(values[parameter.name])
    return found


def _recorded_file(file: Any) -> dict[str, Any]:
    digest, size = content_digest(file.source)
    return {
        "path": file.relative,
        "source": str(file.source),
        "mime": file.mime,
        "size_bytes": size,
        "sha256": digest,
    }


def write_inputs(request: Request, bound: "BoundInputs", place: Path) -> None:
    """The run's inputs.json: what to give to ``--input-file`` to run the same again; secret inputs are left out."""
    values = input_values(request, bound)
    for parameter in request.command.inputs:
        if parameter.secret:
            values.pop(parameter.name, None)
        elif parameter.name in bound.files:
            values[parameter.name] = [str(file.source.absolute()) for file in bound.files[parameter.name]]
    write_json(place, values)


def fetch_assets(request: Request, warn: Warn) -> tuple[list[HadAsset], list[dict[str, Any]]]:
    """Fetches what the manifest names; one that is optional and cannot be had is a warning.

    Returns:
        Those that are there, and the ``assets`` of run.json.
    """
    had: list[HadAsset] = []
    records: list[dict[str, Any]] = []
    for asset in request.manifest.assets:
        record = {"name": asset.name, "uri": shown(asset.uri), "mount_path": asset.mount_path}
        try:
            fetched = fetch(
                asset,
                root=request.folder.root,
                cache_dir=request.settings.cache_dir,
                secrets=request.secrets,
                progress=request.progress,
                cancel=request.cancel,
            )
        except AssetUnavailable as error:
            if not asset.optional:
                raise
            warn(f"The optional asset {asset.name!r} is not there: {error.message}")
            records.append(record | {"sha256": None, "size_bytes": None, "cached": False, "error": error.message})
            continue
        had.append(HadAsset(asset, fetched))
        known = {"sha256": fetched.sha256, "size_bytes": fetched.size_bytes, "cached": fetched.cached, "error": None}
        records.append(record | known)
    return had, records


def fill(request: Request, run: RunFolder, bound: "BoundInputs", assets: list[HadAsset], warn: Warn) -> Stage:
    """Makes the work folder: project, manifest, inputs, assets, outputs, volumes, in this order."""
    run.work.mkdir()
    stage = Stage(run.work)
    _stage_project(request, stage)
    lay_manifest(stage, request.manifest, request.interface, request.folder.manifest_path)
    for staged in (file for files in bound.files.values() for file in files):
        stage.file(staged.source, staged.relative, staged.size, read_only=True, may_link=False)
    config = json.dumps(request.execution.config or {}, ensure_ascii=False)
    stage.text("inputs/config/config.json", config.encode("utf-8", "surrogatepass"))
    stage.text(
        "inputs/config/inputs.json", json.dumps(input_values(request, bound)).encode("utf-8", "surrogatepass"), 0o600
    )
    for had in assets:
        _stage_asset(stage, had)
    for folder in ("inputs/files", "outputs", *(p.mount_path or "outputs" for p in request.command.outputs)):
        stage.folder(_inside(folder, request))
    _stage_volumes(request, stage, warn)
    return stage


def _stage_project(request: Request, stage: Stage) -> None:
    root = request.folder.root.resolve()
    skipped = [*NOT_COPIED]
    if request.output is not None and request.output.resolve().is_relative_to(root):
        skipped.append(request.output.resolve().relative_to(root).as_posix())
    prefixes = tuple(f"{folder}/" for folder in skipped if folder != ".")
    for file in project_files(request.folder.root):
        if not file.relative.startswith(prefixes):
            stage.file(file.path, file.relative, file.size, file.mode)


def _stage_asset(stage: Stage, had: HadAsset) -> None:
    """An asset at its mount path; one that ends with a slash, or is a folder already, takes the file below itself."""
    source, relative = had.fetched.path, had.asset.mount_path
    if source.is_dir():
        stage.tree(source, relative)
        return
    if relative.endswith("/") or (stage.work / relative).is_dir():
        name = PurePosixPath(had.asset.uri.split("?", 1)[0].split("#", 1)[0]).name or had.asset.name
        relative = f"{relative.rstrip('/')}/{name}"
    stage.file(source, relative, had.fetched.size_bytes, read_only=True)


def _stage_volumes(request: Request, stage: Stage, warn: Warn) -> None:
    for volume in request.execution.volumes:
        relative = _inside(volume.mount_path, request)
        if PurePosixPath(relative).is_absolute():
            warn(
                f"The volume {volume.name!r} is not mounted: {volume.mount_path} is not below "
                f"{request.execution.base_work_dir}, and without a container nothing can stand there."
            )
            continue
        storage = request.settings.data_dir / "volumes" / request.manifest.model.name / _one_segment(volume.name)
        storage.mkdir(parents=True, exist_ok=True)
        stage.volume(storage, relative)
        if volume.read_only or volume.size:
            warn(f"The volume {volume.name!r}: read_only and size are not enforced without a container.")


def _one_segment(name: str) -> str:
    """A name as one folder's name, whatever stands in it."""
    if name == PurePosixPath(name).name and name not in ("", ".", ".."):
        return name
    return hashlib.sha256(name.encode()).hexdigest()


def _inside(path: str, request: Request) -> str:
    """A mount path relative to the work folder; one that is absolute and elsewhere stays as it is."""
    place, base = PurePosixPath(path), PurePosixPath(request.execution.base_work_dir)
    return str(place.relative_to(base)) if place.is_absolute() and place.is_relative_to(base) else str(place)


def make_job(
    request: Request, run: RunFolder, stage: Stage, bound: "BoundInputs", environment: Environment, secrets: Path
) -> Job:
    """The program to run, with its whole environment."""
    lay_runtime(stage, environment, request.settings.cache_dir)
    limits = request.limits(stage.bytes)
    ours = (
        input_variables(request.command.inputs, bound.values)
        | private_variables(run.scratch)
        | _spi_variables(request, run, secrets, limits)
    )
    base = request.execution.base_work_dir
    own = {name: _moved(value, base, run.work) for name, value in (request.execution.environment or {}).items()}
    variables = joined(environment.variables, own, ours, run.work)
    return Job(
        program(request, run.work),
        run.root,
        run.work,
        variables,
        run.log,
        limits,
        network=request.execution.network,
        base_work_dir=Path(request.execution.base_work_dir),
        devices=_gpus() if request.command.resources is not None and request.command.resources.gpu else (),
        writable=(run.work, run.scratch, *(Path(place) for place in sorted(stage.volumes))),
        readable=(secrets, *(Path(place) for place in sorted((stage.linked - stage.volumes) | stage.beside))),
    )


def _gpus() -> tuple[Path, ...]:
    """The device files of this machine's GPUs."""
    return tuple(sorted(path for name in GPU_DEVICES for path in Path("/dev").glob(name) if not path.is_dir()))


def _spi_variables(request: Request, run: RunFolder, secrets: Path, limits: Limits) -> dict[str, str]:
    seconds = limits.timeout_seconds
    return {
        "SPI_COMMAND": request.command.name,
        "SPI_EXECUTION_ID": run.id,
        "SPI_MANIFEST": str(run.spi / "manifest.json"),
        "SPI_WORK_DIR": str(run.work),
        "SPI_INPUT_DIR": str(run.work / "inputs"),
        "SPI_INPUT_FILE": str(run.inputs_file),
        "SPI_OUTPUT_DIR": str(run.output_file.parent),
        "SPI_OUTPUT_FILE": str(run.output_file),
        "SPI_ERROR_FILE": str(run.error_file),
        "SPI_SECRETS_DIR": str(secrets),
        "SPI_TIMEOUT_SECONDS": str(int(seconds) if seconds == int(seconds) else seconds),
    }


def program(request: Request, work: Path) -> tuple[str, ...]:
    """The program and its arguments.

    A word that is base_work_dir, or a path below it, becomes the same path below ``work``: the same manifest runs in a
    container and without one.

    Raises:
        ExecutionError: The manifest has no entry point, and there is no run.py.
    """
    words = starting_words(request.command.entry_point or request.execution.entry_point, request.folder.root)
    return tuple(_placed(word, request.execution.base_work_dir, work) for word in words)


def _moved(value: str, base: str, work: Path) -> str:
    """A variable of the manifest, which may be a list of paths; each is treated as a word of the program is."""
    return os.pathsep.join(_placed(part, base, work) for part in value.split(os.pathsep))


def _placed(word: str, base: str, work: Path) -> str:
    base = base.rstrip("/")
    below = bool(base) and (word == base or word.startswith(f"{base}/"))
    return str(work) + word[len(base) :] if below else word


def room_warning(request: Request, run: RunFolder) -> Iterator[str]:
    """A warning where the disk has less room than the manifest asks for."""
    wanted, free = request.limits().disk_bytes, shutil.disk_usage(run.root).free
    if wanted is not None and free < wanted:
        yield f"The manifest asks for {wanted} bytes of disk; {free} are free below {run.root}."
