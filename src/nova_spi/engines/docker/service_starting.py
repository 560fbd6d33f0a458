"""Starting a container that stays: as hardened as a run's, with a log, ports, a restart policy and a health check."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nova_spi.engines.docker.container import created
from nova_spi.engines.docker.flags import Flags, docker_body, podman_body
from nova_spi.engines.docker.networks import LABEL as NETWORK
from nova_spi.engines.docker.services import PROJECT, SHORT
from nova_spi.errors import EngineUnavailable, UsageError

if TYPE_CHECKING:
    from docker.errors import APIError

    from nova_spi.engines.docker.connecting import Connection

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
EXTRA_SECONDS = 10
"""What the engine waits for a check beyond the check's own time; the check ends itself."""

SYSTEMD = Path("/run/systemd/system")
"""Is there where systemd runs the machine (sd_booted(3)); Podman has its timers run health checks."""

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container that this machine answers for.

    Attributes:
        inside: Of the container.
        outside: Of this machine; 0 takes a free one.
        host: The address of this machine.
        protocol: ``tcp`` or ``udp``.
    """

    inside: int
    outside: int
    host: str = "127.0.0.1"
    protocol: str = "tcp"

    @classmethod
    def parse(cls, text: str) -> "Port":
        """Reads ``8080:80``, ``HOST:8080:80``, ``80`` (any free port of this machine), each with ``/udp``.

        Without a host it is the loopback: Docker would take every address of the machine.

        Raises:
            UsageError: It is none.
        """
        plain, _, protocol = text.partition("/")
        host, _, ports = plain.rpartition("]:") if plain.startswith("[") else ("", "", plain)
        words = ports.split(":")
        if len(words) == 3 and not host:
            host, words = words[0], words[1:]
        numbers = [int(word) if word.isascii() and word.isdigit() and len(word) < 6 else -1 for word in words]
        outside, inside = numbers if len(numbers) == 2 else (0, numbers[0])
        if len(numbers) > 2 or not 0 < inside < 65536 or not 0 <= outside < 65536 or protocol not in ("", "tcp", "udp"):
            raise UsageError(
                f"{text[:60]!r} is no port to publish.", mend="--publish 8080:80, or --publish 127.0.0.1:8080:80"
            )
        return cls(inside, outside, _address(host.lstrip("["), text), protocol or "tcp")

    @property
    def name(self) -> str:
        """``80/tcp``."""
        return f"{self.inside}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Restarting:
    """What the engine does when the program ends.

    Attributes:
        policy: ``no``, ``on-failure`` or ``always``.
        most: How often at most, for ``on-failure``; 0 is without an end.
    """

    policy: Literal["no", "on-failure", "always"] = "no"
    most: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """How the engine asks whether it is well.

    Attributes:
        words: A program in the image, and its arguments.
        interval: Seconds between two checks.
        timeout: Seconds that the program takes at most.
        retries: Failures in a row that make it ``unhealthy``.
    """

    words: tuple[str, ...]
    interval: float
    timeout: float
    retries: int


@dataclass(frozen=True, slots=True)
class Staying:
    """What a container that stays has beside the flags of a run.

    Attributes:
        restarting: See `Restarting`.
        health: None where nobody asks.
        ports: What this machine answers for.
        read_only: Its root file system is; a container to work in may write it.
    """

    restarting: Restarting = Restarting()
    health: Health | None = None
    ports: tuple[Port, ...] = ()
    read_only: bool = True


def start(connection: "Connection", flags: Flags, staying: Staying) -> str:
    """Creates and starts a container.

    Args:
        connection: The engine.
        flags: As of a run; the job's deadline does not count.
        staying: See `Staying`.

    Returns:
        Its id.

    Raises:
        EngineUnavailable: The engine refuses; nothing is left then.
        UsageError: Its name is taken, or a port is.
    """
    from docker.errors import APIError

    api = connection.client.api
    with connection.speaking("starting a container"):
        try:
            identity = _create(connection, flags, staying)
        except APIError as error:
            raise _refused(flags, error) from error
        try:
            api.start(identity)
        except APIError as error:
            api.remove_container(identity, force=True, v=True)
            raise _refused(flags, error) from error
        return identity


def checks_health(connection: "Connection") -> bool:
    """Whether the engine asks by itself: Podman does where systemd runs this machine, Docker everywhere."""
    return connection.engine == "docker" or SYSTEMD.exists()


def project_network(connection: "Connection", project: str) -> str:
    """The network of a project's own, made where it is not there: its containers reach each other by name.

    Args:
        connection: The engine.
        project: Its mark.
    """
    name = f"nova-spi-{project[:SHORT]}"
    with connection.speaking("making a network"):
        api = connection.client.api
        if not any(each["Name"] == name for each in api.networks(names=[name])):
            api.create_network(name, driver="bridge", labels={NETWORK: "project", PROJECT: project})
    return name


def _create(connection: "Connection", flags: Flags, staying: Staying) -> str:
    api: Any = connection.client.api
    if connection.engine == "docker":
        return str(api.create_container_from_config(docker_staying(flags, staying), flags.name)["Id"])
    return created(api, flags, podman_staying(flags, staying, health=checks_health(connection)))


def docker_staying(flags: Flags, staying: Staying) -> dict[str, Any]:
    """For ``POST /containers/create`` of Docker."""
    body, health = docker_body(flags), staying.health
    ports: dict[str, list[dict[str, str]]] = {}
    for port in staying.ports:
        ports.setdefault(port.name, []).append({"HostIp": port.host, "HostPort": str(port.outside)})
    body["HostConfig"] |= {
        "LogConfig": {"Type": "json-file", "Config": {"max-size": str(LOG_BYTES), "max-file": str(LOG_FILES)}},
        "RestartPolicy": {"Name": staying.restarting.policy, "MaximumRetryCount": staying.restarting.most},
        "PortBindings": ports,
        "ReadonlyRootfs": staying.read_only,
    }
    body |= {"AttachStdout": False, "AttachStderr": False, "ExposedPorts": {name: {} for name in ports}}
    if health is not None:
        body["Healthcheck"] = _health(health)
    return body


def podman_staying(flags: Flags, staying: Staying, *, health: bool) -> dict[str, Any]:
    """For ``POST /libpod/containers/create`` of Podman.

    Args:
        flags: As of a run.
        staying: See `Staying`.
        health: Whether it can ask; where it cannot, a container with a check would not start.
    """
    body = podman_body(flags) | {
        "log_configuration": {"driver": "k8s-file", "size": LOG_BYTES},
        "restart_policy": staying.restarting.policy,
        "read_only_filesystem": staying.read_only,
        "portmappings": [
            {
                "host_ip": port.host,
                "host_port": port.outside,
                "container_port": port.inside,
                "protocol": port.protocol,
            }
            for port in staying.ports
        ],
    }
    if staying.restarting.most:
        body["restart_tries"] = staying.restarting.most
    if staying.health is not None and health:
        body["healthconfig"] = _health(staying.health)
    return body


def _health(health: Health) -> dict[str, Any]:
    return {
        "Test": ["CMD", *health.words],
        "Interval": int(health.interval * _SECOND),
        "Timeout": int((health.timeout + EXTRA_SECONDS) * _SECOND),
        "Retries": health.retries,
    }


def _refused(flags: Flags, error: "APIError") -> "EngineUnavailable | UsageError | APIError":
    said = str(error.explanation or error)
    if "already in use" in said and flags.name in said:
        return UsageError(
            f"There is a container {flags.name} already.",
            mend=f"Give this one another name: --name {flags.name}-2",
            code="usage.container_name",
        )
    if "port is already allocated" in said or "address already in use" in said:
        return UsageError(
            "A port that is to be published is taken.", why=said[-300:], mend="--publish with another number."
        )
    return error


def _address(host: str, text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(host)) if host else "127.0.0.1"
    except ValueError as error:
        raise UsageError(
            f"{text[:60]!r} does not begin with an address of this machine.", mend="--publish 127.0.0.1:8080:80"
        ) from error
