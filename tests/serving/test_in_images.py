"""Workers in images, through the real supervisor: in Docker, in Podman, and in a sandbox of this machine."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nova_spi import Project
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.labels import WORKER
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.images.debian_apt import can_be_asked
from nova_spi.project.folder import open_folder
from nova_spi.serving import plan_text
from nova_spi.serving.calls import Call, InputFile
from nova_spi.serving.engines import engine_of
from nova_spi.serving.preparing.plans import prepare, remove
from nova_spi.serving.supervisor import Supervisor
from nova_spi.settings import Settings

if missing := can_be_asked(Platform.here()):
    pytest.skip(f"no base can be assembled: {missing}", allow_module_level=True)

MANIFEST = """
spi_version: "1"
model: {name: warm-in-image, version: 1.0.0, domain: text, description: Stays loaded in an image.}
execution:
  entry_point: {callable: "model:Model"}
  secrets: [TOKEN]
  timeout_seconds: 60
assets:
  - {name: weights, uri: "file:weights.bin", mount_path: model/weights/weights.bin}
inputs:
  - {name: note, type: file, mime_types: [text/plain], constraints: {max_files: 1}}
  - {name: leave, type: boolean, default: false}
outputs:
  - {name: page, type: file, file_pattern: "*.txt"}
  - {name: seen, type: object}
"""
MODEL = """
import os, pathlib

class Model:
    def setup(self):
        self.weights = pathlib.Path("model/weights/weights.bin").stat().st_size
        self.calls = 0

    def predict(self, leave, note=None):
        if leave:
            pathlib.Path("left.txt").write_text("of another life")
            os._exit(3)
        self.calls += 1
        refused = 0
        calls = note.parent if note else "/run/nova-spi-calls"
        for place in (f"{calls}/x", "/run/nova-spi/x", "/etc/x"):
            try:
                pathlib.Path(place).write_text("x")
            except OSError:
                refused += 1
        found = {"calls": self.calls, "weights": self.weights, "refused": refused, "user": os.getuid(),
                 "here": os.getcwd(), "left": os.path.exists("left.txt"),
                 "token": pathlib.Path(os.environ["SPI_SECRETS_DIR"], "TOKEN").read_text()}
        if note is None:
            return {"seen": found}
        pathlib.Path("page.txt").write_text(note.read_text().upper())
        return {"page": "page.txt", "seen": found}
"""
WEIGHTS = 9 * 1024 * 1024


@pytest.fixture(scope="module")
def built(tmp_path_factory, debian_base):
    """A project and its image, built once."""
    root = tmp_path_factory.mktemp("warm") / "project"
    root.mkdir()
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "model.py").write_text(MODEL)
    (root / "weights.bin").write_bytes(b"w" * WEIGHTS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NOVA_SPI_STORE", str(tmp_path_factory.mktemp("store")))
        return root, Project.load(root).build_container(base_image=debian_base).image


@pytest.fixture(params=["docker", "podman", "sandbox"])
def served(request, built, shared_cache, tmp_path, monkeypatch):
    """A plan and its engine; afterwards nothing of the plan is there."""
    root, image = built
    settings = replace(Settings.load(), cache_dir=shared_cache, data_dir=tmp_path / "data")
    if request.param == "sandbox":
        if reason := why_not("sandbox", shared_cache, root):
            pytest.skip(reason)
        engine = ProcessEngine(shared_cache, "sandbox", root)
    else:
        pytest.importorskip("docker", reason="the extra 'docker' is not installed")
        from nova_spi.engines.docker.engine import DockerEngine

        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue(f"{request.param}_host"))
        engine = DockerEngine()
    plan = prepare(open_folder(root), engine=engine, settings=settings, image=image, secrets={"TOKEN": "very-secret"})
    yield plan, engine
    remove(plan)
    assert not plan.folder.exists()
    assert not plan.secrets.exists()
    assert plan.slots[0].socket is None or not plan.slots[0].socket.parent.parent.exists()
    if request.param != "sandbox":
        assert containers(engine) == []
        engine.close()


def containers(engine):
    return engine.connection.client.api.containers(all=True, filters={"label": WORKER})


@asynccontextmanager
async def supervising(plan, engine):
    supervisor = Supervisor(plan, engine)
    await supervisor.start()
    try:
        async with asyncio.timeout(120):
            await supervisor.ready()
            yield supervisor
    finally:
        await supervisor.close()


async def ask(supervisor, inputs, files=None):
    execution = supervisor.submit(Call("run", json.dumps(inputs).encode(), files or {}))
    return await execution.done


def test_a_worker_in_an_image_answers_and_each_life_begins_anew(served, tmp_path):
    plan, engine = served

    async def scenario():
        async with supervising(plan, engine) as supervisor:
            note = tmp_path / "note.txt"
            note.write_text("read me")
            first = await ask(supervisor, {}, {"note": (InputFile(note, "note.txt", ours=False),)})
            assert first.error is None, (first.error, first.log.text())
            seen = first.value()["seen"]
            assert seen["user"] != 0
            assert {name: seen[name] for name in ("calls", "weights", "refused", "here", "left", "token")} == {
                "calls": 1,
                "weights": WEIGHTS,
                "refused": 3,
                "here": "/app",
                "left": False,
                "token": "very-secret",
            }
            (page,) = first.files["page"]
            assert page.path.read_text() == "READ ME"
            assert (await ask(supervisor, {})).value()["seen"]["calls"] == 2
            crashed = await ask(supervisor, {"leave": True})
            assert crashed.error is not None
            assert crashed.error.error_code == "worker.crashed"
            after = (await ask(supervisor, {})).value()["seen"]
            assert (after["calls"], after["left"]) == (1, False)

    asyncio.run(scenario())


def test_the_engine_of_a_lean_process_runs_the_same(served, tmp_path):
    plan, _ = served
    plan_text.write(plan, tmp_path / "plan.json")
    found = plan_text.read(tmp_path / "plan.json")
    engine = engine_of(found)

    async def scenario():
        async with supervising(found, engine) as supervisor:
            assert (await ask(supervisor, {})).value()["seen"]["calls"] == 1

    asyncio.run(scenario())
    if plan.engine == "docker":
        engine.close()


SERVING = """
import asyncio, sys
from pathlib import Path
from nova_spi.serving.engines import engine_of
from nova_spi.serving.plan_text import read
from nova_spi.serving.supervisor import Supervisor

async def main():
    plan = read(Path(sys.argv[1]))
    supervisor = Supervisor(plan, engine_of(plan))
    await supervisor.start()
    await supervisor.ready()
    print("ready", flush=True)
    await asyncio.sleep(300)

asyncio.run(main())
"""


def test_no_worker_in_an_image_outlives_a_supervisor_that_is_killed(served, tmp_path):
    plan, engine = served
    plan_text.write(plan, tmp_path / "plan.json")
    words = [sys.executable, "-c", SERVING, str(tmp_path / "plan.json")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            assert running(plan, engine)
        finally:
            process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while running(plan, engine) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(plan, engine)


def running(plan, engine):
    """What runs of a plan: containers, or processes that work in its folder."""
    if plan.engine == "docker":
        return containers(engine)
    inside, found = plan.slots[0].work.stat().st_ino, []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if place.stat().st_ino == inside:
                found.append(place.parent.name)
        except OSError:
            continue
    return found
