"""Containers that stay: those of a project by their labels, found by name, stopped, and their logs.

What one run has for itself comes and goes with it (`nova_spi.engines.docker.running`). What is here was started to stay
until somebody stops it: a model that is served, or the container that somebody works in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nova_spi.engines.docker.inspecting import inspected
from nova_spi.engines.docker.service_streams import frames
from nova_spi.errors import UsageError

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

PROJECT = "dev.nova-spi.project"
"""The label with the project's mark; see `nova_spi.project.identity`."""
MODEL = "dev.nova-spi.model"
"""The label with the model's name and version."""
KIND = "dev.nova-spi.kind"
"""The label that says what a container is for: ``service`` or ``development``; a run's has none."""
IMAGE = "dev.nova-spi.image"
"""The label with the image's name as we know it: a container is made from its id."""
FOLDER = "dev.nova-spi.folder"
"""The label with the folder's name below ``.nova-spi/containers``."""

STOP_SECONDS = 10
SHORT = 12
"""Digits of an id that people are shown, as Docker has it."""

Kind = Literal["service", "development", "run"]


@dataclass(frozen=True, slots=True)
class Service:
    """One container as the engine tells of it.

    Attributes:
        id: 64 hexadecimal digits.
        name: Its own.
        kind: ``service``, ``development``, or ``run`` for that of an execution.
        project: The mark of its project.
        model: ``shouter:1.0.0``.
        image: The image's name in the engine, or its id.
        state: ``created``, ``running``, ``restarting``, ``exited``, ``dead``, ...
        health: ``starting``, ``healthy``, ``unhealthy``, or empty where there is no health check.
        restarts: How often the engine has started it again.
        exit_code: Of its last end; None before the first.
        out_of_memory: Its last end was for want of memory, as the engine says.
        created: RFC 3339.
        started: RFC 3339, its last start; empty before the first.
        ports: ``127.0.0.1:8080->80/tcp``.
        pid: Its first process on the engine's machine; 0 where it does not run.
        labels: All of them.
    """

    id: str
    name: str
    kind: Kind
    project: str
    model: str
    image: str
    state: str
    health: str = ""
    restarts: int = 0
    exit_code: int | None = None
    out_of_memory: bool = False
    created: str = ""
    started: str = ""
    ports: tuple[str, ...] = ()
    pid: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether its program runs, or is about to again."""
        return self.state in ("running", "restarting", "paused")

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape."""
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "project": self.project,
            "model": self.model,
            "image": self.image,
            "state": self.state,
            "health": self.health or None,
            "restarts": self.restarts,
            "exit_code": self.exit_code,
            "out_of_memory": self.out_of_memory,
            "created": self.created,
            "started": self.started or None,
            "ports": list(self.ports),
        }


class Services:
    """The containers of an engine that are ours.

    Args:
        connection: The engine.
        project: The mark of the project whose containers they are; None is every project.

    Attributes:
        connection: The engine.
    """

    def __init__(self, connection: "Connection", project: str | None = None) -> None:
        self.connection = connection
        self._api = connection.client.api
        self._project = project

    def all(self) -> list[Service]:
        """Every one, those of runs too, the newest first.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        label = PROJECT if self._project is None else f"{PROJECT}={self._project}"
        with self.connection.speaking("listing containers"):
            found = self._api.containers(all=True, filters={"label": label})
        services = [service for each in found if (service := self._inspected(str(each["Id"]))) is not None]
        return sorted(services, key=lambda service: (service.created, service.name), reverse=True)

    def find(self, name: str) -> Service:
        """The one whose name or id begins so; a whole name wins.

        Raises:
            UsageError: There is none, or more than one.
            EngineUnavailable: The engine does not answer.
        """
        services = self.all()
        exact = [each for each in services if name in (each.name, each.id)]
        found = exact or [
            each for each in services if name and (each.name.startswith(name) or each.id.startswith(name))
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{name!r} is more than one container: {', '.join(each.name for each in found[:10])}.",
                mend=f"Name it whole, e.g. {found[0].name}.",
                code="usage.container_ambiguous",
            )
        raise _no_such(name, services)

    def only(self) -> Service:
        """The one that there is, for a call that names none; of several the one that runs.

        Raises:
            UsageError: There is none, or more than one.
        """
        services = [each for each in self.all() if each.kind != "run"]
        running = [each for each in services if each.running]
        for found in (services, running):
            if len(found) == 1:
                return found[0]
        if not services:
            raise _no_such("", services)
        raise UsageError(
            f"This project has {len(services)} containers: {', '.join(each.name for each in services[:10])}.",
            mend=f"Name one, e.g. {services[0].name}.",
            code="usage.container_ambiguous",
        )

    def again(self, service: Service) -> Service:
        """The same as it is now.

        Raises:
            UsageError: It is gone.
        """
        found = self._inspected(service.id)
        if found is None:
            raise _no_such(service.name, [])
        return found

    def stop(self, service: Service, seconds: int = STOP_SECONDS) -> Service:
        """Ends its program: SIGTERM, and SIGKILL where it goes on; one that does not run is no error.

        Args:
            service: Which.
            seconds: Between the two signals.
        """
        with self.connection.speaking("stopping a container"):
            self._api.stop(service.id, timeout=seconds)
        return self.again(service)

    def remove(self, service: Service) -> None:
        """Ends it where it runs, and removes it; one that is gone is no error."""
        from docker.errors import NotFound

        with self.connection.speaking("removing a container"):
            try:
                self._api.remove_container(service.id, force=True, v=True)
            except NotFound:
                return

    def logs(self, service: Service, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """What it has written, standard output and error together, piece by piece.

        Args:
            service: Which.
            follow: Go on until it ends.
            tail: The last lines only.

        Raises:
            EngineUnavailable: The engine does not answer, or keeps no log of it.
        """
        query = f"stdout=1&stderr=1&follow={int(follow)}&tail={'all' if tail is None else tail}"
        for _, piece in frames(self.connection, "GET", f"/containers/{service.id}/logs?{query}"):
            yield piece

    def _inspected(self, identity: str) -> Service | None:
        from docker.errors import NotFound

        with self.connection.speaking("looking at a container"):
            try:
                return service_of(inspected(self._api, identity))
            except NotFound:  # it has gone meanwhile
                return None


def must_run(service: Service) -> Service:
    """The same container, where its program runs.

    Raises:
        UsageError: It does not.
    """
    if service.state == "running":
        return service
    ended = f" It ended with status {service.exit_code}." if service.exit_code is not None else ""
    raise UsageError(
        f"The container {service.name} is not running: it is {service.state}.",
        why=ended.strip(),
        mend=f"nova-spi container start, or nova-spi container logs {service.name}",
        code="usage.container_stopped",
    )


def service_of(found: Mapping[str, Any]) -> Service:
    """A container from what the engine's ``GET /containers/ID/json`` says."""
    config, state = found.get("Config") or {}, found.get("State") or {}
    labels = {str(name): str(value) for name, value in (config.get("Labels") or {}).items()}
    kind = labels.get(KIND, "")
    began = _time(state.get("StartedAt"))
    ended = began and not state.get("Running")
    return Service(
        id=str(found.get("Id", "")),
        name=str(found.get("Name", "")).lstrip("/"),
        kind="service" if kind == "service" else "development" if kind == "development" else "run",
        project=labels.get(PROJECT, ""),
        model=labels.get(MODEL, ""),
        image=labels.get(IMAGE) or str(config.get("Image") or found.get("Image") or ""),
        state=str(state.get("Status") or "").lower(),
        health=_health(state),
        restarts=int(found.get("RestartCount") or 0),
        exit_code=int(state.get("ExitCode") or 0) if ended else None,
        out_of_memory=bool(state.get("OOMKilled")),
        created=_time(found.get("Created")),
        started=began,
        ports=_ports(found.get("NetworkSettings") or {}) if state.get("Running") else (),
        pid=int(state.get("Pid") or 0),
        labels=labels,
    )


def _health(state: dict[str, Any]) -> str:
    said = str((state.get("Health") or state.get("Healthcheck") or {}).get("Status") or "").lower()
    return "" if said == "none" else said


def _time(said: Any) -> str:
    """The engines write a time that never was as the year 1."""
    text = str(said or "")
    return "" if text.startswith("0001-") else text


def _ports(network: dict[str, Any]) -> tuple[str, ...]:
    """Those that are open now; a container that has ended has none, and may get others when it starts again."""
    return tuple(
        f"{each.get('HostIp') or '0.0.0.0'}:{each.get('HostPort')}->{port}"  # noqa: S104  # what the engine means by nothing
        for port, places in sorted((network.get("Ports") or {}).items())
        for each in places or []
    )


def _no_such(name: str, services: list[Service]) -> UsageError:
    if not name:
        return UsageError(
            "This project has no containers.", mend="nova-spi container start", code="usage.no_such_container"
        )
    import difflib

    near = difflib.get_close_matches(name, [each.name for each in services], 1)
    return UsageError(
        f"There is no container {name[:80]!r}.",
        why=f"Did you mean {near[0]!r}?" if near else "",
        mend="nova-spi container list --all",
        code="usage.no_such_container",
    )
