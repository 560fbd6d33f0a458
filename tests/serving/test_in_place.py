"""A model that is served beside nova-spi, in an environment that is there already, as in an image for serving."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nova_spi.engines import select
from nova_spi.engines.port import Image, Recipe
from nova_spi.engines.process.in_place import InPlaceEngine, environment_of
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.serving.calls import Call
from nova_spi.serving.engines import engine_of
from nova_spi.serving.preparing.plans import prepare, remove
from nova_spi.serving.supervisor import Supervisor
from nova_spi.settings import Settings

MANIFEST = """
spi_version: "1"
model: {name: placed, version: 1.0.0, domain: text, description: Runs where it stands.}
execution:
  entry_point: {callable: "model:seen"}
  python_version: "3.10"
  environment: {MINE: "of the manifest"}
inputs: []
outputs: [{name: seen, type: object}]
commands:
  again: {entry_point: {command: "python again.py"}, outputs: [{name: said, type: string}]}
"""
MODEL = """
import os

def seen():
    return {"variables": dict(os.environ), "python": os.sys.version.split()[0]}
"""
AGAIN = "import json, os\njson.dump({'said': 'again'}, open(os.environ['SPI_OUTPUT_FILE'], 'w'))\n"


@pytest.fixture
def container(monkeypatch):
    """The variables of a container."""
    for name in ("VIRTUAL_ENV", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("API_TOKEN", "very-secret-value")
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", "all")


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "app"
    root.mkdir()
    for name, text in (("manifest.yml", MANIFEST), ("model.py", MODEL), ("again.py", AGAIN)):
        (root / name).write_text(text)
    return open_folder(root)


@pytest.mark.parametrize("level", ["process", "landlock", "sandbox"])
def test_a_model_runs_in_the_environment_that_is_there(project, container, shared_cache, tmp_path, level):
    if reason := why_not(level, shared_cache, tmp_path):
        pytest.skip(reason)
    settings = replace(Settings.load(), cache_dir=shared_cache, data_dir=tmp_path / "data")
    plan = prepare(project, engine=InPlaceEngine(shared_cache, level), settings=settings)
    engine = engine_of(plan)
    assert isinstance(engine, InPlaceEngine)
    assert (plan.in_place, plan.engine, plan.level) == (True, "process", level)

    async def scenario():
        supervisor = Supervisor(plan, engine)
        await supervisor.start()
        try:
            async with asyncio.timeout(60):
                first = await supervisor.submit(Call("run")).done
                again = await supervisor.submit(Call("again")).done
        finally:
            await supervisor.close()
        assert first.error is None, first.error
        assert again.error is None, again.error
        return first.value()["seen"], again.value()

    try:
        seen, again = asyncio.run(scenario())
    finally:
        remove(plan)
    assert again == {"said": "again"}
    variables = seen["variables"]
    assert seen["python"] == sys.version.split()[0]
    assert (variables["MINE"], variables["NVIDIA_VISIBLE_DEVICES"]) == ("of the manifest", "all")
    assert "very-secret-value" not in json.dumps(variables)


def test_the_environment_of_an_image_of_ours_is_known_by_its_place(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    found = environment_of({"PATH": "/usr/bin", "LC_ALL": "C", "PASSWORD": "x"}, tmp_path)
    assert found.python == tmp_path / "bin" / "python"
    assert found.version == sys.version.split()[0]
    assert found.variables == {"PATH": f"{tmp_path}/bin:/usr/bin", "LC_ALL": "C", "VIRTUAL_ENV": str(tmp_path)}
    assert found.cached


def test_without_a_python_for_the_model_the_error_says_how_there_would_be_one(tmp_path):
    with pytest.raises(EngineUnavailable, match="no Python for the model") as caught:
        environment_of({"PATH": str(tmp_path)}, tmp_path)
    assert "--serving" in caught.value.mend


def test_no_other_image_is_run_inside_of_an_image(shared_cache):
    image = Image("other:1", Path("/nowhere"), "sha256:0", "sha256:0")
    with pytest.raises(EngineUnavailable, match="inside of another"):
        InPlaceEngine(shared_cache, "process").provide(Recipe(Path("/"), image=image), Silent())


def test_what_is_least_asked_for_holds_here_too(shared_cache):
    settings = replace(Settings.load(), cache_dir=shared_cache)
    assert isinstance(select.in_place(settings, "process"), InPlaceEngine)
    if why_not("sandbox", shared_cache):
        with pytest.raises(EngineUnavailable):
            select.in_place(settings, "sandbox")
    else:
        assert select.in_place(settings, "sandbox").level == "sandbox"
