"""What an execution in a container adds to a bare `docker run` of the same image with the same limits."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.daemons import DaemonMissing, docker_daemon
from bench.executing import MANIFEST, PROGRAM
from bench.measuring import Figure, pairs, ratio

ROUNDS = 25
BOUND = 1.15
FLAGS = (
    *("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--init"),
    *("--security-opt", "no-new-privileges", "--user", "1000:1000", "--pids-limit", "1024"),
)


def figures() -> Iterator[Figure]:
    """One whole execution, from checked inputs to collected outputs; nothing where there is no daemon or base."""
    from nova_spi.artifacts.platforms import Platform
    from nova_spi.images.debian_apt import can_be_asked

    docker = shutil.which("docker", path="/usr/bin") or shutil.which("docker")
    if docker is None or can_be_asked(Platform.here()):
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            with docker_daemon(Path(place) / "daemon") as host:
                yield _figure(Path(place), docker, host)
        except DaemonMissing:
            return


def _figure(root: Path, docker: str, host: str) -> Figure:
    from nova_spi.engines.docker.engine import DockerEngine
    from nova_spi.execution.opening import stored
    from nova_spi.execution.run import execute
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    project = root / "echo"
    project.mkdir()
    (project / "manifest.yml").write_text(MANIFEST)
    (project / "run.py").write_text(PROGRAM)
    settings = Settings.load(project, cache_dir=str(root / "cache"), data_dir=str(root / "data"), base_image="debian")
    folder, engine = open_folder(project), DockerEngine(host)
    execute(folder, inputs={"prompt": "hi"}, engine=engine, settings=settings).raise_for_error()
    image = stored("echo:1.0.0", settings)

    def ours() -> None:
        execute(folder, inputs={"prompt": "hi"}, engine=engine, settings=settings, image=image).raise_for_error()

    outputs = root / "outputs"
    outputs.mkdir()
    outputs.chmod(0o777)
    words = [
        *(docker, "run", *FLAGS, "--volume", f"{outputs}:/app/outputs", "--env", "INPUT_PROMPT=hi"),
        *("--env", "SPI_OUTPUT_FILE=/app/outputs/output.json", "echo:1.0.0"),
    ]
    variables = {"PATH": os.defpath, "HOME": str(root), "DOCKER_HOST": host}

    def theirs() -> None:
        subprocess.run(words, check=True, capture_output=True, env=variables, stdin=subprocess.DEVNULL)

    mine, peer = pairs(ours, theirs, ROUNDS)
    notes = "echo model, inputs staged, outputs checked, record written; peer: docker run with the same flags"
    return ratio("execution in Docker", mine, peer, BOUND, notes)
