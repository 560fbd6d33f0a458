"""Whether a container engine listens at a socket: one question, and what its answer says.

Standard library only, since ``--engine auto`` asks on every run.
"""

import errno
import os
import re
import socket
import stat
import struct
import time
from dataclasses import dataclass
from typing import Literal

from nova_spi.engines.docker.places import Place, Refusal

MAX_PATH_BYTES = 107
"""Of a unix socket on Linux (unix(7): ``sun_path`` with its closing zero has 108)."""

MAX_ANSWER_BYTES = 16 * 1024
PING_SECONDS = 5.0
LEAST_API = (1, 40)
"""Docker 19.03, Podman 2.0: the first with device requests."""

_API = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


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
