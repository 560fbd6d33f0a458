import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PROGRAM = """
import json, os, sys
from nova_spi.engines.select import select
from nova_spi.project.folder import open_folder
from nova_spi.serving import plan_text
from nova_spi.serving.preparing.plans import prepare
from nova_spi.settings import Settings

settings = Settings.load()
options = json.loads(sys.argv[2])
plan = prepare(open_folder(sys.argv[1]), engine=select("process", settings), settings=settings, **options)
path = plan.folder / "plan.json"
plan_text.write(plan, path)
server = (sys.executable, "-m", "nova_spi.serving.server", str(path))
os.execv(sys.executable, (*server, "--port", "0", "--output-format", "json", *sys.argv[3:]))
"""
PROJECTS = Path(__file__).parent / "projects"
WAIT = 60
"""Seconds until something hangs, and is not only slow."""


@dataclass(frozen=True)
class Server:
    """A server, and the process that it is."""

    host: str
    port: int
    process: subprocess.Popen

    @property
    def folder(self):
        """The server's own: what `Plan.folder` is."""
        arguments = Path(f"/proc/{self.process.pid}/cmdline").read_bytes().split(b"\0")
        return Path(next(each for each in arguments if each.endswith(b"plan.json")).decode()).parent


@contextmanager
def serving(folder, cache, arguments, until, options):
    """A server of the project, once it has said that it is ``until``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NOVA_SPI_")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), json.dumps(options), *arguments],
        stdout=subprocess.PIPE,
        env=kept | {"NOVA_SPI_CACHE_DIR": str(cache), "PYTHONWARNINGS": "error"},
    )
    try:
        for line in process.stdout:
            said = json.loads(line)
            assert said["event"] != "failed", said
            if said["event"] == "serving":
                url = urlsplit(said["url"])
            if said["event"] == until:
                break
        yield Server(url.hostname, url.port, process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=WAIT)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def serve(tmp_path_factory, shared_cache):
    """Serves one of the projects beside this file, with options of `prepare` and arguments of the server."""
    with ExitStack() as servers:

        def make(name, *arguments, until="ready", **options):
            folder = tmp_path_factory.mktemp(name) / "project"
            shutil.copytree(PROJECTS / name, folder)
            return servers.enter_context(serving(folder, shared_cache, arguments, until, options))

        yield make
