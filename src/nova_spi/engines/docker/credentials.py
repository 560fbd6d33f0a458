"""What the user's docker configuration knows of registries, as the headers that an engine wants; for no others."""

from collections.abc import Iterable
from typing import Any

from nova_spi.artifacts.references import HUB, Reference
from nova_spi.engines.docker.connecting import Connection
from nova_spi.errors import UsageError


def for_registry(connection: Connection, host: str) -> dict[str, str]:
    """The header of a pull.

    Args:
        connection: Its client has read the configuration; helper programs are asked where that names them.
        host: Of the registry, as in a reference.

    Raises:
        docker.errors.DockerException: A helper program fails.
    """
    from docker import auth

    found = _known(connection, host)
    return {"X-Registry-Auth": _text(auth.encode_header(found))} if found else {}


def for_bases(connection: Connection, bases: Iterable[str]) -> dict[str, str]:
    """The header of a build, with the credentials for the registries of its bases.

    Args:
        connection: As in `for_registry`.
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
        if known := _known(connection, host):
            found[auth.INDEX_URL if host == HUB else host] = known
    return {"X-Registry-Config": _text(auth.encode_header(found))} if found else {}


def _known(connection: Connection, host: str) -> dict[str, Any] | None:
    from docker import auth

    api = connection.client.api
    registry = auth.INDEX_NAME if host == HUB else host
    found: dict[str, Any] | None = auth.resolve_authconfig(api._auth_configs, registry, credstore_env=None)
    return found


def _text(header: bytes | str) -> str:
    return header.decode("ascii") if isinstance(header, bytes) else header
