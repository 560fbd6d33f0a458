"""Building an image without a daemon: base, packages, runtime, app, weights; same input, same digest.

What a layer is made from is its key in a cache beside the layout, so that an edit of the app writes the app's layer
and nothing else.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_CONFIG_BYTES, Fields, dump_object, load_object
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest, write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid, BuildFailed, SettingsInvalid
from nova_spi.images.base import Base, check_python, open_base
from nova_spi.images.choice import Chosen, choose_base, keep_pin, pin_of
from nova_spi.images.contents import USER, app_entries, file_entries, runtime_entries, split_files
from nova_spi.images.debian_system import resolve_system, system_layer
from nova_spi.images.labels import labels
from nova_spi.images.layers import Entry, Layer, write_layer
from nova_spi.images.lock import Locked
from nova_spi.images.steps import check_steps
from nova_spi.images.wheels import ENVIRONMENT, install_packages
from nova_spi.interface.compiled import compile_interface
from nova_spi.progress import Progress, Silent
from nova_spi.project import requirements
from nova_spi.project.starting import starting_words
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder

CACHE_FORMAT = "1"
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
) -> BuiltImage:
    """Builds a project's image into a layout, and writes ``nova-spi.lock`` where it had to choose a base.

    Args:
        folder: The project.
        layout: Where to; the base is brought there too.
        base: ``debian``, a path or a reference, see `nova_spi.images.base.open_base`; None chooses, see
            `nova_spi.images.choice.choose_base`.
        platform: By default Linux on this machine's architecture.
        name: By default the model's name and version.
        cached: Whether layers of earlier builds count.
        settings: By default the project's.
        progress: Is told.

    Raises:
        ManifestInvalid: The manifest has errors.
        BuildFailed: There is no base to be had or it does not do, the lock is not valid, the project needs a step that
            runs inside the image, or a wheel is missing.
        ArtifactInvalid: The base is damaged, or the disk is full.
        RegistryError: The base cannot be pulled.
        ExecutionError: There is nothing to run.
    """
    settings = settings or Settings.load(folder.root)
    build = _Build(folder, layout, platform or Platform.here(), cached, settings, progress or Silent())
    return build.run(base, name)


class _Build:
    """One build."""

    def __init__(
        self,
        folder: "Folder",
        layout: Layout,
        platform: Platform,
        cached: bool,
        settings: Settings,
        progress: Progress,
    ) -> None:
        from nova_spi.manifest.models import Execution

        self._folder = folder
        self._layout = layout
        self._platform = platform
        self._cached = cached
        self._settings = settings
        self._progress = progress
        self._manifest = folder.manifest
        self._execution: Execution = self._manifest.execution or Execution()
        self._interface = compile_interface(self._manifest)
        self._seconds = build_seconds()
        self._reused = 0

    def run(self, said: str | None, name: Reference | None) -> BuiltImage:
        execution = self._execution
        words = starting_words(self._interface.command(None).entry_point or execution.entry_point, self._folder.root)
        chosen = choose_base(
            self._folder, self._layout, self._platform, said=said, settings=self._settings, progress=self._progress
        )
        check_steps(execution, chosen.reference_or_path)
        self._progress.stage("base", f"{chosen.reference_or_path}: {chosen.reason}")
        cache_dir = self._settings.cache_dir
        base = open_base(
            chosen.reference_or_path, self._layout, self._platform, self._progress,
            locked=chosen.pin, cache_dir=cache_dir,
        )  # fmt: skip
        check_python(base, execution.python_version)
        pin = self._pin(base, chosen)
        layers = [*self._system(pin), *self._layers(base)]
        self._progress.stage("image", "")
        manifest = self._image(base, layers, words)
        model = self._manifest.model
        name = name or Reference.parse(f"{model.name}:{model.version}")
        self._layout.name(manifest.descriptor, str(name))
        keep_pin(self._folder.root, pin, self._progress)
        return BuiltImage(name, manifest, tuple(layers), base, chosen.reason, self._reused)

    def _pin(self, base: Base, chosen: Chosen) -> Locked:
        """What the lock says after this build."""
        names = tuple(sorted(set(self._execution.system_packages)))
        found = pin_of(base, self._platform)
        if not names:
            return found
        before = chosen.pin if chosen.from_lock else None
        if before is not None and before.system == names:
            return replace(found, system=names, system_packages=before.system_packages)
        packages = resolve_system(names, base.packages, self._platform, self._settings.cache_dir, self._progress)
        return replace(found, system=names, system_packages=packages)

    def _system(self, pin: Locked) -> list[Layer]:
        """The layer of execution.system_packages, where there are any."""
        packages = pin.system_packages
        if not packages:
            return []

        def made() -> Layer:
            cache_dir, seconds = self._settings.cache_dir, self._seconds
            return system_layer(packages, self._layout, self._platform, cache_dir, self._progress, seconds=seconds)

        return [self._kept("system", "\n".join(map(str, (self._platform, *packages))), made)]

    def _layers(self, base: Base) -> list[Layer]:
        work_dir = _inside(self._execution.base_work_dir)
        app, weights = split_files(self._folder)
        layers = [self._packages(base)]
        layers.append(self._layer(list(runtime_entries(work_dir)), "the runtime", "runtime"))
        layers.extend(
            self._layer(list(file_entries(file, work_dir)), file.relative, "weights", packed=False) for file in weights
        )
        self._progress.stage("app", "")
        layers.append(
            self._layer(list(app_entries(self._folder, self._interface, work_dir, app)), "the project", "app")
        )
        return layers

    def _packages(self, base: Base) -> Layer:
        named = self._execution.requirements
        snapshot = requirements.read(self._folder.root, self._folder.root / named) if named else None
        key = json.dumps([snapshot.digest if snapshot else "", str(self._platform), asdict(base.python)])

        def made() -> Layer:
            with tempfile.TemporaryDirectory(prefix="nova-spi-") as scratch:
                found = install_packages(snapshot, base.python, self._platform, Path(scratch), self._progress)
                return write_layer(self._layout, found, "nova-spi: packages", seconds=self._seconds)

        return self._kept("packages", key, made)

    def _layer(self, entries: list[Entry], what: str, kind: str, *, packed: bool = True) -> Layer:
        def made() -> Layer:
            return write_layer(self._layout, entries, f"nova-spi: {what}", seconds=self._seconds, packed=packed)

        # The layer of the app is read whole to know whether it changed: then it may as well be written.
        return made() if kind == "app" else self._kept(kind, _key(entries), made)

    def _kept(self, kind: str, key: str, made: Callable[[], Layer]) -> Layer:
        """A layer of an earlier build with the same key, where its blob is there and whole; else a new one."""
        digest = hashlib.sha256("\0".join((CACHE_FORMAT, kind, key, str(self._seconds))).encode()).hexdigest()
        place = self._layout.root / "layers" / f"{digest}.json"
        if self._cached and (found := self._remembered(place)) is not None:
            self._reused += 1
            return found
        layer = made()
        note = {"descriptor": layer.descriptor.to_dict(), "diff_id": str(layer.diff_id), "made_by": layer.made_by}
        with self._layout.blobs.told_when_full(), self._layout.blobs.incoming() as stream:
            stream.write(dump_object(note))
            stream.flush()
            place.parent.mkdir(exist_ok=True)
            Path(stream.name).replace(place)
        return layer

    def _remembered(self, place: Path) -> Layer | None:
        try:
            fields = Fields(load_object(place.read_bytes(), "A note"), "A note")
            found = Descriptor.read(Fields.of(fields.values.get("descriptor"), "A note"))
            layer = Layer(found, Digest.parse(fields.text("diff_id")), fields.text("made_by"))
        except (OSError, ArtifactInvalid):
            return None
        return layer if self._layout.blobs.has(found) else None

    def _image(self, base: Base, layers: list[Layer], words: tuple[str, ...]) -> Manifest:
        execution = self._execution
        when = f"{datetime.fromtimestamp(self._seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
        own = load_object(base.config_bytes, "The base's config", limit=MAX_CONFIG_BYTES)
        said = labels(self._manifest, self._interface, base, when)
        history = [*_history(base), *({"created": when, "created_by": layer.made_by} for layer in layers)]
        document: dict[str, Any] = {
            "architecture": base.config.platform.architecture,
            "os": base.config.platform.os,
            **({"variant": base.config.platform.variant} if base.config.platform.variant else {}),
            "created": when,
            "config": {
                **{name: own["config"][name] for name in ("StopSignal",) if name in (own.get("config") or {})},
                "User": f"{USER}:{USER}",
                "WorkingDir": execution.base_work_dir,
                "Entrypoint": list(words),
                "Env": [f"{name}={value}" for name, value in self._variables(base).items()],
                "Labels": dict(base.config.labels) | said,
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": [str(each) for each in (*base.config.diff_ids, *(layer.diff_id for layer in layers))],
            },
            "history": history,
        }
        config = self._layout.blobs.write(dump_object(document), IMAGE_CONFIG)
        shown = {name: value for name, value in said.items() if name.startswith("org.opencontainers.image.")}
        blobs = [*(as_oci(each) for each in base.manifest.layers), *(layer.descriptor for layer in layers)]
        manifest = write_manifest(config, blobs, shown)
        self._layout.blobs.write(manifest.raw, manifest.media_type)
        return manifest

    def _variables(self, base: Base) -> dict[str, str]:
        """The image's environment: the base's, the manifest's, and ours over both, as where there is no container."""
        work = self._execution.base_work_dir.rstrip("/")
        theirs = self._execution.environment or {}
        paths = [f"/{ENVIRONMENT}/bin", base.config.environment.get("PATH", ""), theirs.get("PATH", "")]
        ours = {
            "HOME": "/tmp",  # noqa: S108  # in the image, and the one folder that a hardened container lets it write
            "LANG": "C.UTF-8",
            "PATH": ":".join(path for path in paths if path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": ":".join(path for path in (work, f"{work}/spi", theirs.get("PYTHONPATH", "")) if path),
            "PYTHONUNBUFFERED": "1",
            "SPI_MANIFEST": f"{work}/spi/manifest.json",
            "SPI_WORK_DIR": work,
            "USER": "model",
            "VIRTUAL_ENV": f"/{ENVIRONMENT}",
        }
        return dict(base.config.environment) | theirs | ours


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


def _key(entries: Iterable[Entry]) -> str:
    """What a layer is made from: names, kinds, and contents by their digests."""
    found = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.path):
        content = entry.source
        if isinstance(content, Path):
            with content.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
        elif isinstance(content, bytes):
            content = hashlib.sha256(content).digest()
        found.update(
            repr((entry.path, content, entry.executable, entry.owner, entry.mode)).encode("utf-8", "surrogatepass")
        )
    return found.hexdigest()


def as_oci(layer: Descriptor) -> Descriptor:
    """A layer of the base under OCI's name of its type: an OCI manifest names no types of Docker's."""
    from nova_spi.artifacts.media_types import DOCKER_LAYER_GZIP, DOCKER_LAYER_TAR, LAYER_GZIP, LAYER_TAR

    names = {DOCKER_LAYER_GZIP: LAYER_GZIP, DOCKER_LAYER_TAR: LAYER_TAR}
    return Descriptor(names.get(layer.media_type, layer.media_type), layer.digest, layer.size)


def _history(base: Base) -> list[Mapping[str, Any]]:
    """The base's history; readers want one entry a layer, and not every base has that."""
    kept = list(base.config.history)
    if sum(not entry.get("empty_layer") for entry in kept) == len(base.manifest.layers):
        return kept
    return [{"created_by": f"from {base.name}"} for _ in base.manifest.layers]
