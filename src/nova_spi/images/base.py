"""The base of an image: brought into our layout from a registry, a layout, an archive or packages, and looked at."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from nova_spi.artifacts.archive_reading import read_archive
from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid, BuildFailed
from nova_spi.images import debian
from nova_spi.images.approval import approve
from nova_spi.images.debian_records import Package
from nova_spi.images.lock import Locked
from nova_spi.images.notes import is_there, keep_note, write_note
from nova_spi.images.python_facts import PythonFacts, python_facts
from nova_spi.progress import Progress
from nova_spi.settings import Settings


@dataclass(frozen=True, slots=True)
class Base:
    """A base image that is in our layout.

    Attributes:
        name: As it was asked for; of a file, its name alone, so that no path of this machine gets into an image.
        manifest: Its manifest.
        config: Its config.
        config_bytes: The same as they came.
        python: Its Python.
        kind: ``registry``, ``disk`` or ``debian``: where it comes from.
        packages: What ``debian`` is assembled from.
    """

    name: str
    manifest: Manifest
    config: ImageConfig
    config_bytes: bytes
    python: PythonFacts
    kind: str = "registry"
    packages: tuple[Package, ...] = ()


class _Origin(NamedTuple):
    """A base that is in the layout: its name, what names its manifest, and what `Base` says of where it is from."""

    name: str
    descriptor: Descriptor
    kind: str
    packages: tuple[Package, ...] = ()


def open_base(
    said: str,
    layout: Layout,
    platform: Platform,
    progress: Progress,
    *,
    locked: Locked | None = None,
    cache_dir: Path | None = None,
) -> Base:
    """Brings a base into a layout.

    Args:
        said: ``debian``; a path of an OCI layout (``DIR`` or ``DIR:TAG``) or of an archive; else a reference. A folder
            that is called debian is meant by ``./debian``.
        layout: Where to.
        platform: Which one of several.
        progress: Hears of the pull.
        locked: What the lock says: then exactly this one, whatever stands under its name today.
        cache_dir: Where ``debian`` keeps packages; by default the settings' one.

    Raises:
        BuildFailed: It is not approved, has no Python, is for another platform, is not what the lock says, or cannot
            be assembled here.
        ArtifactInvalid: It is damaged, or not valid.
        RegistryError: It cannot be pulled.
        UsageError: It is neither a path nor a reference.
    """
    if locked is not None:
        origin = _locked(locked, layout, platform, cache_dir, progress)
    elif said == debian.NAME:
        cache_dir = cache_dir or Settings.load().cache_dir
        packages = debian.resolve(platform, cache_dir, progress)
        descriptor = debian.assemble(packages, layout, platform, cache_dir, progress)
        origin = _Origin(debian.NAME, descriptor, debian.NAME, packages)
    else:
        origin = _found(said, layout, platform, progress)
    manifest = layout.manifest(origin.descriptor, platform)
    config = layout.config(manifest)
    if not config.platform.fits(platform):
        raise BuildFailed(
            f"The base image {said} is for {config.platform}, and {platform} is asked for.",
            mend=f"--platform {config.platform}",
            code="build.base_platform",
        )
    raw = layout.blobs.read(manifest.config, 1 << 24)
    facts = _facts(layout, manifest, config)
    return Base(origin.name, manifest, config, raw, facts, origin.kind, origin.packages)


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
        raise ArtifactInvalid(
            f"There is no base image at {said}.",
            mend="Name an OCI layout or an archive on disk, a reference, or debian.",
            code="artifact.missing",
        )
    return None, ""


def _found(said: str, layout: Layout, platform: Platform, progress: Progress) -> _Origin:
    path, tag = _place(said)
    if path is None:
        reference = Reference.parse(said)
        approve(reference)
        return _Origin(said, _pulled(reference, layout, platform, progress), "registry")
    name = path.name if path.name.isprintable() and path.name else "base"
    if path.is_dir():
        return _Origin(name, _copied(Layout.open(path), tag, layout, platform), "disk")
    return _Origin(name, read_archive(path, layout, platform=platform, name=tag), "disk")


def _locked(locked: Locked, layout: Layout, platform: Platform, cache_dir: Path | None, progress: Progress) -> _Origin:
    """The base that the lock pins: out of the layout where it is there, and nobody is asked."""
    if locked.kind == debian.NAME:
        cache_dir = cache_dir or Settings.load().cache_dir
        found = debian.assemble(locked.packages, layout, platform, cache_dir, progress)
        if layout.manifest(found).config.digest != locked.image_id:
            raise BuildFailed(
                "The base debian is not what nova-spi.lock pins.",
                why="Another version of nova-spi assembles the same packages in another way.",
                mend="Choose anew, which rewrites the lock: --base-image debian",
                code="build.lock_differs",
            )
        return _Origin(locked.name, found, locked.kind, locked.packages)
    if (kept := _in_layout(layout, locked.digest)) is not None:
        return _Origin(locked.name, kept, locked.kind)
    if locked.kind == "disk":
        raise BuildFailed(
            f"The base image {locked.name}, which nova-spi.lock pins, is not in the store.",
            why=f"It came from a file or a folder, and its digest is {locked.digest}.",
            mend="Name it again: --base-image PATH",
            code="build.base_missing",
        )
    reference = replace(Reference.parse(locked.name), digest=locked.digest)
    return _Origin(locked.name, _pulled(reference, layout, platform, progress), locked.kind)


def _in_layout(layout: Layout, digest: Digest) -> Descriptor | None:
    try:
        descriptor = Descriptor("", digest, layout.blobs.path(digest).stat().st_size)
    except OSError:
        return None
    return descriptor if is_there(layout, descriptor) else None


def _pulled(reference: Reference, layout: Layout, platform: Platform, progress: Progress) -> Descriptor:
    from nova_spi.artifacts.registry.client import Registry
    from nova_spi.artifacts.registry.pulling import pull

    with Registry.of(reference) as registry:
        descriptor = pull(registry, reference, layout, platform=platform, progress=progress)
    keep_note(layout, origin_of(reference, platform), descriptor)
    return descriptor


def origin_of(reference: Reference, platform: Platform) -> str:
    """What a pulled base is noted under; see `nova_spi.images.notes.noted`."""
    return f"{reference}\n{platform}"


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
    write_note(layout, place, json.dumps(asdict(found)).encode())
    return found
