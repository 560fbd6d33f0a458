"""From what a project says to the base that its layers are laid on: chosen, opened, with its system packages."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.images.base import Base, check_python, open_base
from nova_spi.images.choice import Chosen, choose_base, pin_of
from nova_spi.images.debian_system import resolve_system, system_layer
from nova_spi.images.layers import Layer
from nova_spi.images.lock import Locked
from nova_spi.images.steps import OWN, NoSteps, Steps, packages_for_engine
from nova_spi.progress import Progress
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution
    from nova_spi.project.folder import Folder


@dataclass(frozen=True, slots=True)
class Ground:
    """What an image's own layers are laid on.

    Attributes:
        base: The lowest layers, its Python and its config.
        origin: What it was made from: ``base`` itself, or what an engine added packages to.
        pin: What the lock says of it from now on; None where it cannot be pinned.
        reason: Why this base.
    """

    base: Base
    origin: Base
    pin: Locked | None
    reason: str


def take_ground(
    folder: "Folder",
    layout: Layout,
    platform: Platform,
    *,
    said: str | None,
    settings: Settings,
    progress: Progress,
    steps: Steps | None = None,
) -> Ground:
    """Brings the base of a project into the layout.

    Args:
        folder: The project.
        layout: Where to.
        platform: Of the image.
        said: What the caller asks for; None chooses, see `nova_spi.images.choice.choose_base`.
        settings: For the base and the cache.
        progress: Is told.
        steps: Who runs what must run inside the image; None is nobody.

    Raises:
        BuildFailed: There is no base to be had, it does not do, or it needs a step that nobody can run.
        ArtifactInvalid: It is damaged, or the disk is full.
        RegistryError: It cannot be pulled.
    """
    from nova_spi.manifest.models import Execution

    execution = folder.manifest.execution or Execution()
    steps = steps or NoSteps()
    chosen = choose_base(folder, layout, platform, said=said, settings=settings, progress=progress)
    progress.stage("base", f"{chosen.reference_or_path}: {chosen.reason}")
    own = chosen.reference_or_path == OWN
    place = steps.own(layout, platform) if own else chosen.reference_or_path
    pinned = None if own else chosen.pin
    origin = base = open_base(place, layout, platform, progress, locked=pinned, cache_dir=settings.cache_dir)
    if packages := packages_for_engine(execution, chosen.reference_or_path):
        base = open_base(steps.with_packages(layout, base, packages, platform), layout, platform, progress)
    check_python(base, execution.python_version)
    if own:
        named = replace(base, name=OWN)
        return Ground(named, named, None, chosen.reason)
    pin = _pin(execution, origin, chosen, platform, settings, progress)
    return Ground(base, origin, pin, chosen.reason)


def system_layers(
    pin: Locked | None, layout: Layout, platform: Platform, settings: Settings, progress: Progress, *, seconds: int = 0
) -> list[Layer]:
    """The layer of the system packages that were pinned, where there are any; see `nova_spi.images.debian_system`."""
    if pin is None or not pin.system_packages:
        return []
    packages, cache_dir = pin.system_packages, settings.cache_dir
    return [system_layer(packages, layout, platform, cache_dir, progress, seconds=seconds)]


def _pin(
    execution: "Execution", base: Base, chosen: Chosen, platform: Platform, settings: Settings, progress: Progress
) -> Locked:
    """What the lock says after this build."""
    found = pin_of(base, platform)
    names = tuple(sorted(set(execution.system_packages)))
    if not names or packages_for_engine(execution, chosen.reference_or_path):
        return found
    before = chosen.pin if chosen.from_lock else None
    if before is not None and before.system == names:
        return replace(found, system=names, system_packages=before.system_packages)
    packages = resolve_system(names, base.packages, platform, settings.cache_dir, progress)
    return replace(found, system=names, system_packages=packages)
