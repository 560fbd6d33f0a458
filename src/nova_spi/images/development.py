"""An image to work in: base, system packages, the model's packages and what the work needs beside; no project.

The project is mounted where it would stand, so an edit of it makes no other image. What the image is made from is part
of its name, and an image of that name in the layout is the image.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.images.base import Base
from nova_spi.images.basing import Ground, system_layers, take_ground
from nova_spi.images.describing import write_image
from nova_spi.images.layers import Entry, Layer, write_layer
from nova_spi.images.steps import Steps
from nova_spi.images.wheels import ENVIRONMENT, install_packages
from nova_spi.progress import Progress
from nova_spi.project import requirements
from nova_spi.project.beside import NAME, UTILS, runtime_files
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution
    from nova_spi.project.folder import Folder

FORMAT = "1"
RUNTIME = "opt/nova-spi"
"""Where ``nova_spi_runtime`` and ``spi/utils.py`` stand: the project's own mount covers base_work_dir."""

_MORE = ".nova-spi-development.txt"


@dataclass(frozen=True, slots=True)
class DevelopmentImage:
    """An image that is in a layout.

    Attributes:
        name: ``localhost/nova-spi/my-model-development:0123456789ab``.
        manifest: Its manifest.
        config: Its config.
        base: The base's name.
        reason: Why that base.
        python: The base's Python.
        cached: It was there already.
    """

    name: str
    manifest: Manifest
    config: ImageConfig
    base: str
    reason: str
    python: str
    cached: bool


def build_development(
    folder: "Folder",
    layout: Layout,
    *,
    base: str | None,
    more: str,
    settings: Settings,
    progress: Progress,
    cached: bool = True,
    steps: Steps | None = None,
) -> DevelopmentImage:
    """Makes the image, or finds it.

    Args:
        folder: The project.
        layout: Where to.
        base: See `nova_spi.images.choice.choose_base`.
        more: A requirement beside the model's own, e.g. ``jupyterlab>=4``; empty for none. Both are resolved together,
            so that they do not fight.
        settings: For the base and the cache.
        progress: Is told.
        cached: Whether an image that is there counts.
        steps: Who runs what must run inside the image; None is nobody.

    Raises:
        BuildFailed: There is no base, it does not do, or a wheel is missing.
        RegistryError: The base cannot be pulled.
        EnvironmentFailed: The requirements cannot be used.
    """
    from nova_spi.manifest.models import Execution

    execution = folder.manifest.execution or Execution()
    platform = Platform.here()
    ground = take_ground(folder, layout, platform, said=base, settings=settings, progress=progress, steps=steps)
    found = ground.base
    snapshot = _snapshot(folder, execution, more)
    name = _name(folder, execution, found, snapshot)
    there = layout.names().get(name) if cached else None
    if there is not None:
        manifest = layout.manifest(there)
    else:
        layers = _layers(ground, snapshot, layout, platform, settings, progress)
        manifest = _image(execution, found, layers, layout)
        layout.name(manifest.descriptor, name)
    config = layout.config(manifest)
    return DevelopmentImage(
        name, manifest, config, ground.origin.name, ground.reason, found.python.version, cached=there is not None
    )


def _snapshot(folder: "Folder", execution: "Execution", more: str) -> requirements.Snapshot | None:
    named = execution.requirements
    own = requirements.read(folder.root, folder.root / named) if named else None
    if not more:
        return own
    text = "".join(f"{line}\n" for line in ([f"-r {own.main}"] if own else []) + [more]).encode()
    texts, local = (own.texts, own.local) if own else ({}, {})
    digest = hashlib.sha256(f"{own.digest if own else ''}\0{more}".encode()).hexdigest()
    return requirements.Snapshot(_MORE, {**texts, _MORE: text}, local, digest)


def _name(folder: "Folder", execution: "Execution", base: Base, snapshot: requirements.Snapshot | None) -> str:
    parts = [
        FORMAT,
        str(base.manifest.descriptor.digest),
        snapshot.digest if snapshot else "",
        sorted(set(execution.system_packages)),
        execution.base_work_dir,
        execution.environment or {},
        hashlib.sha256(repr(runtime_files()).encode()).hexdigest(),
    ]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
    return str(Reference.parse(f"localhost/nova-spi/{folder.manifest.model.name}-development:{key}"))


def _layers(
    ground: Ground,
    snapshot: requirements.Snapshot | None,
    layout: Layout,
    platform: Platform,
    settings: Settings,
    progress: Progress,
) -> list[Layer]:
    layers = system_layers(ground.pin, layout, platform, settings, progress)
    with tempfile.TemporaryDirectory(prefix="nova-spi-") as scratch:
        entries = install_packages(snapshot, ground.base.python, platform, Path(scratch), progress)
        layers.append(write_layer(layout, entries, "nova-spi: packages"))
    layers.append(write_layer(layout, _runtime(), "nova-spi: the runtime"))
    return layers


def _runtime() -> list[Entry]:
    places = {f"{RUNTIME}/{NAME}/{relative}": content for relative, content in runtime_files()}
    places[f"{RUNTIME}/spi/utils.py"] = dict(runtime_files())[UTILS]
    folders = {parent.as_posix() for place in places for parent in Path(place).parents} - {"."}
    return [*(Entry(folder) for folder in folders), *(Entry(place, content) for place, content in places.items())]


def _image(execution: "Execution", base: Base, layers: list[Layer], layout: Layout) -> Manifest:
    config = {
        "WorkingDir": execution.base_work_dir,
        "Env": [f"{name}={value}" for name, value in _variables(execution, base).items()],
        "Labels": {"org.opencontainers.image.base.name": base.name, "dev.nova-spi.development": FORMAT},
    }
    return write_image(layout, base, layers, config)


def _variables(execution: "Execution", base: Base) -> dict[str, str]:
    own, work = execution.environment or {}, execution.base_work_dir
    paths = [f"/{ENVIRONMENT}/bin", base.config.environment.get("PATH", ""), own.get("PATH", "")]
    modules = [work, f"/{RUNTIME}", own.get("PYTHONPATH", "")]
    ours = {
        "LANG": "C.UTF-8",
        "PATH": ":".join(path for path in paths if path),
        "PYTHONPATH": ":".join(path for path in modules if path),
        "PYTHONUNBUFFERED": "1",
        "SPI_WORK_DIR": work,
        "USER": "model",
        "VIRTUAL_ENV": f"/{ENVIRONMENT}",
    }
    return dict(base.config.environment) | own | ours
