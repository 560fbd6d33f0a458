"""The base of an image: brought into our layout from a registry, a layout or an archive, and looked at."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from nova_spi.artifacts.archive_reading import read_archive
from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid, BuildFailed
from nova_spi.images.approval import approve
from nova_spi.images.python_facts import PythonFacts, python_facts
from nova_spi.progress import Progress


@dataclass(frozen=True, slots=True)
class Base:
    """A base image that is in our layout.

    Attributes:
        name: As it was asked for; of a file, its name alone, so that no path of this machine gets into an image.
        manifest: Its manifest.
        config: Its config.
        config_bytes: The same as they came.
        python: Its Python.
    """

    name: str
    manifest: Manifest
    config: ImageConfig
    config_bytes: bytes
    python: PythonFacts


def open_base(said: str, layout: Layout, platform: Platform, progress: Progress) -> Base:
    """Brings a base into a layout.

    Args:
        said: A path of an OCI layout (``DIR`` or ``DIR:TAG``) or of an archive, else a reference.
        layout: Where to.
        platform: Which one of several.
        progress: Hears of the pull.

    Raises:
        BuildFailed: It is not approved, has no Python, or is for another platform.
        ArtifactInvalid: It is damaged, or not valid.
        RegistryError: It cannot be pulled.
        UsageError: It is neither a path nor a reference.
    """
    path, tag = _place(said)
    if path is None:
        name, descriptor = said, _pulled(said, layout, platform, progress)
    elif path.is_dir():
        name, descriptor = path.name, _copied(Layout.open(path), tag, layout, platform)
    else:
        name, descriptor = path.name, read_archive(path, layout, platform=platform, name=tag)
    manifest = layout.manifest(descriptor, platform)
    config = layout.config(manifest)
    if not config.platform.fits(platform):
        raise BuildFailed(
            f"The base image {said} is for {config.platform}, and {platform} is asked for.",
            mend=f"--platform {config.platform}",
            code="build.base_platform",
        )
    raw = layout.blobs.read(manifest.config, 1 << 24)
    return Base(name, manifest, config, raw, _facts(layout, manifest, config))


def check_python(base: Base, wanted: str | None) -> None:
    """Compares the base's Python with the manifest's.

    Raises:
        BuildFailed: They differ; the message names both.
    """
    if wanted is None or base.python.fits(wanted):
        return
    raise BuildFailed(
        f"The base image {base.name} has Python {base.python.version}; execution.python_version is {wanted}.",
        mend=f"Use a base with Python {wanted}, or set execution.python_version to {base.python.minor}.",
        code="build.base_python",
        base_python=base.python.version,
        python_version=wanted,
    )


def _place(said: str) -> tuple[Path | None, str]:
    """A path that is there, with the name inside it; nothing where it is a reference."""
    if Path(said).exists():
        return Path(said), ""
    before, colon, name = said.partition(":")
    if colon and Path(before).exists() and (before.startswith((".", "/")) or Path(before).is_dir()):
        return Path(before), name
    if said.startswith(("/", "./", "../")):
        raise ArtifactInvalid(f"There is no base image at {said}.", code="artifact.missing")
    return None, ""


def _pulled(said: str, layout: Layout, platform: Platform, progress: Progress) -> Descriptor:
    from nova_spi.artifacts.registry.client import Registry
    from nova_spi.artifacts.registry.pulling import pull

    reference = Reference.parse(said)
    approve(reference)
    with Registry.of(reference) as registry:
        return pull(registry, reference, layout, platform=platform, progress=progress)


def _copied(source: Layout, tag: str, layout: Layout, platform: Platform) -> Descriptor:
    manifest = source.manifest(source.find(tag), platform)
    for blob in manifest.blobs:
        layout.blobs.keep(blob, source.blobs.chunks(blob))
    return layout.blobs.write(manifest.raw, manifest.media_type)


def _facts(layout: Layout, manifest: Manifest, config: ImageConfig) -> PythonFacts:
    """What is known of a base, kept beside the layout under its digest, since reading its layers takes a second."""
    place = layout.root / "facts" / f"{manifest.descriptor.digest.hex}.json"
    try:
        return PythonFacts(**json.loads(place.read_bytes()))
    except (OSError, ValueError, TypeError):
        pass  # not looked at yet, or of another version of nova-spi
    found = python_facts(layout, manifest, config)
    with layout.blobs.told_when_full(), layout.blobs.incoming() as stream:
        stream.write(json.dumps(asdict(found)).encode())
        stream.flush()
        place.parent.mkdir(exist_ok=True)
        Path(stream.name).replace(place)
    return found
