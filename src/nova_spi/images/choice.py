"""Which base a build takes: what the caller says, the manifest, the lock, the settings, the domain's, or ``debian``."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.reaching import registry_problem
from nova_spi.errors import BuildFailed
from nova_spi.images import debian
from nova_spi.images.approval import domain_base
from nova_spi.images.base import Base, origin_of
from nova_spi.images.debian_apt import can_be_asked
from nova_spi.images.lock import LOCK, Locked, write_lock
from nova_spi.images.lock_reading import read_lock
from nova_spi.images.notes import noted
from nova_spi.progress import Progress

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder
    from nova_spi.settings import Settings


@dataclass(frozen=True, slots=True)
class Chosen:
    """The base that a build takes.

    Attributes:
        reference_or_path: As `nova_spi.images.base.open_base` takes it.
        reason: Why this one, one sentence.
        pin: Exactly which one; None where what stands under its name today is meant.
        from_lock: Whether the lock chose it, and need not be written.
    """

    reference_or_path: str
    reason: str
    pin: Locked | None = None
    from_lock: bool = False


def choose_base(
    folder: "Folder",
    layout: Layout,
    platform: Platform,
    *,
    said: str | None,
    settings: "Settings",
    progress: Progress,
) -> Chosen:
    """Decides what a project's image is built from.

    In this order: what the caller says; ``execution.base_image``; the lock; the setting ``base_image``; the domain's
    base, where it is in the layout or its registry answers; ``debian``, where this machine can make it. The lock also
    counts where the manifest names the same base: then it says which digest is meant.

    Args:
        folder: The project.
        layout: Where bases are kept.
        platform: Of the image.
        said: What the caller says, as with ``--base-image``.
        settings: For ``base_image``.
        progress: Is told when a registry is asked.

    Raises:
        BuildFailed: The lock is not valid, or there is no base to be had; the message says why for each.
    """
    locked = read_lock(folder.root).base(platform)
    if said:
        return Chosen(said, "It is what the call asks for.")
    execution = folder.manifest.execution
    declared = execution.base_image if execution else None
    if locked is not None and declared in (None, locked.name):
        return Chosen(locked.name, f"{LOCK} pins it.", locked, from_lock=True)
    if declared:
        return Chosen(declared, "It is execution.base_image.")
    if settings.base_image:
        return Chosen(settings.base_image, f"It is the setting base_image ({settings.origin('base_image')}).")
    return _by_domain(folder, layout, platform, progress)


def _by_domain(folder: "Folder", layout: Layout, platform: Platform, progress: Progress) -> Chosen:
    execution = folder.manifest.execution
    wanted = execution.python_version if execution else None
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = ".".join((wanted or here).split(".")[:2])
    gpu = execution and (execution.cuda_version or (execution.resources and execution.resources.gpu))
    name, reason = domain_base(folder.manifest.model.domain, "cuda" if gpu else "cpu", python)
    reference = Reference.parse(name)
    if kept := noted(layout, origin_of(reference, platform)):
        return Chosen(name, f"{reason} It is in the store.", Locked(platform, "registry", name, kept.digest))
    progress.stage("base", f"asking {reference.host} for {name}")
    silent = registry_problem(reference.address)
    if not silent:
        return Chosen(name, reason)
    impossible = can_be_asked(platform)
    if not impossible:
        return Chosen(debian.NAME, f"{reference.host}, which has {name}, does not answer ({silent}).")
    raise BuildFailed(
        f"There is no base image to be had for {platform}.",
        why=f"{reference.host}, which has {name}, does not answer ({silent}); the base debian: {impossible}",
        mend="--base-image PATH, an OCI layout or an archive on disk, or a reference to a registry that answers.",
        code="build.no_base",
    )


def pin_of(base: Base, platform: Platform) -> Locked:
    """What the lock says of a base."""
    digest, config = base.manifest.descriptor.digest, base.manifest.config.digest
    return Locked(platform, base.kind, base.name, digest, config if base.packages else None, base.packages)


def keep_pin(root: Path, pin: Locked, progress: Progress) -> None:
    """Writes a base into a project's lock; where the project cannot be written, that is a warning.

    Raises:
        BuildFailed: The lock is not valid.
    """
    try:
        write_lock(root, read_lock(root).with_base(pin))
    except OSError as error:
        progress.warn(f"{LOCK} cannot be written, so the next build chooses again: {error.strerror}.")
