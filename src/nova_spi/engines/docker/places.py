"""Where a container engine may listen: the sockets to try.

Standard library only, since ``--engine auto`` asks on every run.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nova_spi.artifacts.documents import Fields, load_object
from nova_spi.errors import ArtifactInvalid, EngineUnavailable

MAX_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """One socket where an engine may listen.

    Attributes:
        path: Of the socket.
        told_by: Who names it: ``DOCKER_HOST``, ``the docker context 'x'``; empty for the usual ones.
    """

    path: str
    told_by: str = ""

    @property
    def host(self) -> str:
        """The address as ``DOCKER_HOST`` has it."""
        return f"unix://{self.path}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing came of a place.

    Attributes:
        place: Its path, or the file or the address that was to name it.
        why: A phrase: ``nobody listens``.
        mend: What mends it.
        absent: There is nothing at all: such places say little.
    """

    place: str
    why: str
    mend: str = ""
    absent: bool = False


def places(said: str | None = None) -> Iterator[Place | Refusal]:
    """The places to try in their order, and why a place that was named is none.

    Args:
        said: The only one to try, ``unix:///run/docker.sock``; else ``DOCKER_HOST``, which is the only one too, else
            the current docker context and the usual sockets.

    Raises:
        EngineUnavailable: What was named is on another machine, or no address at all.
    """
    named = (said, "the settings") if said else (os.environ.get("DOCKER_HOST", ""), "DOCKER_HOST")
    if named[0]:
        yield Place(_path(named[0], named[1]), named[1])
        return
    yield from _context()
    yield from map(Place, _usual())


def _usual() -> list[str]:
    """Where Docker and Podman listen, for all users first, then for this one without root."""
    own = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    home = os.environ.get("HOME") or "/nonexistent"
    found = ["/var/run/docker.sock", f"{own}/docker.sock", f"{home}/.docker/run/docker.sock"]
    return [*found, "/run/podman/podman.sock", f"{own}/podman/podman.sock"]


def _path(address: str, told_by: str) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator and address.startswith("/"):
        scheme, rest = "unix", address
    if scheme == "unix" and rest.startswith("/"):
        return rest
    if scheme in ("tcp", "http", "https", "ssh", "npipe"):
        raise EngineUnavailable(
            f"{told_by} names a container engine that is not reached by a unix socket ({scheme}://).",
            why="A model's files are mounted into its container, so the engine must be on this machine.",
            mend="unset DOCKER_HOST, or set it to unix:///var/run/docker.sock",
            engine="docker",
        )
    raise EngineUnavailable(
        f"{told_by} is no address of a container engine: {_shown(address)}.",
        mend="Write it like unix:///var/run/docker.sock",
        engine="docker",
    )


def _shown(address: str) -> str:
    """An address for people; what stands before an ``@`` may be a password."""
    return repr(address.rpartition("@")[2][:120])


def _context() -> Iterator[Place | Refusal]:
    """The endpoint of the current docker context (``docker context use``), where it is no default.

    The files are those of Docker's command line: ``config.json``, and ``contexts/meta/<sha256 of the name>/meta.json``.
    """
    home = Path(os.environ.get("DOCKER_CONFIG") or Path(os.environ.get("HOME") or "/nonexistent", ".docker"))
    file = home / "config.json"
    try:
        name = os.environ.get("DOCKER_CONTEXT") or _fields(file).text("currentContext", 255)
        if name in ("", "default"):
            return
        file = home / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
        endpoints = _fields(file).object("Endpoints")
        endpoint = endpoints.object("docker") if endpoints else None
        host = endpoint.text("Host") if endpoint else ""
        told_by = f"the docker context {name[:80]!r}"
        yield Place(_path(host, told_by), told_by)
    except FileNotFoundError:
        if file.name == "meta.json":
            yield Refusal(f"the docker context {name[:80]!r}", "there is no such context", "docker context use default")
    except OSError as error:
        yield Refusal(str(file), f"cannot be read: {error.strerror}")
    except ArtifactInvalid as error:
        yield Refusal(str(file), f"cannot be read: {error.message}")
    except EngineUnavailable as error:
        yield Refusal(told_by, error.message, "docker context use default")


def _fields(file: Path) -> Fields:
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        return Fields(load_object(stream.read(MAX_FILE_BYTES + 1), str(file), limit=MAX_FILE_BYTES), str(file))
