"""The connection to a container engine of this machine: Docker's daemon, or Podman's, which speaks its protocol."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Literal

from nova_spi.engines.docker.asking import PING_SECONDS, Answer, ask
from nova_spi.engines.docker.places import Place, Refusal, places
from nova_spi.errors import EngineUnavailable, ExtraMissing

if TYPE_CHECKING:
    from docker import DockerClient

TIMEOUT_SECONDS = 60
"""Of one answer. What takes longer by its nature (a load, a pull, a wait) is asked with a timeout of its own."""

CDI_SINCE = 25
"""Docker 25 knows the Container Device Interface, where the daemon's ``features.cdi`` is on."""


class Connection:
    """A container engine that answers.

    Args:
        client: The docker SDK's.
        place: Where it listens.
        answer: What it said of itself.

    Attributes:
        client: The docker SDK's, with connections of its own. Create containers with ``use_config_proxy=False``: else
            the SDK puts the proxies of the user's docker configuration into their variables.
        engine: ``docker`` or ``podman``.
        version: Of the engine, ``20.10.24``.
        host: Its address, ``unix:///var/run/docker.sock``.
        api: The version of Docker's API that is spoken, ``1.41``.
    """

    def __init__(self, client: "DockerClient", place: Place, answer: Answer) -> None:
        self.client = client
        self.engine: Literal["docker", "podman"] = answer.engine
        self.version = answer.version
        self.host = place.host
        self.api = answer.api
        self._owner = answer.owner

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the engine says of itself and its machine, asked once; Docker needs 7 ms for it, Podman 200."""
        with self.speaking("asking what it is"):
            found: dict[str, Any] = self.client.info()
            return found

    @property
    def rootless(self) -> bool:
        """Whether it runs without root, so that root in its containers is this user."""
        if self.engine == "podman":
            return self._owner != 0
        return any("name=rootless" in each for each in self.info.get("SecurityOptions") or [])

    @property
    def cgroup_driver(self) -> str:
        """``cgroupfs``, ``systemd`` or ``none``."""
        return str(self.info.get("CgroupDriver") or "none")

    @property
    def filters_calls(self) -> bool:
        """Whether it takes a seccomp profile; Podman, whose answer would take 200 ms, is built with it everywhere."""
        options = self.info.get("SecurityOptions") or [] if self.engine == "docker" else ["name=seccomp"]
        return any("name=seccomp" in each for each in options)

    @property
    def cdi(self) -> bool:
        """Whether it takes devices by their CDI names; a Docker daemon names no folders for it where that is off."""
        if self.engine == "podman":
            return True
        major = self.version.partition(".")[0]
        return major.isdigit() and int(major) >= CDI_SINCE and bool(self.info.get("CDISpecDirs"))

    @contextmanager
    def speaking(self, what: str) -> Iterator[None]:
        """Turns what the SDK raises, where the engine refuses or is gone, into one clear error.

        Args:
            what: What it is asked for, to read after ``while``: ``loading an image``.

        Raises:
            EngineUnavailable: ``details['gone']`` is true where it does not answer any more.
        """
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except APIError as error:
            raise self._failed(what, str(error.explanation or error), gone=False) from error
        except (DockerException, RequestException, HTTPError, HTTPException, OSError) as error:
            raise self._failed(what, str(error) or type(error).__name__, gone=True) from error

    def _failed(self, what: str, why: str, *, gone: bool) -> EngineUnavailable:
        refusal = ask(Place(self.host.removeprefix("unix://"))) if gone else None
        gone = isinstance(refusal, Refusal)
        said = f"{refusal.place}: {refusal.why}" if isinstance(refusal, Refusal) else why[:600]
        return EngineUnavailable(
            f"The container engine {'went away' if gone else 'failed'} while {what}.",
            why=f"{said.rstrip('.')}.",
            mend=refusal.mend if isinstance(refusal, Refusal) else "",
            engine=self.engine,
            gone=gone,
        )

    def close(self) -> None:
        """Closes the client's connections."""
        self.client.close()


def connect(settings_host: str | None = None) -> Connection:
    """Connects to a container engine of this machine.

    Args:
        settings_host: Its address, which alone is tried then; else ``DOCKER_HOST``, which alone is tried too; else the
            current docker context and the usual sockets of Docker and Podman.

    Raises:
        EngineUnavailable: There is none; it names every place that was tried, and why not. Also where the address is
            one of another machine.
        ExtraMissing: The docker SDK is not installed.
    """
    heard = listen(settings_host)
    return Connection(_client(heard.place, heard.answer), heard.place, heard.answer)


@dataclass(frozen=True, slots=True)
class Heard:
    """A container engine that answers, before the docker SDK speaks to it.

    Attributes:
        place: Where it listens.
        answer: What it says of itself.
        before: The places that were tried before, and why not.
    """

    place: Place
    answer: Answer
    before: tuple[Refusal, ...]


def listen(settings_host: str | None = None) -> Heard:
    """The engine that `connect` takes; needs no SDK.

    Raises:
        EngineUnavailable: As of `connect`.
    """
    refusals: list[Refusal] = []
    for each in places(settings_host):
        found = ask(each) if isinstance(each, Place) else each
        if isinstance(each, Place) and isinstance(found, Answer):
            return Heard(each, found, tuple(refusals))
        if isinstance(found, Refusal):
            refusals.append(found)
    raise _unavailable(refusals)


def answers(timeout: float = PING_SECONDS) -> bool:
    """Whether an engine answers at one of the places where `connect` looks; needs a millisecond, and no SDK.

    Args:
        timeout: In seconds, of each place.
    """
    with suppress(EngineUnavailable):
        return any(isinstance(each, Place) and isinstance(ask(each, timeout), Answer) for each in places())
    return False


def _client(place: Place, answer: Answer) -> "DockerClient":
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as error:
        raise ExtraMissing.named("docker", "docker", "Running models in containers") from error
    try:
        client = docker.DockerClient(base_url=place.host, version=answer.api, timeout=TIMEOUT_SECONDS)
    except DockerException as error:
        raise EngineUnavailable(
            f"The docker SDK cannot speak to {place.host}.", why=f"{str(error)[:300]}.", engine=answer.engine
        ) from error
    client.api.trust_env = False  # HTTP_PROXY and its like are not about a socket
    return client


def _unavailable(refusals: list[Refusal]) -> EngineUnavailable:
    mends = [each.mend for each in refusals if each.mend]
    return EngineUnavailable(
        "No container engine answers on this machine.",
        why="; ".join(f"{each.place}: {each.why}" for each in refusals) + ".",
        mend=mends[0] if mends else "Install Docker or Podman (apt-get install docker.io), or use --engine process.",
        engine="docker",
        tried=[{"place": each.place, "why": each.why} for each in refusals],
    )
