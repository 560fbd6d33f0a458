"""What a container sees of the network: nothing, the way out, or what the engine gives by default."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Network

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

EGRESS = "nova-spi-egress"
LABEL = "dev.nova-spi.network"
_APART = {"com.docker.network.bridge.enable_icc": "false"}
"""Docker's bridge: containers in it do not reach each other. Podman knows no such option."""


def network_of(connection: "Connection", wanted: Network) -> str:
    """The name or id of the engine's network for a job; the one for ``egress`` is made where it is not there.

    A network of our own is a bridge without published ports. Whatever this machine reaches can be reached from it,
    private addresses and the machine's own included, though not the machine's loopback.
    """
    if wanted == "none":
        return "none"
    if wanted == "full":
        return "default" if connection.engine == "docker" else "bridge"
    return _egress(connection) or _made(connection)


def remove_egress(connection: "Connection") -> None:
    """Removes the network for ``egress`` where no container is in it."""
    from docker.errors import APIError

    for each in _ours(connection):
        with suppress(APIError):  # a container is in it
            connection.client.api.remove_network(each["Id"])


def _made(connection: "Connection") -> str:
    from docker.errors import APIError

    options = _APART if connection.engine == "docker" else None
    with suppress(APIError):  # somebody else has just made it
        connection.client.api.create_network(EGRESS, driver="bridge", options=options, labels={LABEL: "egress"})
    return _egress(connection) or EGRESS


def _egress(connection: "Connection") -> str:
    """The oldest, since two makers at once may have made two of one name."""
    found = sorted(_ours(connection), key=lambda each: (str(each.get("Created")), each["Id"]))
    return str(found[0]["Id" if connection.engine == "docker" else "Name"]) if found else ""


def _ours(connection: "Connection") -> list[dict[str, Any]]:
    found = connection.client.api.networks(names=[EGRESS])
    return [each for each in found if each["Name"] == EGRESS and LABEL in (each.get("Labels") or {})]
