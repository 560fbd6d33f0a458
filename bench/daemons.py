"""Container engines of one's own, for tests and benches: on a socket of their own, ended by their own processes.

Nothing of a daemon that the machine has is used or changed: root, state, socket, configuration, containerd, locks and
networks all lie in folders that are made here and removed at the end, with whatever the daemon mounted, started or
bridged. They run without a network of their own; containers of theirs get none.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import remains

START_SECONDS = 30.0
STOP_SECONDS = 20.0
MAX_ANSWER_BYTES = 1 << 24
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{short}/c"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{short}/c.sock"
"""

# Locks in shared memory would be those of every Podman of the machine; the ulimits are those that a machine allows
# whose own cannot be raised.
_PODMAN = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
{init}
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
image_copy_tmp_dir = "{folder}/tmp"
[network]
network_config_dir = "{folder}/networks"
"""


class DaemonMissing(Exception):
    """This machine cannot start such a daemon; the text says why."""


@contextmanager
def docker_daemon(folder: Path) -> Iterator[str]:
    """Docker's daemon with a containerd of its own.

    Start it from the thread that lives longest: where that ends, the daemon does.

    Args:
        folder: Where its images and its logs go, fresh; the logs stay.

    Yields:
        ``unix:///tmp/.../s``.

    Raises:
        DaemonMissing: This machine has none, or it does not start here.
    """
    dockerd, containerd = _program("dockerd", "docker.io"), _program("containerd", "containerd")
    with _places(folder) as short, ExitStack() as running:
        (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder, short=short))
        (folder / "daemon.json").write_text("{}")  # else the machine's own would count
        own = (containerd, "--config", str(folder / "containerd.toml"))
        running.enter_context(_started(own, folder, short / "c.sock", "containerd"))
        command = (
            *(dockerd, "--host", f"unix://{short}/s", "--containerd", f"{short}/c.sock"),
            *("--data-root", str(folder / "data"), "--exec-root", str(short / "x"), "--pidfile", str(short / "pid")),
            *("--config-file", str(folder / "daemon.json"), "--iptables=false", "--ip6tables=false", "--bridge=none"),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{short.name}"),
        )
        running.enter_context(_started(command, folder, short / "s", "daemon"))
        yield f"unix://{short}/s"


@contextmanager
def podman_service(folder: Path) -> Iterator[str]:
    """Podman's service, which speaks Docker's protocol.

    Args:
        folder: Where its images and its log go, fresh; the log stays.

    Yields:
        ``unix:///tmp/.../s``.

    Raises:
        DaemonMissing: This machine has none, or it does not start here.
    """
    podman, _ = _program("podman", "podman"), _program("runc", "runc")
    with _places(folder) as short:
        init = shutil.which("catatonit", path=SYSTEM_PATH) or shutil.which("docker-init", path=SYSTEM_PATH)
        said = f'init_path = "{init}"' if init else ""
        (folder / "containers.conf").write_text(_PODMAN.format(folder=folder, init=said))
        (folder / "registries.conf").touch()  # the machine's own would count
        command = (
            *(podman, "--root", str(folder / "data"), "--runroot", str(short / "x"), "--tmpdir", str(short / "t")),
            *("--storage-driver", "vfs" if _on_overlay(folder) else "overlay"),
            *("system", "service", "--time=0", f"unix://{short}/s"),
        )
        variables = {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        }
        with _started(command, folder, short / "s", "daemon", variables):
            yield f"unix://{short}/s"


def process_of(address: str) -> int:
    """The process of the daemon that listens at an address of `docker_daemon` or `podman_service`."""
    return int(Path(address.removeprefix("unix://")).with_name("daemon.pid").read_text())


def _program(name: str, package: str) -> str:
    if os.geteuid() != 0:
        raise DaemonMissing(f"only root can start {name} here")
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise DaemonMissing(f"{name} is not installed (apt-get install {package})")
    return found


@contextmanager
def _places(folder: Path) -> Iterator[Path]:
    """A second folder with a short path, since a socket's has 107 bytes at most; both are swept at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tmp").mkdir()
    short = Path(tempfile.mkdtemp(prefix="nova-spi-", dir="/tmp"))
    short.chmod(0o755)
    try:
        yield short
    finally:
        remains.sweep(folder, short)


@contextmanager
def _started(
    command: Sequence[str], folder: Path, address: Path, name: str, variables: Mapping[str, str] | None = None
) -> Iterator[None]:
    """One process from its start, when it answers, to its end; its containers are removed before that."""
    plain = {"PATH": SYSTEM_PATH, "HOME": str(folder), "TMPDIR": str(folder / "tmp"), **(variables or {})}
    ending = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []  # where we are killed ourselves
    log = folder / f"{name}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*ending, *command],
            cwd=folder,
            env=plain,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        address.with_name(f"{name}.pid").write_text(str(process.pid))
        _await(process, address, log)
        yield
        if name == "daemon":
            with suppress(OSError, http.client.HTTPException, ValueError):  # it may be dead, as a test wanted it
                _emptied(address)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", address: Path, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            return _listening(address)
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
    last = log.read_text(errors="replace").splitlines()[-3:]
    raise DaemonMissing(f"{log.stem} does not start here: {' | '.join(last)[-600:]}")


def _listening(address: Path) -> None:
    """Docker listens before it is ready, and then its first answer takes a while; containerd does not speak HTTP."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(address))
    if address.name == "s":
        _asked(address, "HEAD", "/_ping")


def _emptied(address: Path) -> None:
    """Removes the daemon's containers and networks, so that no process, cgroup or bridge of theirs stays."""
    for each in _asked(address, "GET", "/containers/json?all=1"):
        _asked(address, "DELETE", f"/containers/{each['Id']}?force=1&v=1")
    for each in _asked(address, "GET", "/networks"):
        if each["Name"] not in ("bridge", "host", "none", "podman"):
            _asked(address, "DELETE", f"/networks/{each['Id']}")


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


def _asked(address: Path, method: str, path: str) -> Any:
    connection = _Connection(str(address), timeout=STOP_SECONDS)
    try:
        connection.request(method, f"/v1.40{path}", headers={"Host": "localhost"})
        data = connection.getresponse().read(MAX_ANSWER_BYTES)
        return json.loads(data) if method == "GET" else None
    finally:
        connection.close()


def _on_overlay(folder: Path) -> bool:
    """Whether the folder itself is on an overlay, on which there can be no second one."""
    found = subprocess.run(["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True)
    return found.stdout.strip() == "overlayfs"
