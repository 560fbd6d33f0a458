"""Which engine a project or an image runs on, where the caller leaves it open."""

from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.port import Engine, Image
from nova_spi.engines.select import container_engine_answers, select
from nova_spi.execution.places import PRIVATE
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.project.folder import Folder


def choose_engine(
    folder: "Folder", settings: Settings, isolation: "Level | None" = None, image: Image | None = None
) -> Engine:
    """The engine that ``settings.engine`` names; of ``auto``, docker where it could start at once, else process.

    It could where its socket answers and nothing has to be fetched first: there is the image, an earlier build of the
    project, or the base that a build would take.

    Args:
        folder: The project.
        settings: The caller's.
        isolation: The least level of isolation; a container has more than any.
        image: What is to run; None is the project.

    Raises:
        EngineUnavailable: The engine is not on this machine, or it isolates less than ``isolation``.
    """
    name = settings.engine
    if name == "auto" and (image is not None or has_image_or_base(folder, settings)) and container_engine_answers():
        name = "docker"
    return select(name, settings, isolation, folder.root / PRIVATE)


def has_image_or_base(folder: "Folder", settings: Settings) -> bool:
    """Whether this project was built here before, or its base is on this machine."""
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.references import Reference
    from nova_spi.errors import NovaSpiError

    manifest = folder.manifest
    said = (manifest.execution.base_image if manifest.execution else None) or settings.base_image
    if said and said.startswith((".", "/")) and Path(said).exists():
        return True
    try:
        wanted = {str(Reference.parse(f"{manifest.model.name}:{manifest.model.version}"))}
        wanted |= {str(Reference.parse(said))} if said else set()
        return not wanted.isdisjoint(Layout.open(settings.store).names())
    except NovaSpiError:
        return False  # no store yet, or a damaged one: the engine that needs none says no more of it
