"""Bytecode made by an image's own Python on real engines, and used by it."""

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.execution import compiling
from nova_spi.execution.building import build
from nova_spi.execution.images import image_of
from nova_spi.execution.run import execute
from nova_spi.images.base import open_base
from nova_spi.images.build import build_image
from nova_spi.images.debian_apt import can_be_asked
from nova_spi.images.describing import write_image
from nova_spi.images.layers import Entry, write_layer
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

HERE = Platform.here()
if missing := can_be_asked(HERE):
    pytest.skip(f"no base can be assembled: {missing}", allow_module_level=True)

NO_SANDBOX = "this machine has none, a test says"
MANIFEST = """
spi_version: "1"
model: {name: cold, version: 1.0.0, domain: text, description: Says where its modules came from.}
execution:
  entry_point: {command: [python, -v, run.py]}
inputs: []
outputs:
  - {name: seen, type: object, required: true}
"""
PROGRAM = """
import json, asyncio, os, sys
import nova_spi_runtime.values
seen = {"json": json.__cached__, "writes": not sys.dont_write_bytecode, "modules": [
    [name, bool(module.__cached__) and os.path.exists(module.__cached__)]
    for name, module in sys.modules.items() if getattr(module, "__cached__", None)
]}
json.dump({"seen": seen}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
"""


@pytest.fixture(scope="module")
def bases(tmp_path_factory, shared_cache):
    """A layout with the base ``debian``, by a name; nothing was built there."""
    layout = Layout.create(tmp_path_factory.mktemp("bases") / "layout")
    base = open_base("debian", layout, HERE, Silent(), cache_dir=shared_cache)
    layout.name(base.manifest.descriptor, "plain")
    return layout


@pytest.fixture
def cold(tmp_path, shared_cache):
    root = tmp_path / "cold"
    root.mkdir()
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "run.py").write_text(PROGRAM)
    return open_folder(root), Settings.load(root, cache_dir=shared_cache, data_dir=tmp_path / "data")


@pytest.fixture
def without_sandbox(monkeypatch):
    monkeypatch.setattr(compiling, "why_not", lambda *_: NO_SANDBOX)


@pytest.fixture
def without_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/empty/no-daemon.sock")


@pytest.fixture(params=["sandbox", "docker", "podman"])
def engine(request, monkeypatch, shared_cache):
    """This engine alone, to compile with and to run in."""
    if request.param == "sandbox":
        if reason := why_not("sandbox", shared_cache):
            pytest.skip(reason)
        request.getfixturevalue("without_engine")
        yield ProcessEngine(shared_cache, "sandbox")
        return
    address = request.getfixturevalue(f"{request.param}_host")
    monkeypatch.setenv("DOCKER_HOST", address)
    request.getfixturevalue("without_sandbox")
    made = DockerEngine(address)
    yield made
    made.close()


@pytest.fixture(scope="module")
def digests():
    """What each engine made of the same project."""
    return set()


def names(image):
    return [each.made_by.removeprefix("nova-spi: ") for each in image.layers]


def test_every_engine_makes_the_same_bytecode_and_python_uses_it(engine, cold, bases, heard, digests):
    folder, settings = cold
    layout = Layout.create(settings.store)
    image = build(folder, layout, settings, base=f"{bases.root}:plain", progress=heard)
    assert names(image) == ["bytecode of Python", "packages", "the runtime", "bytecode", "the project"]
    assert not heard.warnings
    digests.add(image.digest)
    assert len(digests) == 1
    result = execute(folder, engine=engine, settings=settings, image=image_of(image, layout))
    seen, log = result.raise_for_error().outputs["seen"], result.log_text()
    assert seen["writes"] is False
    assert "/json/__pycache__/__init__.cpython-" in seen["json"]
    without = [name for name, there in seen["modules"] if not there]
    assert without in ([], ["sitecustomize"])  # on Debian a link to a file of /etc, which people may edit
    assert f"# {seen['json']} matches" in log
    read = [line.split("'")[1] for line in log.splitlines() if line.startswith("# code object from '")]
    assert seen["json"] in read
    assert [path for path in read if not path.endswith((".pyc", "/sitecustomize.py"))] == []
    for module in ("asyncio/__init__", "asyncio/events", "nova_spi_runtime/values"):
        name = PurePosixPath(module).name
        assert [path for path in read if f"/{module.removesuffix(name)}__pycache__/{name}.cpython-" in path]


def test_an_edit_of_the_app_asks_nobody(cold, bases, without_engine, monkeypatch, shared_cache):
    if reason := why_not("sandbox", shared_cache):
        pytest.skip(reason)
    folder, settings = cold
    layout = Layout.create(settings.store)
    before = build(folder, layout, settings, base=f"{bases.root}:plain")
    (folder.root / "run.py").write_text(PROGRAM + "\n")
    monkeypatch.setattr(compiling, "why_not", None)
    monkeypatch.setattr(compiling, "DockerEngine", None)
    after = build(folder, layout, settings)
    assert after.digest != before.digest
    assert after.layers[:-1] == before.layers[:-1]


def test_where_nobody_can_compile_the_image_is_built_without_and_says_so(
    cold, bases, without_sandbox, without_engine, heard
):
    folder, settings = cold
    layout = Layout.create(settings.store)
    image = build(folder, layout, settings, base=f"{bases.root}:plain", progress=heard)
    assert names(image) == ["packages", "the runtime", "the project"]
    assert image.digest == build_image(folder, layout, settings=settings).digest
    assert len(heard.warnings) == 1
    assert "starts more slowly" in heard.warnings[0]
    assert "another digest" in heard.warnings[0]
    assert "/var/empty/no-daemon.sock" in heard.warnings[0]


def test_for_another_machine_the_image_is_built_without(cold, heard, tmp_path):
    other = Platform("linux", "arm64" if HERE.architecture == "amd64" else "amd64")
    layout = Layout.create(tmp_path / "other")
    entries = [
        Entry("usr/bin/python3.11", b"\x7fELF", executable=True),
        Entry("usr/bin/python3", PurePosixPath("python3.11")),
        Entry("usr/lib/python3.11/os.py", b""),
    ]
    layout.name(_base(layout, entries, other), "other")
    folder, settings = cold
    image = build(
        folder, Layout.create(settings.store), settings, base=f"{layout.root}:other", platform=other, progress=heard
    )
    assert names(image) == ["packages", "the runtime", "the project"]
    assert f"it is for {other}" in heard.warnings[0]


def test_a_python_that_fails_compiles_nothing(cold, bases, without_engine, heard, shared_cache, tmp_path):
    if reason := why_not("sandbox", shared_cache):
        pytest.skip(reason)
    layout = Layout.create(tmp_path / "broken")
    entries = [
        Entry("usr/bin/python3.11", b"\x7fELF", executable=True),
        Entry("usr/bin/python3", PurePosixPath("python3.11")),
        Entry("usr/lib/python3.11/os.py", b""),
    ]
    layout.name(_base(layout, entries, HERE), "broken")
    folder, settings = cold
    image = build(folder, Layout.create(settings.store), settings, base=f"{layout.root}:broken", progress=heard)
    assert names(image) == ["packages", "the runtime", "the project"]
    assert "starts more slowly" in heard.warnings[0]


def test_what_a_hostile_python_leaves_is_not_taken(cold, bases, without_engine, heard, shared_cache, tmp_path):
    """Its program is the dynamic linker's: it writes what it likes into the only folder that it may write to."""
    if reason := why_not("sandbox", shared_cache):
        pytest.skip(reason)
    if not Path("/bin/dash").exists():
        pytest.skip("this machine has no dash to put into a base")
    hostile = b"""#!/bin/dash
case "$*" in *version_info*) echo 3.11.2; exit;; esac
cd /tmp/nova-spi/out || exit 1
echo "#!/bin/sh" > 0
ln -s /etc/passwd 1
echo x > /tmp/nova-spi/in/names && exit 1
exit 0
"""
    layout = Layout.create(tmp_path / "hostile")
    below = open_base(f"{bases.root}:plain", layout, HERE, Silent())
    entries = [
        Entry("usr/bin/dash", Path("/bin/dash"), executable=True),
        Entry("usr/bin/ln", Path("/bin/ln"), executable=True),
        Entry(below.python.path.lstrip("/"), hostile, executable=True),
    ]
    made = write_image(layout, below, [write_layer(layout, entries, "hostile")], {"Env": ["PATH=/usr/bin"]})
    layout.name(made.descriptor, "hostile")
    folder, settings = cold
    image = build(folder, Layout.create(settings.store), settings, base=f"{layout.root}:hostile", progress=heard)
    assert names(image) == ["packages", "the runtime", "the project"]
    assert "not what Python's bytecode looks like" in heard.warnings[0]


def test_two_machines_give_one_digest(cold, bases, tmp_path, shared_cache):
    """Two processes with other caches, stores, locales, time zones, masks and hashes."""
    if reason := why_not("sandbox", shared_cache):
        pytest.skip(reason)
    folder, _ = cold
    digests = []
    for number, variables in enumerate(
        (
            {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
            {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "PYTHONDONTWRITEBYTECODE": "1"},
        )
    ):
        place = tmp_path / ("machine" * (number + 1))
        argv = [sys.executable, "-c", BUILD, str(folder.root), str(place), f"{bases.root}:plain", f"0{number * 7}7"]
        done = subprocess.run(argv, env={"PATH": "/usr/bin:/bin"} | variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        digest, layers = done.stdout.split()
        assert layers == "5"
        digests.append(digest)
    assert digests[0] == digests[1]


BUILD = """
import os, sys
from pathlib import Path
from nova_spi.artifacts.layout import Layout
from nova_spi.execution.building import build
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings
root, place, base, mask = sys.argv[1:]
os.umask(int(mask, 8))
settings = Settings.load(Path(root), cache_dir=Path(place, "cache"), data_dir=Path(place, "data"))
image = build(open_folder(root), Layout.create(settings.store), settings, base=base)
print(image.digest, len(image.layers))
"""


def _base(layout, entries, platform):
    from nova_spi.artifacts.documents import dump_object
    from nova_spi.artifacts.manifests import write_manifest
    from nova_spi.artifacts.media_types import IMAGE_CONFIG

    layer = write_layer(layout, entries, "made")
    document = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {"Env": ["PATH=/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id)]},
    }
    manifest = write_manifest(layout.blobs.write(dump_object(document), IMAGE_CONFIG), [layer.descriptor])
    return layout.blobs.write(manifest.raw, manifest.media_type)


@pytest.fixture
def heard():
    class Heard:
        def __init__(self):
            self.warnings = []
            self.stage = self.advance = self.log = lambda *_: None
            self.warn = self.warnings.append

    return Heard()
