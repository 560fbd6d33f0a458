import asyncio
import json
import os
import textwrap
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from bench.remains import children
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.errors import EngineUnavailable
from nova_spi.project.folder import open_folder
from nova_spi.serving.calls import Call
from nova_spi.serving.preparing.plans import prepare
from nova_spi.serving.slots import remove
from nova_spi.serving.supervisor import Supervisor
from nova_spi.settings import Settings

HEAD = """
spi_version: "1"
model: {name: served-model, version: 1.0.0, description: A model that a test serves and judges., domain: text}
"""

ECHO = """
inputs:
  - {name: prompt, type: string, required: true, description: What to say}
outputs:
  - {name: said, type: string, required: true, description: The same again}
execution:
  entry_point: {callable: "code_of:say"}
"""


class Asked(Supervisor):
    """A supervisor, with what tests ask of it again and again."""

    async def ask(self, prompt="hello", **options):
        """One call, of the default command if it says nothing else, to its end."""
        execution = self.begin(prompt, **options)
        async with asyncio.timeout(60):
            return await execution.done

    def begin(self, prompt="hello", **options):
        """The same, on its way."""
        options = {"command": self.plan.default.name, "inputs": json.dumps({"prompt": prompt}).encode()} | options
        return self.submit(Call(**options))

    async def code(self, prompt="hello", **options):
        """What became of a call: the error's code, or None."""
        execution = await self.ask(prompt, **options)
        return None if execution.error is None else execution.error.error_code

    async def until(self, so, seconds=30):
        """Waits until something is so; a test that waits longer hangs."""
        async with asyncio.timeout(seconds):
            while not so():
                await asyncio.sleep(0.005)

    async def until_state(self, *states):
        """Waits until the first worker is in one of these states."""
        await self.until(lambda: self.health()["workers"][0]["state"] in states)

    async def until_status(self, status):
        """Waits until health says this."""
        await self.until(lambda: self.health()["status"] == status)

    async def until_nothing_runs(self):
        """Waits a moment until no process of the model is there."""
        await self.until(lambda: _processes_of(self.plan) == [], 10)


class Served:
    """A project that was prepared, and the supervisors of it.

    Attributes:
        plan: What was prepared; `changed` gives it other settings.
    """

    def __init__(self, plan, engine):
        self.plan = plan
        self.engine = engine

    def changed(self, **settings):
        return Served(replace(self.plan, **settings), self.engine)

    def run(self, scenario, runner=asyncio.run, shown=None):
        """Runs ``scenario(supervisor)`` with a supervisor that has been started; afterwards nothing of it is left."""
        before = threads(), descriptors(), children()
        runner(self._run(scenario, shown))
        until = time.monotonic() + 5
        while threads() - before[0] and time.monotonic() < until:
            time.sleep(0.01)  # asyncio's own that waits for a process has heard of its end, and ends
        assert threads() - before[0] == set()
        assert descriptors().items() - before[1].items() == set()
        assert children() - before[2] == set()
        assert _processes_of(self.plan) == []

    async def _run(self, scenario, shown):
        async with self.supervising(shown) as supervisor:
            await scenario(supervisor)

    @asynccontextmanager
    async def supervising(self, shown=None):
        supervisor = Asked(self.plan, self.engine)
        supervisor.shown = shown
        await supervisor.start()
        try:
            yield supervisor
        finally:
            await supervisor.close()


def threads():
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def descriptors():
    """What is open, but for the engine's word that it uses an environment, which is for as long as the process."""
    found = {}
    for place in Path("/proc/self/fd").iterdir():
        try:
            found[place.name] = str(place.readlink())
        except OSError:
            continue  # the listing's own
    return {number: place for number, place in found.items() if not place.endswith(".used")}


def _processes_of(plan):
    """What works below the server's folder, or has it in its words or variables; what waits to be reaped is over."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            seen = (
                (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes() + bytes((entry / "cwd").readlink())
            )
        except OSError:
            continue  # it has ended, or is somebody else's
        if str(plan.folder).encode() in seen and int(entry.name) != os.getpid():
            found.append((int(entry.name), (entry / "cmdline").read_bytes()))
    return found


@pytest.fixture(scope="session", autouse=True)
def _uvloop_has_its_descriptors():
    """Its first loop opens two that it keeps for good."""
    uvloop.run(asyncio.sleep(0))


@pytest.fixture(scope="session")
def engine(shared_cache):
    return ProcessEngine(shared_cache)


@pytest.fixture
def serve(tmp_path, engine, shared_cache):
    """Prepares a project of a module ``code_of`` and a manifest's text without its head; options are `prepare`'s."""
    plans = []

    def make(source, manifest=ECHO, *, engine=engine, files=(), plan=None, **options):
        root = tmp_path / f"project{len(plans)}"
        root.mkdir()
        (root / "manifest.yml").write_text(HEAD + textwrap.dedent(manifest))
        (root / "code_of.py").write_text(textwrap.dedent(source))
        for name, content in dict(files).items():
            (root / name).write_text(textwrap.dedent(content))
        settings = Settings.load(cache_dir=shared_cache, data_dir=tmp_path / "data", engine="process")
        made = prepare(open_folder(root), engine=engine, settings=settings, **options)
        plans.append(made)
        return Served(replace(made, **(plan or {})), engine)

    yield make
    for made in plans:
        remove(made)


@pytest.fixture
def level_engine(shared_cache, tmp_path):
    """An engine of a level of isolation, where this machine has it."""

    def make(level):
        found = ProcessEngine(shared_cache, level)
        try:
            assert found.level == level
        except EngineUnavailable as missing:
            pytest.skip(f"{missing.message} {missing.why}")
        return found

    return make


@pytest.fixture
def processes_of():
    """What is running of a plan."""
    return _processes_of
