"""Images on this machine: whether they run and are made here, where they are kept, and registries."""

import os
from collections.abc import Iterator
from pathlib import Path

from nova_spi.checks.machine.finding import Finding
from nova_spi.errors import NovaSpiError, UsageError
from nova_spi.settings import Settings


def without_engine(settings: Settings, place: Path | None) -> Finding:
    """Whether an image runs where no container engine is."""
    from nova_spi.engines.process.isolation.levels import why_not
    from nova_spi.engines.process.roots import mend_for_sandbox

    if reason := why_not("sandbox", settings.cache_dir, place):
        detail = f"they run only in Docker or Podman, since this machine makes no sandbox: {reason.strip()}"
        return Finding("images", "missing", detail, mend_for_sandbox())
    return Finding("images", "ok", "they run in the sandbox of this machine, with or without Docker or Podman")


def base_debian(_: Settings) -> Finding:
    """Whether a base can be made here, so that a build needs no registry."""
    from nova_spi.artifacts.platforms import Platform
    from nova_spi.images.debian_apt import can_be_asked

    if reason := can_be_asked(Platform.here()):
        mend = "Build on a base of a registry, an OCI layout or an archive: --base-image"
        return Finding("base debian", "missing", reason, mend)
    return Finding("base debian", "ok", f"apt of this machine can assemble it for {Platform.here()}")


def store(settings: Settings) -> Finding:
    """Where images are kept, how many, and how much room they take."""
    from nova_spi.artifacts.layout import Layout

    place = settings.store
    if not (place / "oci-layout").exists():
        return Finding("store", "ok", f"{place}: nothing is kept yet")
    try:
        names = Layout.open(place).names()
    except NovaSpiError as error:
        return Finding("store", "problem", f"{place}: {error.message}", "Move the folder away, then build again.")
    count = f"{len(names)} image{'' if len(names) == 1 else 's'} with a name"
    return Finding("store", "ok", f"{place}: {count}, {_bytes_below(place) / 1024**3:.2f} GiB in all")


def _bytes_below(place: Path) -> int:
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(f"{folder}/{name}").st_size
            except OSError:
                continue  # a build goes on meanwhile
    return total


def registry(settings: Settings) -> Finding:
    """The registry that images are pushed to."""
    if not settings.registry:
        return Finding("registry", "ok", "none set; images are pushed where --registry or --tag says")
    if _host(settings.registry) is None:
        mend = "Set it to HOST or HOST/PATH, e.g. registry.example.org/models."
        return Finding("registry", "problem", f"{settings.registry} is no registry", mend)
    return Finding("registry", "ok", f"{settings.registry}: nova-spi build --push sends images there")


def _host(said: str) -> str | None:
    from nova_spi.artifacts.registry.naming import pushed_reference

    try:
        return pushed_reference(None, said, None, "any", "1").host
    except UsageError:
        return None


def credentials(_: Settings) -> Finding:
    """The files that let us into registries: where they are, and nothing of what is in them."""
    from nova_spi.artifacts.registry.credentials import credential_files

    try:
        found = credential_files()
    except NovaSpiError as error:
        return Finding("credentials", "problem", f"{error.message} {error.why}".strip(), error.mend)
    said = ", ".join(map(str, found))
    return Finding("credentials", "ok", f"for registries: {said}" if said else "none: registries are asked as anybody")


def registries(settings: Settings) -> Iterator[Finding]:
    """Asks the registries of the approved bases, and the one that is set, whether they answer; seconds at most."""
    from nova_spi.artifacts.references import Reference
    from nova_spi.artifacts.registry.reaching import registry_problem
    from nova_spi.images.approval import rules

    hosts = {rule.name.partition("/")[0]: "approved bases come from there" for rule in rules() if rule.approved}
    if settings.registry and (own := _host(settings.registry)):
        hosts.setdefault(own, "images are pushed there")
    for host, why in hosts.items():
        problem = registry_problem(Reference(host, "any").address)
        if problem:
            mend = "Look at the network and its proxy; a build without it: --base-image debian, or a path."
            yield Finding(f"registry {host}", "missing", f"does not answer ({problem}); {why}", mend)
        else:
            yield Finding(f"registry {host}", "ok", f"answers; {why}")
