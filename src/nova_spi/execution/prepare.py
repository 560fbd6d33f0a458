"""Everything that a model's folder holds before it starts: the project, its inputs, its assets."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nova_spi.assets.cache import content_digest
from nova_spi.assets.fetching import Fetched, fetch
from nova_spi.assets.uri import local_path, scheme_of, shown
from nova_spi.engines.port import Environment, Recipe
from nova_spi.errors import AssetUnavailable
from nova_spi.execution.beside import lay_manifest
from nova_spi.execution.in_image import stage_app
from nova_spi.execution.places import PRIVATE, RunFolder
from nova_spi.execution.records import bounded, write_json
from nova_spi.execution.request import Request
from nova_spi.execution.staging import Stage
from nova_spi.project.files import project_files
from nova_spi_runtime.values import to_json

if TYPE_CHECKING:
    from nova_spi.interface.binding import BoundInputs
    from nova_spi.manifest.models import Asset

NOT_COPIED = ("inputs", "outputs", "test_outputs", PRIVATE)
"""Folders of the project that the run has of its own, or that hold what earlier runs gave."""

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
    return Recipe(root, requirements, execution.python_version, request.image)


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
            if request.folder.from_image:
                _refuse_own_files(asset, request.folder.root)
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


def _refuse_own_files(asset: "Asset", root: Path) -> None:
    """An image is anybody's: what it names on this machine it would read, and could send away."""
    if scheme_of(asset.uri) == "file" and not local_path(asset.uri, root).resolve().is_relative_to(root.resolve()):
        raise AssetUnavailable(
            f"The asset {asset.name!r} is a file of this machine, and the manifest came out of an image.",
            why=f"{shown(asset.uri)} is not in the image.",
            mend="Run the project that the image was built from, or give the file as an input.",
        )


def fill(
    request: Request,
    run: RunFolder,
    environment: Environment,
    bound: "BoundInputs",
    assets: list[HadAsset],
    warn: Warn,
) -> Stage:
    """Makes the work folder: project, manifest, inputs, assets, outputs, volumes, in this order.

    The first two come out of the image where the environment is one: what runs is what was built.
    """
    run.work.mkdir()
    stage = Stage(run.work, mounted=environment.image is not None)
    if environment.image is not None:
        stage_app(request, stage, environment.image)
    else:
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
        stage.folder(inside(folder, request))
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
        relative = inside(volume.mount_path, request)
        if PurePosixPath(relative).is_absolute() and not stage.mounted:
            warn(
                f"The volume {volume.name!r} is not mounted: {volume.mount_path} is not below "
                f"{request.execution.base_work_dir}, and without a container nothing can stand there."
            )
            continue
        storage = volume_folder(request, volume.name)
        stage.volume(storage, relative, writable=not volume.read_only)
        if volume.size:
            warn(f"The volume {volume.name!r}: size is not enforced.")
        if volume.read_only and not stage.mounted:
            warn(f"The volume {volume.name!r}: read_only is not enforced without a container.")


def volume_folder(request: Request, name: str) -> Path:
    """Where a volume of a model stands on this machine, below the user's data; made where it is not there."""
    storage = request.settings.data_dir / "volumes" / request.manifest.model.name / _one_segment(name)
    storage.mkdir(parents=True, exist_ok=True)
    return storage


def _one_segment(name: str) -> str:
    """A name as one folder's name, whatever stands in it."""
    if name == PurePosixPath(name).name and name not in ("", ".", ".."):
        return name
    return hashlib.sha256(name.encode()).hexdigest()


def inside(path: str, request: Request) -> str:
    """A mount path relative to the work folder; one that is absolute and elsewhere stays as it is."""
    place, base = PurePosixPath(path), PurePosixPath(request.execution.base_work_dir)
    return str(place.relative_to(base)) if place.is_absolute() and place.is_relative_to(base) else str(place)


def room_warning(request: Request, run: RunFolder) -> Iterator[str]:
    """A warning where the disk has less room than the manifest asks for."""
    wanted, free = request.limits().disk_bytes, shutil.disk_usage(run.root).free
    if wanted is not None and free < wanted:
        yield f"The manifest asks for {wanted} bytes of disk; {free} are free below {run.root}."
