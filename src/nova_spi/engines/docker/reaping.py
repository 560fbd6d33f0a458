"""A container goes with its nova-spi: a reaper beside each run, and labels for what even that has left."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.docker import reaper
from nova_spi.engines.docker.networks import remove_egress
from nova_spi.errors import EngineUnavailable

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

RUN = "dev.nova-spi.run"
"""The label of a container that one run has for itself; its value is the container's name."""
OWNER = "dev.nova-spi.owner"
"""The label with the process that a container belongs to; see `owner`."""


class Reaper:
    """The process that removes one container when this one is killed.

    Args:
        host: The engine's address, ``unix:///...``.
        name: The container's.

    Raises:
        EngineUnavailable: No process can be started.
    """

    def __init__(self, host: str, name: str) -> None:
        path = host.removeprefix("unix://")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(reaper.__file__)), path, name],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={},
                start_new_session=True,
            )
        except OSError as error:
            raise EngineUnavailable(
                "No process could be started beside the container.",
                why=f"{sys.executable}: {error.strerror}.",
                mend="End other programs, or raise the limits (ulimit -a).",
            ) from error

    def close(self, *, safe: bool) -> None:
        """Ends it.

        Args:
            safe: The container is gone. Else the reaper goes on until it is, for a minute at most.
        """
        stdin = self._process.stdin
        if stdin is not None:
            with suppress(OSError):
                if safe:
                    stdin.write(reaper.SAFE)
                stdin.close()
        self._process.wait()  # its first half, which has done nothing but fork


def owner() -> str:
    """This process, for a label: its id and start, this boot of the machine, and the namespace of its id."""
    return f"{os.getpid()} {_start(os.getpid())} {_boot()} {_namespace()}"


def is_dead(label: str) -> bool:
    """Whether the process of a label has ended; one of another process namespace, which cannot be seen, has not."""
    words = label.split()
    if len(words) != 4 or not words[0].isascii() or not words[0].isdigit():
        return False
    if words[2] != _boot():
        return True
    return words[3] == _namespace() and _start(int(words[0])) != words[1]


def prune(connection: "Connection") -> list[str]:
    """Removes the containers of runs whose nova-spi is dead, and our network where nobody uses it.

    Returns:
        The names of the containers.

    Raises:
        EngineUnavailable: The engine does not answer.
    """
    api, removed = connection.client.api, []
    with connection.speaking("looking for containers that were left behind"):
        for each in api.containers(all=True, filters={"label": RUN}):
            if is_dead((each.get("Labels") or {}).get(OWNER, "")):
                api.remove_container(each["Id"], force=True, v=True)
                removed.append(str(each["Labels"][RUN]))
        remove_egress(connection)
    return removed


def _start(pid: int) -> str:
    """When a process started, in the words of the machine; empty where there is none."""
    if sys.platform != "linux":
        import psutil

        with suppress(psutil.Error):
            return str(psutil.Process(pid).create_time())
        return ""
    with suppress(OSError, IndexError):
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return "" if words[0] in b"ZX" else words[19].decode()
    return ""


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "boot"


def _namespace() -> str:
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # a word, and no path
    return "processes"
