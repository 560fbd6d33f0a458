"""Images of projects that need a step inside them, on real engines; shell and apt-get of the base are the test's."""

import shutil
import tarfile
from pathlib import Path

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.trees import unpack
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.errors import BuildFailed
from nova_spi.execution.building import build
from nova_spi.execution.images import image_of
from nova_spi.execution.run import execute
from nova_spi.images.base import open_base
from nova_spi.images.debian_apt import can_be_asked
from nova_spi.images.describing import write_image
from nova_spi.images.layers import Entry, write_layer
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

HERE = Platform.here()
if missing := can_be_asked(HERE):
    pytest.skip(f"no base can be assembled: {missing}", allow_module_level=True)
if not Path("/bin/dash").exists():
    pytest.skip("this machine has no dash to put into a base", allow_module_level=True)

MANIFEST = """
spi_version: "1"
model: {name: stepping, version: 1.0.0, domain: text, description: Says what was installed beside it.}
execution:
  entry_point: {command: [python3, run.py]}
%s
inputs: []
outputs:
  - {name: installed, type: string, required: true}
"""
PROGRAM = """
import json, os
json.dump({"installed": open("/installed").read()}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
"""
APT = b"""#!/bin/dash
echo "apt-get $*"
case "$*" in *no-such-package*) echo "E: Unable to locate package no-such-package" >&2; exit 100;; esac
echo "$*" >> /installed
"""


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A layout with the base ``debian``, and the same with a shell and an apt-get."""
    root = tmp_path_factory.mktemp("bases")
    layout = Layout.create(root / "layout")
    base = open_base("debian", layout, HERE, Silent(), cache_dir=root / "cache")
    entries = [
        Entry("usr/bin/dash", Path("/bin/dash"), executable=True),
        Entry("usr/bin/sh", Path("/bin/dash"), executable=True),
        Entry("usr/bin/rm", Path("/bin/rm"), executable=True),
        Entry("usr/bin/apt-get", APT, executable=True),
    ]
    made = write_image(layout, base, [write_layer(layout, entries, "a shell")], {"Env": ["PATH=/usr/bin"]})
    layout.name(made.descriptor, "withshell")
    return layout, made


@pytest.fixture
def stepping(tmp_path, shared_cache):
    """Makes a project with these lines of ``execution``; returns its folder and settings."""

    def made(lines: str):
        root = tmp_path / "stepping"
        root.mkdir()
        (root / "manifest.yml").write_text(MANIFEST % lines)
        (root / "run.py").write_text(PROGRAM)
        return open_folder(root), Settings.load(root, cache_dir=shared_cache, data_dir=tmp_path / "data")

    return made


@pytest.fixture
def with_shell(bases) -> str:
    return f"{bases[0].root}:withshell"


@pytest.fixture(params=["docker", "podman"])
def host(request, monkeypatch):
    address = request.getfixturevalue(f"{request.param}_host")
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


def run(folder, settings, layout, image, host):
    engine = DockerEngine(host)
    try:
        result = execute(folder, engine=engine, settings=settings, image=image_of(image, layout))
        return result.raise_for_error().outputs["installed"]
    finally:
        engine.close()


def test_system_packages_come_by_the_engine_and_an_edit_asks_it_no_more(stepping, with_shell, host, monkeypatch):
    folder, settings = stepping("  system_packages: [ffmpeg, zlib1g]")
    layout = Layout.create(settings.store)
    image = build(folder, layout, settings, base=with_shell)
    assert "install --yes --no-install-recommends ffmpeg zlib1g" in run(folder, settings, layout, image, host)
    (folder.root / "run.py").write_text(PROGRAM + "\n")
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/empty/no-daemon.sock")
    again = build(folder, layout, settings)
    assert again.digest != image.digest
    assert again.manifest.layers[:-1] == image.manifest.layers[:-1]


def test_a_package_that_is_not_there_is_said_with_the_steps_own_words(stepping, with_shell, host):
    folder, settings = stepping("  system_packages: [no-such-package]")
    with pytest.raises(BuildFailed) as caught:
        build(folder, Layout.create(settings.store), settings, base=with_shell)
    assert caught.value.error_code == "build.step_failed"
    assert "Unable to locate package no-such-package" in str(caught.value.to_dict())


def test_the_projects_own_dockerfile_is_a_base(stepping, bases, host, tmp_path):
    folder, settings = stepping("  base_image: Dockerfile")
    tree = tmp_path / "tree"
    layout = bases[0]
    unpack(layout, layout.manifest(layout.find("withshell")), tree)
    with tarfile.open(folder.root / "tree.tar", "w") as tar:
        tar.add(tree, arcname=".")
    shutil.rmtree(tree)
    (folder.root / ".spiignore").write_text("Dockerfile\n")
    steps = 'FROM scratch\nADD tree.tar /\nENV PATH=/usr/bin\nRUN ["/usr/bin/apt-get", "install", "something"]\n'
    (folder.root / "Dockerfile").write_text(steps)
    own = Layout.create(settings.store)
    image = build(folder, own, settings)
    assert run(folder, settings, own, image, host) == "install something\n"
    assert not (folder.root / "nova-spi.lock").exists()
    assert image.base.name == "Dockerfile"


@pytest.mark.parametrize("lines", ["  system_packages: [ffmpeg]", "  base_image: Dockerfile"])
def test_without_an_engine_the_error_says_why_and_what_does_without(stepping, with_shell, lines, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/empty/no-daemon.sock")
    folder, settings = stepping(lines)
    (folder.root / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(BuildFailed) as caught:
        build(folder, Layout.create(settings.store), settings, base=with_shell if "system" in lines else None)
    assert caught.value.error_code == "build.needs_step"
    assert "/var/empty/no-daemon.sock" in caught.value.why
    assert "--base-image debian" in caught.value.mend


def test_what_a_dockerfile_is_built_from_must_be_approved(stepping, monkeypatch):
    folder, settings = stepping("  base_image: Dockerfile")
    (folder.root / "Dockerfile").write_text("FROM evil/image:1\n")
    with pytest.raises(BuildFailed, match="evil/image:1 is not approved"):
        build(folder, Layout.create(settings.store), settings)


def test_a_step_for_another_machine_is_refused(stepping):
    other = Platform("linux", "arm64" if HERE.architecture == "amd64" else "amd64")
    folder, settings = stepping("  base_image: Dockerfile")
    (folder.root / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(BuildFailed, match=f"which is for {other}"):
        build(folder, Layout.create(settings.store), settings, platform=other)


def test_a_dockerfile_that_is_not_there_is_said_so(stepping):
    folder, settings = stepping("  base_image: Dockerfile")
    with pytest.raises(BuildFailed, match="there is none"):
        build(folder, Layout.create(settings.store), settings, name=Reference.parse("x:1"))
