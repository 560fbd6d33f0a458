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
    """The name of the engine's network for a job; the one for ``egress`` is made where it is not there.

    A network of our own is a bridge without published ports. Whatever this machine reaches can be reached from it,
    private addresses and the machine's own included, though not the machine's loopback.
    """
    if wanted == "none":
        return "none"
    if wanted == "full":
        return "default" if connection.engine == "docker" else "bridge"
    return EGRESS if _ours(connection) else _made(connection)


def remove_egress(connection: "Connection") -> None:
    """Removes the network for ``egress`` where no container is in it."""
    from docker.errors import APIError

    for each in _ours(connection):
        with suppress(APIError):  # a container is in it
            connection.client.api.remove_network(each["Id"])


def keep_one_egress(connection: "Connection") -> None:
    """Removes all but the oldest network for ``egress``: Docker lets two makers at once make two of one name.

    Nobody can be in a younger one, since Docker starts no container while the name is ambiguous.
    """
    from docker.errors import APIError

    for each in _ours(connection)[1:]:
        with suppress(APIError):  # another one has just done it
            connection.client.api.remove_network(each["Id"])


def _made(connection: "Connection") -> str:
    from docker.errors import APIError

    options = _APART if connection.engine == "docker" else None
    with suppress(APIError):  # Podman: somebody else has just made it
        connection.client.api.create_network(EGRESS, driver="bridge", options=options, labels={LABEL: "egress"})
    keep_one_egress(connection)
    return EGRESS


def _ours(connection: "Connection") -> list[dict[str, Any]]:
    """The networks for ``egress``, the oldest first."""
    found = connection.client.api.networks(names=[EGRESS])
    ours = [each for each in found if each["Name"] == EGRESS and LABEL in (each.get("Labels") or {})]
    return sorted(ours, key=lambda each: (str(each.get("Created")), each["Id"]))
