"""What the user's docker configuration knows of registries, as the headers that an engine wants; for no others."""

from collections.abc import Iterable
from typing import Any

from nova_spi.artifacts.references import HUB, Reference
from nova_spi.errors import UsageError


def for_bases(bases: Iterable[str]) -> dict[str, str]:
    """The header of a build, with the credentials for the registries of its bases.

    Args:
        bases: As they stand in a Dockerfile; what is no reference is left out.

    Raises:
        docker.errors.DockerException: A helper program fails.
    """
    from docker import auth

    found = {}
    for base in bases:
        try:
            host = Reference.parse(base).host
        except UsageError:
            continue
        if known := _known(host):
            found[auth.INDEX_URL if host == HUB else host] = known
    return {"X-Registry-Config": _text(auth.encode_header(found))} if found else {}


def _known(host: str) -> dict[str, Any] | None:
    from docker import auth

    registry = auth.INDEX_NAME if host == HUB else host
    found: dict[str, Any] | None = auth.resolve_authconfig(auth.load_config(), registry)
    return found


def _text(header: bytes | str) -> str:
    return header.decode("ascii") if isinstance(header, bytes) else header
