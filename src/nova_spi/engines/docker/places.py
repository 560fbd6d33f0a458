"""Where a container engine may listen, and whether one does: the sockets to try, and one question to each.

Standard library only, since ``--engine auto`` asks on every run.
"""

import errno
import hashlib
import os
import re
import socket
import stat
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nova_spi.artifacts.documents import Fields, load_object
from nova_spi.errors import ArtifactInvalid, EngineUnavailable

MAX_PATH_BYTES = 107
"""Of a unix socket on Linux (unix(7): ``sun_path`` with its closing zero has 108)."""

MAX_FILE_BYTES = 1024 * 1024
MAX_ANSWER_BYTES = 16 * 1024
PING_SECONDS = 5.0
LEAST_API = (1, 40)
"""Docker 19.03, Podman 2.0: the first with device requests."""

_API = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


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


@dataclass(frozen=True, slots=True)
class Answer:
    """An engine that answers, as its first words say.

    Attributes:
        api: The newest version of Docker's API that it speaks, ``1.41``.
        engine: Podman's server calls itself ``Libpod``. Its own account of its version takes half a second.
        version: Of the engine, ``20.10.24``.
        owner: The user whom it runs as.
    """

    api: str
    engine: Literal["docker", "podman"]
    version: str
    owner: int


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


def ask(place: Place, timeout: float = PING_SECONDS) -> Answer | Refusal:
    """Asks who listens at a place.

    Args:
        place: The place.
        timeout: In seconds, of each step; a daemon that hangs takes connections and never answers.
    """
    if len(os.fsencode(place.path)) > MAX_PATH_BYTES:
        return Refusal(place.path, f"its path is longer than the {MAX_PATH_BYTES} bytes that a unix socket can have")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(place.path)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return _judged(place, _head(connection), _owner(connection))
    except (TimeoutError, BlockingIOError):
        mend = "Start it again: sudo systemctl restart docker"
        return Refusal(place.path, f"takes connections and does not answer within {timeout:g} s", mend)
    except OSError as error:
        return _refused(place, error)


def _head(connection: socket.socket) -> bytes:
    until, data = time.monotonic() + (connection.gettimeout() or 0), b""
    while b"\r\n\r\n" not in data and len(data) < MAX_ANSWER_BYTES:
        if time.monotonic() > until:
            raise TimeoutError
        chunk = connection.recv(4096)
        if not chunk:
            break
        data += chunk
    return data


def _owner(connection: socket.socket) -> int:
    """The user of the process that listens (unix(7), SO_PEERCRED); where there is no such question, root."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(said)[1])


def _judged(place: Place, answer: bytes, owner: int) -> Answer | Refusal:
    first, *lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    api = headers.get("api-version", "")
    if not first.startswith("HTTP/1.") or not api:
        return Refusal(place.path, "what listens there is no container engine")
    if first.split(" ")[1:2] != ["200"]:
        return Refusal(place.path, f"the engine answers {first[:60]!r}", "sudo systemctl restart docker")
    numbers = _API.fullmatch(api)
    if numbers is None:
        return Refusal(place.path, f"the engine's API has the version {api[:20]!r}")
    if (int(numbers[1]), int(numbers[2])) < LEAST_API:
        mend = "Use Docker 19.03 or later, or Podman 4 or later."
        return Refusal(place.path, f"the engine is too old: its API is {api}, and 1.40 is needed", mend)
    name, _, version = headers.get("server", "").partition(" ")[0].partition("/")
    return Answer(api, "podman" if name == "Libpod" else "docker", version.partition("+")[0][:40], owner)


def _refused(place: Place, error: OSError) -> Refusal:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return Refusal(place.path, "not there", absent=True)
        case errno.EACCES | errno.EPERM:
            return Refusal(place.path, "no permission", _permission_mend(place.path))
        case errno.ECONNREFUSED:
            if not _is_socket(place.path):
                return Refusal(place.path, "is no socket")
            return Refusal(place.path, "nobody listens on this socket", _start_mend(place.path))
        case _:
            return Refusal(place.path, error.strerror or str(error))


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)  # noqa: PTH116  # a path of the user's, as it is
    except OSError:
        return True


def _permission_mend(path: str) -> str:
    if "podman" in path:
        return "systemctl --user start podman.socket, which is the engine of your own user"
    return 'sudo usermod -aG docker "$USER", then log in again; members of that group are as mighty as root'


def _start_mend(path: str) -> str:
    own = " --user" if path.startswith("/run/user/") else ""
    name = "podman.socket" if "podman" in path else "docker"
    return f"{'' if own else 'sudo '}systemctl{own} start {name}"
