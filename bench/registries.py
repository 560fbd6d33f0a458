"""A registry of one's own for tests and benches: docker-registry on a port of loopback, ended by its own process."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.daemons import DaemonMissing

START_SECONDS = 20.0


@contextmanager
def docker_registry(folder: Path, *, auth: str = "", tls: str = "", read_only: bool = False) -> Iterator[str]:
    """Starts docker-registry; yields its host with its port.

    Args:
        folder: Receives its configuration, its log and, in ``data``, what is pushed.
        auth: Its section ``auth`` as YAML of one line: ``{htpasswd: {...}}``.
        tls: Its section ``http.tls``, likewise; then its host is ``localhost``.
        read_only: Whether it takes nothing.

    Raises:
        DaemonMissing: It is not installed, or does not start.
    """
    program = shutil.which("docker-registry")
    if program is None:
        raise DaemonMissing("docker-registry is not installed (apt-get install docker-registry)")
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    maintenance = ", maintenance: {readonly: {enabled: true}}" if read_only else ""
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'data'}'}}{maintenance}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'{f', tls: {tls}' if tls else ''}}}\n"
        f"{f'auth: {auth}' if auth else ''}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(config)], stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        _await(port, process, folder / "log")
        yield f"{'localhost' if tls else '127.0.0.1'}:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise DaemonMissing(f"docker-registry did not start: {log.read_text('utf-8', 'replace')[-500:]}")
