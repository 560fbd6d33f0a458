"""An image looked at without being run: what it is, and what a catalog shows of its model.

An image is found by what it is called: a path of an OCI layout or an archive, a name or digest of the local store, an
image or a container of the container engine of this machine, or a reference in a registry, in this order. Of a
registry only what is needed is fetched.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.looking_up import look_up
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid, NovaSpiError, RegistryError, UsageError
from nova_spi.execution.pulling import not_here, not_stored
from nova_spi.images.catalog import CatalogMetadata, read_catalog
from nova_spi.images.catalog_files import Fetch, ImageFiles
from nova_spi.images.inspecting import ImageFacts, image_facts
from nova_spi.progress import Progress, Silent
from nova_spi.settings import Settings


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an image is, and what a catalog shows of the model in it.

    Attributes:
        image: Name, digest, platform, start, layers.
        catalog: Fields, texts and media.
    """

    image: ImageFacts
    catalog: CatalogMetadata

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON, media without their bytes."""
        return {"image": self.image.to_dict(), **self.catalog.to_dict()}


def catalog_metadata(
    ref: Path | str, *, platform: str | None = None, progress: Progress | None = None
) -> CatalogMetadata:
    """What a catalog shows of the model in an image: the Workbench's fields, the texts, the media's bytes.

    The image need not run, and need not be made by nova-spi.

        found = nova_spi.catalog_metadata("my-model:1.0.0")
        found.fields["model_name"], found.thumbnail

    Args:
        ref: A path of an OCI layout (``DIR`` or ``DIR:NAME``) or of an archive, a name or digest of the local store,
            an image or a container of Docker or Podman, or a reference in a registry.
        platform: Of several, ``linux/arm64``; by default this machine's.
        progress: Who listens.

    Raises:
        ArtifactInvalid: There is no such image, it is damaged, or it holds no manifest (``artifact.no_manifest``).
        ManifestInvalid: Its manifest has errors.
        RegistryError: It cannot be fetched.
        UsageError: ``ref`` is neither a path nor a name.
    """
    return inspect_image(ref, platform=platform, progress=progress).catalog


def inspect_image(ref: Path | str, *, platform: str | None = None, progress: Progress | None = None) -> Inspection:
    """What an image is, and what a catalog shows of its model; see `catalog_metadata`."""
    wanted = Platform.parse(platform) if platform else Platform.here()
    with _found(str(ref), wanted, Settings.load(), progress or Silent()) as image:
        catalog = read_catalog(ImageFiles(image.layout, image.manifest, image.fetch), image.config, image.name)
        return Inspection(image_facts(image.name, image.manifest, image.config), catalog)


@dataclass(frozen=True, slots=True)
class _Image:
    """An image that was found.

    Attributes:
        name: What it was asked for by.
        layout: Where its config is, and its layers once they are fetched.
        fetch: Brings a layer there.
    """

    name: str
    layout: Layout
    manifest: Manifest
    config: ImageConfig
    fetch: Fetch | None = None


@contextmanager
def _found(ref: str, platform: Platform, settings: Settings, progress: Progress) -> Iterator[_Image]:
    with ExitStack() as held:
        path, name = _path(ref)
        if path is not None and path.is_dir():
            layout = Layout.open(path)
            yield _of(ref, layout, layout.find(name), platform)
        elif path is not None:
            from nova_spi.artifacts.archive_reading import read_archive

            layout = held.enter_context(_scratch(settings))
            yield _of(ref, layout, read_archive(path, layout, platform=platform, name=name), platform)
        elif (stored := look_up(settings.store, ref)) is not None:
            yield _of(ref, stored.layout, stored.descriptor, platform)
        elif (layout := held.enter_context(_scratch(settings))) and (local := _local(ref, layout)) is not None:
            yield _of(ref, layout, local, platform)
        else:
            yield _remote(ref, layout, platform, settings, progress, held)


def _of(name: str, layout: Layout, descriptor: Descriptor, platform: Platform) -> _Image:
    manifest = layout.manifest(descriptor, platform)
    return _Image(name, layout, manifest, layout.config(manifest))


def _path(ref: str) -> tuple[Path | None, str]:
    """A path that is there, with the name inside it; nothing where it is the name of an image."""
    before, colon, name = ref.partition(":")
    is_path = ref.startswith(("/", "./", "../", "~"))
    if Path(ref).is_file() or (Path(ref).is_dir() and (is_path or (Path(ref) / "oci-layout").exists())):
        return Path(ref), ""
    if colon and (Path(before).is_file() or (Path(before) / "oci-layout").exists()):
        return Path(before), name
    if is_path:
        raise ArtifactInvalid(
            f"There is no image at {ref}.",
            mend="Name an OCI layout or an archive on disk, or NAME:TAG of an image.",
            code="artifact.missing",
        )
    return None, ""


def _local(ref: str, layout: Layout) -> Descriptor | None:
    """An image or a container of the container engine, where one answers and has it."""
    from nova_spi.sdk.local_images import bring_local

    return bring_local(ref, layout)


def _remote(
    ref: str, layout: Layout, platform: Platform, settings: Settings, progress: Progress, held: ExitStack
) -> _Image:
    """An image in a registry: manifest and config now, layers when they are asked for."""
    from nova_spi.artifacts.registry.client import Registry
    from nova_spi.artifacts.registry.pulling import choose_manifest, pull_blob, pull_config

    try:
        reference = Reference.parse(ref)
    except UsageError as error:
        raise not_stored(ref, error.message) from error
    registry = held.enter_context(Registry.of(reference))
    progress.stage("pull", str(reference))
    try:
        manifest = choose_manifest(registry, reference, platform)
    except RegistryError as error:
        raise error if reference.host in ref else not_here(ref, reference, error) from error
    kept = _kept_layers(settings)

    def fetch(descriptor: Descriptor) -> None:
        if kept is not None and kept.blobs.has(descriptor) and not layout.blobs.has(descriptor):
            layout.blobs.keep(descriptor, kept.blobs.chunks(descriptor))
        pull_blob(registry, reference.repository, descriptor, layout, progress=progress)

    return _Image(str(reference), layout, manifest, pull_config(registry, reference, manifest, layout), fetch)


def _kept_layers(settings: Settings) -> Layout | None:
    """The local store, which may have a base's layers already."""
    try:
        return Layout.open(settings.store)
    except NovaSpiError:
        return None


@contextmanager
def _scratch(settings: Settings) -> Iterator[Layout]:
    """A layout for what is only looked at; images are large, and the cache is where there is room."""
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="inspect-", dir=settings.cache_dir) as folder:
        yield Layout.create(Path(folder) / "layout")
