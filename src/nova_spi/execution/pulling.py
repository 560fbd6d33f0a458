"""A model's image that is not on this machine, fetched from its registry into the local store under its name.

It needs no approval, as a base does: nothing is built on it, and it only ever runs isolated. It is what anybody may
have made; see `nova_spi.execution.opening`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid, RegistryError, UsageError
from nova_spi.execution.images import image_in
from nova_spi.progress import Progress
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.artifacts.registry.client import Registry

NO_PLATFORM = "artifact.no_platform"


def pull_model(said: str, settings: Settings, progress: Progress) -> Image:
    """Fetches an image for this machine's platform.

    Args:
        said: Its name, with a tag or a digest; without a host it is Docker Hub's.
        settings: For the store.
        progress: Hears of bytes.

    Raises:
        ArtifactInvalid: ``said`` cannot be in a registry, the image is not what its digest says, or it is for another
            platform.
        RegistryError: It cannot be had; of a registry that cannot be reached that is said within seconds.
    """
    from nova_spi.artifacts.registry.client import Registry
    from nova_spi.artifacts.registry.pulling import pull
    from nova_spi.artifacts.registry.reaching import unreachable

    reference, here = _reference(said, settings), Platform.here()
    progress.stage("pull", f"{reference}, which is not in the local store")
    if problem := unreachable(reference.address):
        silent = RegistryError(f"The registry {reference.address} cannot be reached.", why=f"{problem}.")
        raise not_here(said, reference, silent)
    layout = Layout.create(settings.store)
    with Registry.of(reference) as registry:
        digest = _chosen(said, registry, reference, layout, here)
        exactly = replace(reference, digest=digest)
        descriptor = pull(registry, exactly, layout, platform=here, progress=progress)
    layout.name(descriptor, str(reference))
    return image_in(layout, str(reference), layout.manifest(descriptor))


def not_here(said: str, reference: Reference, error: RegistryError) -> RegistryError:
    """The error for an image that is neither on this machine nor to be had from a registry."""
    return RegistryError(
        f"There is no image {said[:200]!r} on this machine, and it cannot be fetched as {reference}.",
        why=f"{error.message} {error.why}".rstrip(),
        mend=error.mend
        or "Build it: nova-spi build. Or look at the name: a path, a name or digest of the store, HOST/REPOSITORY:TAG.",
        code=error.error_code,
    )


def not_stored(said: str, why: str) -> ArtifactInvalid:
    """The error for an image that is not in the local store and, by its name, in no registry."""
    return ArtifactInvalid(
        f"There is no image {said[:200]!r} in the local store.",
        why=why,
        mend="Build it: nova-spi build. Or name a path, a name or digest of the store, or HOST/REPOSITORY:TAG.",
        code="artifact.missing",
    )


def _reference(said: str, settings: Settings) -> Reference:
    try:
        Digest.parse(said)
    except ArtifactInvalid:
        try:
            return Reference.parse(said)
        except UsageError as error:
            raise not_stored(said, error.message) from error
    raise not_stored(said, f"The store is {settings.store}; a registry is asked for NAME@{said[:20]}....")


def _chosen(said: str, registry: "Registry", reference: Reference, layout: Layout, here: Platform) -> Digest:
    """The digest of the image for this machine; one for another is refused before its layers come."""
    from nova_spi.artifacts.registry.pulling import choose_manifest, pull_config

    try:
        manifest = choose_manifest(registry, reference, here)
    except RegistryError as error:
        raise not_here(said, reference, error) from error
    except ArtifactInvalid as error:
        if error.error_code != NO_PLATFORM:
            raise
        raise _for_others(error.message, error.why, here) from error
    config = pull_config(registry, reference, manifest, layout)
    if not config.platform.fits(here):
        raise _for_others(f"The image {reference} is for {config.platform}, and this machine is {here}.", "", here)
    return manifest.descriptor.digest


def _for_others(message: str, why: str, here: Platform) -> ArtifactInvalid:
    return ArtifactInvalid(
        message, why=why, mend=f"Build the project for it: nova-spi build --platform {here}", code=NO_PLATFORM
    )
