"""An image of the local store opened as if it were a project: its app is unpacked once; runs leave traces beside it.

Anybody may have made such an image, so it is believed less than a project: it has no settings, names no files of this
machine, and what it has where runs leave their traces is taken away.
"""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.locking import held
from nova_spi.artifacts.looking_up import look_up
from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid
from nova_spi.execution.images import image_in
from nova_spi.execution.places import PRIVATE
from nova_spi.execution.pulling import pull_model
from nova_spi.execution.removal import remove_tree
from nova_spi.progress import Progress, Silent
from nova_spi.settings import Settings
from nova_spi.settings.sources import PROJECT_FILE

if TYPE_CHECKING:
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.manifests import Manifest
    from nova_spi.project.folder import Folder

OURS = (PRIVATE, PROJECT_FILE, "test_outputs")
"""What a project has of its own on this machine, and an image has no business to bring: a link there would be followed.
"""


def stored(name: str, settings: Settings, progress: Progress | None = None) -> Image:
    """An image of the local store, fetched into it from its registry where it is not there yet.

    Args:
        name: Its name (``my-model:1.0``, ``registry.example.org/team/model@sha256:...``), or the digest of one that is
            in the store. A name that is in the store is not looked for anywhere else.
        settings: For the store.
        progress: Hears of what is fetched.

    Raises:
        ArtifactInvalid: The store is damaged; or it has no such image, and no registry can have it by this name.
        RegistryError: It is not in the store, and cannot be fetched.
    """
    found = look_up(settings.store, name)
    if found is None:
        return pull_model(name, settings, progress or Silent())
    return image_in(found.layout, found.name, found.layout.manifest(found.descriptor))


def open_image(image: Image, settings: Settings) -> "Folder":
    """The project that an image holds, unpacked below the user's data once for each digest.

    Raises:
        ArtifactInvalid: The image is damaged, or holds no manifest.
    """
    from nova_spi.artifacts.layout import Layout
    from nova_spi.project.folder import MANIFEST_NAMES, open_folder

    name = re.sub(r"[^a-z0-9._-]", "-", image.name.rpartition("/")[2])
    place = settings.data_dir / "models" / f"{name}-{image.manifest.rpartition(':')[2][:12]}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with held(place.parent / ".lock"):
            if not place.is_dir():
                layout = Layout.open(image.layout)
                _unpack(layout, layout.manifest(layout.find(image.manifest)), place, image.name)
    except OSError as error:
        raise ArtifactInvalid(
            f"The image {image.name} cannot be opened: {place} cannot be written.",
            why=f"{error.strerror}.",
            mend="Make it writable, or set NOVA_SPI_DATA_DIR to a folder that is.",
            code="artifact.unwritable",
        ) from error
    found = next((place / each for each in MANIFEST_NAMES if os.path.lexists(place / each)), None)
    if found is None or not (found.is_file() and found.resolve().is_relative_to(place.resolve())):
        raise _no_manifest(image.name)
    return replace(open_folder(place), from_image=True)


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
        for name in OURS:
            remove_tree(beside / name)
        beside.rename(place)
    finally:
        remove_tree(beside)


def _no_manifest(name: str) -> ArtifactInvalid:
    return ArtifactInvalid(
        f"The image {name} holds no manifest.",
        why="There is no manifest.yml in its working folder, so nothing says what it takes and gives.",
        mend=f"Look at what is in it: nova-spi inspect-image {name}; build one of a project: nova-spi build",
        code="artifact.no_manifest",
    )
