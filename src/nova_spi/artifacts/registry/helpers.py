"""Docker's credential helpers: programs ``docker-credential-NAME`` that ask a keyring or a cloud.

Protocol (github.com/docker/docker-credential-helpers): the word ``get``, the registry on standard input, and on
standard output ``{"ServerURL": ..., "Username": ..., "Secret": ...}``, or a sentence and exit status 1.
"""

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import time

from nova_spi.artifacts.documents import Fields, load_object
from nova_spi.errors import ArtifactInvalid, RegistryError

PREFIX = "docker-credential-"
TIMEOUT_SECONDS = 60.0
"""A helper may ask a person to unlock a keyring."""

MAX_OUTPUT = 512 * 1024
MAX_SECRET = 256 * 1024
NOT_FOUND = b"credentials not found"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_helper(name: str) -> bool:
    """Whether there is such a program."""
    return _NAME.fullmatch(name) is not None and shutil.which(PREFIX + name) is not None


def ask_helper(name: str, server: str, *, timeout: float = TIMEOUT_SECONDS) -> tuple[str, str]:
    """What a helper knows of a registry.

    Args:
        name: Without the prefix ``docker-credential-``.
        server: The registry as the helper was told it.
        timeout: Seconds.

    Returns:
        User name and secret; both empty where the helper does not know the registry.

    Raises:
        RegistryError: There is no such program, or it fails. Its output may hold a secret and is not shown.
    """
    program = shutil.which(PREFIX + name) if _NAME.fullmatch(name) else None
    if program is None:
        raise _failed(name[:64], server, "It is not on the PATH.", f"Install {PREFIX}{name[:64]}, or take it out.")
    status, output = _run(program, name, server, timeout)
    if status != 0:
        if NOT_FOUND in output[:4096].lower():
            return "", ""
        raise _failed(name, server, f"It ended with status {status}.")
    try:
        fields = Fields(load_object(output, "Its answer", limit=MAX_OUTPUT), "Its answer")
        return fields.text("Username", 4096), fields.text("Secret", MAX_SECRET)
    except ArtifactInvalid as error:
        raise _failed(name, server, error.message) from error


def _run(program: str, name: str, server: str, timeout: float) -> tuple[int, bytes]:
    """The program's status and output; one that takes too long ends with whatever it started."""
    with subprocess.Popen(
        [program, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                    stdin.write(f"{server}\n".encode())
            until = time.monotonic() + timeout
            output = _output(process, until)
            status = process.wait(max(until - time.monotonic(), 0.1))
        except (_TooLong, subprocess.TimeoutExpired) as error:
            why = str(error) if isinstance(error, _TooLong) else f"It took longer than {timeout:g} seconds."
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise _failed(name, server, why) from error
    return status, output


class _TooLong(Exception):
    """A helper takes too long, or says too much."""


def _output(process: "subprocess.Popen[bytes]", until: float) -> bytes:
    assert process.stdout is not None, "it is a pipe"  # noqa: S101  # what Popen was asked for
    found, handle = b"", process.stdout.fileno()
    with selectors.DefaultSelector() as ready:
        ready.register(handle, selectors.EVENT_READ)
        while True:
            if not ready.select(max(until - time.monotonic(), 0)):
                raise _TooLong("It did not answer in time.")
            chunk = os.read(handle, 65536)
            if not chunk:
                return found
            found += chunk
            if len(found) > MAX_OUTPUT:
                raise _TooLong(f"It said more than {MAX_OUTPUT} bytes.")


def _failed(name: str, server: str, why: str, mend: str = "") -> RegistryError:
    return RegistryError(
        f"The credential helper {PREFIX}{name} does not give the credentials for {server}.",
        why=why,
        mend=mend or f"Look what it says: echo {server} | {PREFIX}{name} get",
        code="registry.credentials",
    )
