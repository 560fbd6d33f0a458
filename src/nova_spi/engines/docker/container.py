"""One container and the requests about it. Every request may hang as long as the daemon does: see `Call`."""

import os
import re
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from nova_spi.engines.docker.attached import close
from nova_spi.engines.docker.flags import Flags, docker_body, podman_body
from nova_spi.engines.docker.gpu import missing
from nova_spi.engines.docker.inspecting import inspected
from nova_spi.engines.docker.networks import keep_one_egress
from nova_spi.engines.docker.seccomp import lying_in
from nova_spi.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker.errors import APIError

    from nova_spi.engines.docker.connecting import Connection

LIBPOD = "/v4.0.0/libpod"
"""The version of Podman's own API: the first with today's paths, spoken by Podman 4 and 5."""

TRIES = 5
"""To start a container where the engine has no init, or where another process has made a network of the same name."""

_NO_INIT = re.compile(r"container-init binary not found|docker-init|catatonit")
_NO_PROGRAM = re.compile(r"executable file not found|command that was not found|no such file or directory")
_AMBIGUOUS = re.compile(r"network .* is ambiguous")
_NO_IMAGE = re.compile(r"(?i)no such image|image not known")
_NOT_ALLOWED = re.compile(r'exec: ".*permission denied')
_NO_GPU = re.compile(r"could not select device driver|unresolvable CDI devices|CDI device injection|nvidia-container")


class ImageGone(Exception):
    """The engine has removed the image since it was loaded."""


class Abandoned(Exception):
    """The caller stopped waiting while the container was being started; it has been removed."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A container that has been started.

    Attributes:
        id: The engine's.
        stream: The socket with its output.
        process: Its first process, where this machine shows it.
    """

    id: str
    stream: Any
    process: "Process | None"

    def close(self) -> None:
        """Closes both."""
        close(self.stream)
        if self.process is not None:
            self.process.close()


class Process:
    """The first process of a container, held so that its number cannot come to mean another one.

    Attributes:
        pid: Its number on this machine.
        handle: A descriptor that is readable once it has ended (pidfd_open(2)).
    """

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self.handle = handle

    @classmethod
    def of(cls, pid: int, mark: str) -> "Process | None":
        """The process, where this machine has it: its control group must name the container."""
        if pid < 2 or not hasattr(os, "pidfd_open"):
            return None
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            return None
        with suppress(OSError):
            if mark in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace"):
                return cls(pid, handle)
        os.close(handle)
        return None

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal; with the first process all others of the container end. False where it may not."""
        try:
            signal.pidfd_send_signal(self.handle, number)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Closes the descriptor."""
        os.close(self.handle)


class Container:
    """One container.

    Args:
        connection: Its engine.
        flags: What it is.

    Attributes:
        flags: As it was made in the end: without an init where the engine has none.
        begun: Set once it may run; then it must be removed.
    """

    def __init__(self, connection: "Connection", flags: Flags) -> None:
        self.flags = flags
        self.begun = False
        self._connection = connection
        self._api = connection.client.api
        self._abandoned = threading.Event()

    def begin(self) -> Begun:
        """Creates, attaches to and starts the container.

        Raises:
            Abandoned: `abandon` was called meanwhile.
            EngineUnavailable: The engine refuses, or is gone.
            ImageGone: It must be loaded again.
        """
        from docker.errors import APIError

        with self._connection.speaking("starting a container"):
            for _ in range(TRIES):
                try:
                    return self._begin()
                except APIError as error:
                    self._mended(error)
            return self._begin()

    def state(self) -> Mapping[str, Any]:
        """The engine's ``State``; it answers once it has noticed the end of one that has just ended."""
        with self._connection.speaking("a container ran"):
            found: Mapping[str, Any] = inspected(self._api, self.flags.name)["State"]
            return found

    def wait(self) -> None:
        """Returns when the container has ended."""
        with self._connection.speaking("a container ran"):
            self._api.wait(self.flags.name, timeout=None)

    def statistics(self) -> Any:
        """The engine's statistics, one object a second."""
        return self._api.stats(self.flags.name, stream=True, decode=True)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to its first process, by the engine; one that has ended is no error."""
        from docker.errors import APIError

        with self._connection.speaking("ending a container"), suppress(APIError):
            self._api.kill(self.flags.name, number.name)

    def abandon(self) -> None:
        """The container is not wanted any more; one that is being started goes away as soon as it can."""
        self._abandoned.set()

    def remove(self) -> None:
        """Ends the container where it runs, and removes it; one that is not there is no error."""
        from docker.errors import NotFound

        with self._connection.speaking("removing a container"), suppress(NotFound):
            self._api.remove_container(self.flags.name, force=True, v=True)

    def _mended(self, error: "APIError") -> None:
        """Makes the next try a better one, or raises what there is to say."""
        if self.flags.init and _NO_INIT.search(_words(error)):
            self.flags = replace(self.flags, init=False)
        elif _AMBIGUOUS.search(_words(error)):
            keep_one_egress(self._connection)
        else:
            self._refused(error)
        self.remove()

    def _begin(self) -> Begun:
        self._check()
        self._create()
        self.begun = True
        self._check()
        stream = self._api.attach_socket(self.flags.name, {"stdout": 1, "stderr": 1, "stream": 1})
        try:
            self._check()
            self._api.start(self.flags.name)
            said = inspected(self._api, self.flags.name)
            process = Process.of(int(said["State"].get("Pid") or 0), said["Id"])
            self._check()
        except BaseException:  # also Ctrl-C: put in order, and raised again
            close(stream)
            raise
        return Begun(said["Id"], stream, process)

    def _create(self) -> None:
        if self._connection.engine == "docker":
            self._api.create_container_from_config(docker_body(self.flags), self.flags.name)  # type: ignore[no-untyped-call]  # types-docker leaves it bare
            return
        created(self._api, self.flags, podman_body(self.flags))

    def _check(self) -> None:
        if self._abandoned.is_set():
            if self.begun:
                self.remove()
            raise Abandoned

    def _refused(self, error: "APIError") -> NoReturn:
        said, job = _words(error), self.flags.job
        if job.gpus is not None and _NO_GPU.search(said):
            why = "The engine has no runtime for it (nvidia-container-toolkit), and no CDI spec names such a device."
            raise missing(self._connection, job.gpus, why) from error
        if _NO_IMAGE.search(said):
            raise ImageGone from error
        if _NOT_ALLOWED.search(said) or (_NO_PROGRAM.search(said) and job.argv[0] in said):
            raise no_program(job.argv[0], said) from error
        raise error


def created(api: Any, flags: Flags, body: dict[str, Any]) -> str:
    """Has Podman make a container, which reads its seccomp profile from a file meanwhile.

    Args:
        api: The SDK's.
        flags: Of the container.
        body: `nova_spi.engines.docker.flags.podman_body`, or more.

    Returns:
        Its id.
    """
    from docker.errors import create_api_error_from_http_exception
    from requests.exceptions import HTTPError

    with lying_in(flags.job.folder, flags.seccomp) as profile:
        answer = api.post(
            f"{api.base_url}{LIBPOD}/containers/create",
            json=body | {"seccomp_profile_path": str(profile)},
            timeout=api.timeout,
        )
    try:
        answer.raise_for_status()
    except HTTPError as error:
        create_api_error_from_http_exception(error)
    return str(answer.json()["Id"])


def no_program(name: str, why: str) -> EngineUnavailable:
    """The error for a program that the image does not have."""
    return EngineUnavailable(
        f"The program '{name}' could not be started in the image.",
        why=why[-300:],
        mend="Name one that the image has in the command's entry point.",
        program=name,
    )


def _words(error: "APIError") -> str:
    return str(error.explanation or error)
