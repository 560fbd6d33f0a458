"""An image of the local store opened as if it were a project: its app is unpacked once; runs leave traces beside it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid
from nova_spi.execution.places import held
from nova_spi.execution.removal import remove_tree
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.manifests import Manifest
    from nova_spi.images.build import BuiltImage
    from nova_spi.project.folder import Folder


def image_of(image: "BuiltImage", layout: "Layout") -> Image:
    """A built image as engines take it."""
    return Image(str(image.name), layout.root, str(image.digest), str(image.manifest.config.digest))


def in_store(name: str, settings: Settings) -> Image | None:
    """The image of this name or digest in the local store; None where there is none.

    Raises:
        ArtifactInvalid: The store is damaged.
    """
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.references import Reference
    from nova_spi.errors import UsageError

    if not (settings.store / "oci-layout").exists():
        return None
    layout = Layout.open(settings.store)
    names = layout.names()
    try:
        full = str(Reference.parse(name))
    except UsageError:
        full = name
    by_digest = {str(each.digest): each for each in layout.entries()}
    found = names.get(full) or by_digest.get(name)
    if found is None:
        return None
    manifest = layout.manifest(found)
    known = full if full in names else next((said for said, each in names.items() if each.digest == found.digest), name)
    return Image(known, layout.root, str(manifest.descriptor.digest), str(manifest.config.digest))


def stored(name: str, settings: Settings) -> Image:
    """The image of this name or digest in the local store.

    Raises:
        ArtifactInvalid: There is none, or the store is damaged.
    """
    image = in_store(name, settings)
    if image is None:
        raise ArtifactInvalid(
            f"There is no image {name!r} in the local store.",
            why=f"The store is {settings.store}.",
            mend="nova-spi build",
            code="artifact.missing",
        )
    return image


def open_image(image: Image, settings: Settings) -> "Folder":
    """The project that an image holds, unpacked below the user's data once for each digest.

    Raises:
        ArtifactInvalid: The image is damaged, or holds no manifest.
    """
    from nova_spi.artifacts.layout import Layout
    from nova_spi.project.folder import find_manifest, open_folder

    name = re.sub(r"[^a-z0-9._-]", "-", image.name.rpartition("/")[2])
    place = settings.data_dir / "models" / f"{name}-{image.manifest.rpartition(':')[2][:12]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with held(place.parent / ".lock"):
        if not place.is_dir():
            layout = Layout.open(image.layout)
            _unpack(layout, layout.manifest(layout.find(image.manifest)), place, image.name)
    if find_manifest(place) is None:
        raise _no_manifest(image.name)
    return open_folder(place)


def _unpack(layout: "Layout", manifest: "Manifest", place: Path, name: str) -> None:
    from nova_spi.artifacts.trees import unpack

    config = layout.config(manifest)
    below = (config.environment.get("SPI_WORK_DIR") or config.working_dir or "/app").strip("/")
    if not below:
        raise _no_manifest(name)
    beside = place.with_name(f".{place.name}.part")
    remove_tree(beside)
    try:
        unpack(layout, manifest, beside, below=below)
        beside.rename(place)
    finally:
        remove_tree(beside)


def _no_manifest(name: str) -> ArtifactInvalid:
    return ArtifactInvalid(
        f"The image {name} holds no manifest.",
        why="There is no manifest.yml in its working folder, so nothing says what it takes and gives.",
        mend="Build it from a project: nova-spi build",
        code="artifact.no_manifest",
    )
