"""Which manifest of an index is the one that is wanted."""

from collections.abc import Sequence

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import ArtifactInvalid


def choose(descriptors: Sequence[Descriptor], wanted: Platform, what: str) -> Descriptor:
    """The manifest of an index that is for a platform; the first one where several are.

    Raises:
        ArtifactInvalid: There is none; the message names those that are there.
    """
    for descriptor in descriptors:
        if descriptor.platform is not None and descriptor.platform.fits(wanted):
            return descriptor
    unnamed = [descriptor for descriptor in descriptors if descriptor.platform is None]
    if len(unnamed) == len(descriptors) == 1:
        return unnamed[0]
    here = sorted({str(each.platform) for each in descriptors if each.platform and each.platform.os != "unknown"})
    raise ArtifactInvalid(
        f"{what} has nothing for {wanted}.",
        why=f"It has {', '.join(here) or 'no platform at all'}.",
        mend=f"--platform {here[0]}" if here else "",
        code="artifact.no_platform",
    )
