"""The name under which something is pushed: the registry of the settings, and the model's name and version."""

from nova_spi.artifacts.references import HUB, TAG, Reference
from nova_spi.errors import UsageError


def pushed_reference(said: str | None, registry: str | None, tag: str | None, name: str, version: str) -> Reference:
    """The reference that an image is pushed to.

    Args:
        said: The registry of the call, ``HOST[:PORT][/PATH]``.
        registry: That of the settings, which counts where the call names none.
        tag: What the caller wants to call it: a name for below the registry (``team/model:2``), or a whole reference
            with a host of its own, which then needs no registry.
        name: The model's name, which counts where there is no tag.
        version: The model's version.

    Raises:
        UsageError: There is no registry, the two contradict each other, or one is none.
    """
    place = _place(said or registry or "") if said or registry else ""
    whole = tag is not None and _has_host(tag)
    if said and whole and not str(tag).startswith(f"{place}/"):
        raise UsageError(
            f"--registry is {said[:200]!r}, and the tag {str(tag)[:200]!r} is in another registry.",
            mend="Leave one of them out.",
            code="usage.reference",
        )
    if not whole and not place:
        raise UsageError(
            "There is no registry to push to.",
            why="Neither --registry, nor the setting registry, nor the tag names one.",
            mend="--registry HOST/PATH, or set NOVA_SPI_REGISTRY.",
            code="usage.no_registry",
        )
    found = Reference.parse(str(tag) if whole else f"{place}/{tag or f'{name}:{_tag(version)}'}")
    if found.digest is not None:
        raise UsageError(
            f"{tag!r} has a digest, and what is pushed gets its own.",
            mend="Write HOST/REPOSITORY:TAG.",
            code="usage.reference",
        )
    return found


def _place(registry: str) -> str:
    """A registry without scheme and final slash; one without a host would quietly be a part of Docker Hub."""
    _, _, rest = registry.rpartition("://")
    rest = rest.rstrip("/")
    if not _has_host(f"{rest}/x"):
        raise UsageError(
            f"{registry[:200]!r} names no registry's host.",
            why=f"A host has a dot or a port, or is localhost; Docker Hub's is {HUB}.",
            mend="--registry HOST/PATH, as in registry.example.org/models.",
            code="usage.reference",
        )
    Reference.parse(f"{rest}/x")
    return rest


def _has_host(text: str) -> bool:
    first, slash, _ = text.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _tag(version: str) -> str:
    if not TAG.fullmatch(version):
        raise UsageError(f"The version {version[:140]!r} cannot be a tag.", mend="--tag NAME:TAG")
    return version
