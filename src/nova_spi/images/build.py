"""Building an image without a daemon: base, packages, runtime, bytecode, weights, app; same input, same digest.

What a layer is made from is its key in a cache beside the layout, so that an edit of the app writes the app's layer
and nothing else.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_CONFIG_BYTES, load_object
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.errors import BuildFailed, SettingsInvalid
from nova_spi.images.base import Base
from nova_spi.images.basing import Ground, system_layers, take_ground
from nova_spi.images.bytecode import Bytecode
from nova_spi.images.choice import keep_pin
from nova_spi.images.contents import USER, app_entries, file_entries, runtime_entries, split_files
from nova_spi.images.describing import rfc3339, write_image
from nova_spi.images.keeping import Kept, entries_key
from nova_spi.images.labels import labels
from nova_spi.images.layers import Entry, Layer, write_layer
from nova_spi.images.serving import LABEL as SERVING_LABEL
from nova_spi.images.serving import (
    PORT,
    check_python,
    server_entries,
    server_packages,
    serving_requirements,
    serving_words,
)
from nova_spi.images.steps import Steps
from nova_spi.images.variables import variables
from nova_spi.images.wheels import install_packages
from nova_spi.interface.compiled import compile_interface
from nova_spi.progress import Progress, Silent
from nova_spi.project import requirements
from nova_spi.project.starting import starting_words
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder

LATEST_SECOND = 8_589_934_591
"""What eleven octal digits of a tar's header hold."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that is in a layout.

    Attributes:
        name: What the layout calls it: ``docker.io/library/my-model:1.0.0``.
        manifest: Its manifest.
        layers: Those above the base, in order.
        base: What it was built from.
        reason: Why from that.
        reused: How many of its layers an earlier build had made.
    """

    name: Reference
    manifest: Manifest
    layers: tuple[Layer, ...]
    base: Base
    reason: str
    reused: int

    @property
    def digest(self) -> Digest:
        """Of the manifest: what the image is pinned by."""
        return self.manifest.descriptor.digest


def build_image(
    folder: "Folder",
    layout: Layout,
    *,
    base: str | None = None,
    platform: Platform | None = None,
    name: Reference | None = None,
    cached: bool = True,
    settings: Settings | None = None,
    progress: Progress | None = None,
    steps: Steps | None = None,
    serving: bool = False,
) -> BuiltImage:
    """Builds a project's image into a layout, and writes ``nova-spi.lock`` where it had to choose a base.

    Args:
        folder: The project.
        layout: Where to; the base is brought there too.
        base: ``debian``, a path or a reference, see `nova_spi.images.base.open_base`; None chooses, see
            `nova_spi.images.choice.choose_base`.
        platform: By default Linux on this machine's architecture.
        name: By default the model's name and version; of an image for serving with ``-serving`` behind it.
        cached: Whether layers of earlier builds count.
        settings: By default the project's.
        progress: Is told.
        steps: Who runs what must run inside the image (system packages of a base, a Dockerfile, compiling modules);
            None is nobody, and the image holds no bytecode.
        serving: Whether it holds nova-spi too, and serves the model where it is started; see `nova_spi.images.serving`.

    Raises:
        ManifestInvalid: The manifest has errors.
        BuildFailed: There is no base to be had or it does not do, the lock is not valid, the project needs a step that
            runs inside the image and nobody can run it, or a wheel is missing.
        ArtifactInvalid: The base is damaged, or the disk is full.
        RegistryError: The base cannot be pulled.
        ExecutionError: There is nothing to run.
    """
    settings = settings or Settings.load(folder.root)
    progress, platform = progress or Silent(), platform or Platform.here()
    ground = take_ground(folder, layout, platform, said=base, settings=settings, progress=progress, steps=steps)
    image = _Build(folder, layout, platform, ground, cached, settings, progress, steps, serving=serving).run(name)
    if ground.pin is not None:
        keep_pin(folder.root, ground.pin, progress)
    return image


class _Build:
    """One build on a ground that is in the layout."""

    def __init__(
        self,
        folder: "Folder",
        layout: Layout,
        platform: Platform,
        ground: Ground,
        cached: bool,
        settings: Settings,
        progress: Progress,
        steps: Steps | None,
        *,
        serving: bool,
    ) -> None:
        from nova_spi.manifest.models import Execution

        self._folder = folder
        self._layout = layout
        self._platform = platform
        self._ground = ground
        self._settings = settings
        self._progress = progress
        self._serving = serving
        self._manifest = folder.manifest
        self._execution: Execution = self._manifest.execution or Execution()
        self._interface = compile_interface(self._manifest)
        self._seconds = build_seconds()
        self._kept = Kept(layout, self._seconds, cached=cached)
        self._work_dir = _inside(self._execution.base_work_dir)
        self._bytecode = Bytecode(
            layout, ground.base, platform, steps, self._kept, self._seconds, self._work_dir, progress
        )

    def run(self, name: Reference | None) -> BuiltImage:
        entry_point = self._interface.command(None).entry_point or self._execution.entry_point
        words = starting_words(entry_point, self._folder.root)
        if self._serving:
            check_python(self._ground.base.python)
            words = serving_words(self._execution.base_work_dir)
        system = self._system()
        layers = [*system, *self._bytecode.of_python(system), *self._server(), *self._layers()]
        self._progress.stage("image", "")
        manifest = self._image(layers, words)
        model = self._manifest.model
        name = name or Reference.parse(f"{model.name}:{model.version}{'-serving' if self._serving else ''}")
        self._layout.name(manifest.descriptor, str(name))
        origin, reason = self._ground.origin, self._ground.reason
        return BuiltImage(name, manifest, tuple(layers), origin, reason, self._kept.reused)

    def _system(self) -> list[Layer]:
        """The layer of execution.system_packages, where it is laid out from outside."""
        pin = self._ground.pin
        if pin is None or not pin.system_packages:
            return []
        key = "\n".join(map(str, (self._platform, *pin.system_packages)))

        def made() -> Layer:
            [layer] = system_layers(
                pin, self._layout, self._platform, self._settings, self._progress, seconds=self._seconds
            )
            return layer

        return [self._kept.layer("system", key, made)]

    def _layers(self) -> list[Layer]:
        work_dir = self._work_dir
        app, weights = split_files(self._folder)
        layers = [self._packages(), self._layer(list(runtime_entries(work_dir)), "the runtime", "runtime")]
        layers += self._bytecode.of_packages(*layers)
        layers.extend(
            self._layer(list(file_entries(file, work_dir)), file.relative, "weights", packed=False) for file in weights
        )
        self._progress.stage("app", "")
        layers.append(
            self._layer(list(app_entries(self._folder, self._interface, work_dir, app)), "the project", "app")
        )
        return layers

    def _server(self) -> list[Layer]:
        """The layers of an image for serving: the server's packages, nova-spi, and the bytecode of both."""
        if not self._serving:
            return []
        python = self._ground.base.python
        snapshot = serving_requirements(self._interface)
        key = json.dumps([snapshot.digest, str(self._platform), asdict(python)])

        def made() -> Layer:
            with tempfile.TemporaryDirectory(prefix="nova-spi-") as scratch:
                found = server_packages(snapshot, python, self._platform, Path(scratch), self._progress)
                return write_layer(self._layout, found, "nova-spi: the server's packages", seconds=self._seconds)

        packages = self._kept.layer("server packages", key, made)
        server = self._layer(list(server_entries(python)), "the server", "server")
        return [packages, server, *self._bytecode.of_server(packages, server)]

    def _packages(self) -> Layer:
        named, python = self._execution.requirements, self._ground.base.python
        snapshot = requirements.read(self._folder.root, self._folder.root / named) if named else None
        key = json.dumps([snapshot.digest if snapshot else "", str(self._platform), asdict(python)])

        def made() -> Layer:
            with tempfile.TemporaryDirectory(prefix="nova-spi-") as scratch:
                found = install_packages(snapshot, python, self._platform, Path(scratch), self._progress)
                return write_layer(self._layout, found, "nova-spi: packages", seconds=self._seconds)

        return self._kept.layer("packages", key, made)

    def _layer(self, entries: list[Entry], what: str, kind: str, *, packed: bool = True) -> Layer:
        def made() -> Layer:
            return write_layer(self._layout, entries, f"nova-spi: {what}", seconds=self._seconds, packed=packed)

        # The layer of the app is read whole to know whether it changed: then it may as well be written.
        return made() if kind == "app" else self._kept.layer(kind, entries_key(entries), made)

    def _image(self, layers: list[Layer], words: tuple[str, ...]) -> Manifest:
        base, execution = self._ground.base, self._execution
        own = load_object(base.config_bytes, "The base's config", limit=MAX_CONFIG_BYTES).get("config") or {}
        said = labels(self._manifest, self._interface, self._ground.origin, rfc3339(self._seconds))
        if self._serving:
            said |= {SERVING_LABEL: str(PORT)}
        config: dict[str, Any] = {
            **{name: own[name] for name in ("StopSignal",) if name in own},
            "User": f"{USER}:{USER}",
            "WorkingDir": execution.base_work_dir,
            "Entrypoint": list(words),
            "Env": [f"{name}={value}" for name, value in variables(base, execution).items()],
            "Labels": dict(base.config.labels) | said,
            **({"ExposedPorts": {f"{PORT}/tcp": {}}} if self._serving else {}),
        }
        shown = {name: value for name, value in said.items() if name.startswith("org.opencontainers.image.")}
        return write_image(self._layout, base, layers, config, seconds=self._seconds, annotations=shown)


def build_seconds() -> int:
    """The time of everything in an image: SOURCE_DATE_EPOCH, else 1970.

    Raises:
        SettingsInvalid: It is no number of seconds.
    """
    said = os.environ.get("SOURCE_DATE_EPOCH") or "0"
    if not (said.isascii() and said.isdigit()) or int(said[:12]) > LATEST_SECOND or len(said) > len(str(LATEST_SECOND)):
        raise SettingsInvalid(
            f"SOURCE_DATE_EPOCH is {said[:40]!r}.",
            why="It is the number of seconds since 1970-01-01.",
            mend="unset SOURCE_DATE_EPOCH",
        )
    return int(said)


def _inside(work_dir: str) -> str:
    parts = [part for part in PurePosixPath(work_dir).parts if part != "/"]
    if not parts or ".." in parts:
        raise BuildFailed(f"execution.base_work_dir {work_dir!r} is no folder that an image can have.")
    return "/".join(parts)
