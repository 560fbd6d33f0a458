"""Images that are in a registry and not on this machine: fetched, run isolated, and believed less than a project."""

import json
import socket
import time
from pathlib import PurePosixPath

import pytest

from nova_spi import ArtifactInvalid, AssetUnavailable, Container, EngineUnavailable, Project, RegistryError
from nova_spi.artifacts.documents import dump_object
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.client import Registry
from nova_spi.artifacts.registry.pushing import push
from nova_spi.cli.main import run
from nova_spi.cli.state import State
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.images.layers import Entry, write_layer

MANIFEST = """
spi_version: "1"
model: {name: far, version: 1.0.0, domain: text, description: Says where it runs.}
execution:
  entry_point: {command: [python, run.py]}
  volumes: [{name: kept, mount_path: /var/lib/kept}]
inputs: []
outputs:
  - {name: said, type: string, required: true}
"""
PROGRAM = """
import json, os
json.dump({"said": os.environ.get("SPI_WORK_DIR", "")}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
"""
NOBODY = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def strangers(alone, cache, monkeypatch, tmp_path):
    """No way out of the machine, and a store that holds nothing."""
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(cache))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{NOBODY}")
    monkeypatch.setenv("NOVA_SPI_STORE", str(tmp_path / "store"))


@pytest.fixture(scope="session")
def built(debian_base, tmp_path_factory):
    """A layout with a real image of a real project, built once."""
    root = tmp_path_factory.mktemp("far")
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "run.py").write_text(PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOVA_SPI_STORE", str(tmp_path_factory.mktemp("far-store")))
        patch.setenv("NOVA_SPI_CACHE_DIR", str(tmp_path_factory.mktemp("far-cache")))
        return Project.load(root).build_container(base_image=debian_base).image


@pytest.fixture
def far(built, real_registry):
    """The same in a registry; its name there."""
    reference = Reference.parse(f"{real_registry}/team/far:1.0")
    layout = Layout.open(built.layout)
    with Registry.of(reference) as registry:
        push(registry, reference, layout, layout.find(built.manifest))
    return str(reference)


@pytest.fixture
def pushed(tmp_path, real_registry):
    """Pushes an image of these entries; gives its name."""

    def make(name, entries, platform=None, **config):
        layout, platform = Layout.create(tmp_path / f"made-{name}"), platform or Platform.here()
        layer = write_layer(layout, entries, "made")
        document = {
            "architecture": platform.architecture,
            "os": platform.os,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id)]},
        }
        manifest = write_manifest(layout.blobs.write(dump_object(document), IMAGE_CONFIG), [layer.descriptor])
        descriptor = layout.blobs.write(manifest.raw, manifest.media_type)
        reference = Reference.parse(f"{real_registry}/made/{name}:1")
        with Registry.of(reference) as registry:
            push(registry, reference, layout, descriptor)
        return str(reference)

    return make


@pytest.fixture(params=["sandbox", "docker"])
def somewhere(request, cache, monkeypatch):
    if request.param == "docker":
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("docker_host"))
    elif missing := why_not("sandbox", cache):
        pytest.skip(missing)
    return request.param


class Heard:
    def __init__(self):
        self.stages, self.most = [], 0

    def stage(self, name, detail=""):
        self.stages.append((name, detail))

    def advance(self, done, total, unit):
        assert unit == "bytes"
        self.most = max(self.most, done)

    def warn(self, message):
        raise AssertionError(message)

    log = warn


def test_an_image_of_a_registry_is_fetched_once_and_runs(far, built, somewhere, tmp_path, monkeypatch):
    heard = Heard()
    container = Container.load(far, heard)
    assert (container.name, container.digest) == (far, built.manifest)
    assert ("pull", f"{far}, which is not in the local store") in heard.stages
    assert heard.most > 1_000_000
    result = container.run().raise_for_error()
    assert result.outputs == {"said": "/app"}
    assert result.record["engine"]["level"] == ("sandbox" if somewhere == "sandbox" else "container")
    assert result.record["environment"]["image"] == far
    assert str(result.folder).startswith(str(tmp_path / "data" / "models"))
    again = Heard()
    assert Container.load(far, again).digest == built.manifest
    assert not again.stages


def test_an_image_is_fetched_by_its_digest_and_known_by_it_afterwards(far, built, monkeypatch):
    pinned = f"{far.rpartition(':')[0]}@{built.manifest}"
    assert Container.load(pinned).digest == built.manifest
    monkeypatch.setattr(socket, "create_connection", None)
    assert Container.load(built.manifest).digest == built.manifest
    assert Container.load(f"elsewhere.example.org/it@{built.manifest}").digest == built.manifest


def test_without_a_sandbox_and_an_engine_a_pulled_image_does_not_run(far, monkeypatch):
    container = Container.load(far)
    missing = lambda level, *_: "" if level == "process" else "This kernel has none."  # noqa: E731
    monkeypatch.setattr("nova_spi.engines.process.isolation.levels.why_not", missing)
    for options in ({}, {"engine": "process"}, {"engine": "process", "require_isolation": "process"}):
        try:
            result = container.run(**options)
        except EngineUnavailable as error:
            found = error
        else:
            found = result.error
        assert isinstance(found, EngineUnavailable)
        assert "sandbox" in f"{found.message} {found.why}"


def test_what_is_nowhere_says_both(real_registry):
    for name in (f"{real_registry}/no/such:1", f"{real_registry}/no/such@sha256:{'0' * 64}"):
        with pytest.raises(RegistryError, match="on this machine, and it cannot be fetched") as caught:
            Container.load(name)
        assert caught.value.error_code == "registry.not_found"
        assert "404" in caught.value.why


def test_a_registry_that_is_not_there_is_said_within_seconds():
    for name in (f"{NOBODY}/team/model:1", "nothing:1"):
        began = time.monotonic()
        with pytest.raises(RegistryError) as caught:
            Container.load(name)
        assert time.monotonic() - began < 20
        assert "cannot be reached" in caught.value.why
        assert caught.value.mend
    assert "as docker.io/library/nothing:1" in caught.value.message
    assert "registry-1.docker.io" in caught.value.why


@pytest.mark.parametrize("name", [f"sha256:{'0' * 64}", "Not A Name:1", "x:", "a@b", f"x@sha256:{'0' * 63}"])
def test_what_no_registry_can_have_is_asked_of_none(name):
    with pytest.raises(ArtifactInvalid, match="in the local store") as caught:
        Container.load(name)
    assert caught.value.error_code == "artifact.missing"


def test_an_image_for_another_machine_is_refused_before_its_layers_come(pushed, tmp_path):
    other = Platform("linux", "arm64" if Platform.here().architecture != "arm64" else "amd64")
    name = pushed("other", [Entry("app/manifest.yml", MANIFEST.encode())], other)
    with pytest.raises(ArtifactInvalid, match=f"is for {other}") as caught:
        Container.load(name)
    assert caught.value.error_code == "artifact.no_platform"
    assert not Layout.open(tmp_path / "store").names()


def test_an_image_without_a_manifest_says_where_to_look(pushed):
    links = {"linked": "/etc/hostname", "broken": "nowhere", "out": "../../../../etc/hostname"}
    entries = {name: [Entry("app/manifest.yml", PurePosixPath(target))] for name, target in links.items()}
    for name, made in {"none": [Entry("srv/x", b"x")], "bare": [Entry("app/x", b"x")], **entries}.items():
        with pytest.raises(ArtifactInvalid) as caught:
            Container.load(pushed(f"without-{name}", made))
        assert caught.value.error_code == "artifact.no_manifest"
        assert "nova-spi inspect-image" in caught.value.mend


def test_what_an_image_brings_for_this_machine_is_not_there(pushed, tmp_path, monkeypatch):
    outside = tmp_path / "outside"
    outside.mkdir()
    container = Container.load(
        pushed(
            "hostile",
            [
                Entry("app/manifest.yml", MANIFEST.encode()),
                Entry("app/.nova-spi.toml", b'engine = "ray"\nserver = "https://evil.example.org"\n'),
                Entry("app/.nova-spi", PurePosixPath(str(outside))),
                Entry("app/test_outputs", PurePosixPath(str(outside))),
            ],
        )
    )
    assert sorted(path.name for path in container.folder.root.iterdir()) == ["manifest.yml"]
    container.run(engine="process")
    assert not list(outside.iterdir())
    assert container.folder.from_image


def test_an_image_names_no_files_of_this_machine(debian_base, built, tmp_path, user, monkeypatch, cache):
    if missing := why_not("sandbox", cache):
        pytest.skip(missing)
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    root = user / "reader"
    root.mkdir()
    for number, uri in enumerate((f"file://{secret}", "file:manifest.yml")):
        asset = f"assets: [{{name: taken, uri: '{uri}', mount_path: taken.txt}}]\n"
        (root / "manifest.yml").write_text(MANIFEST.replace("name: far", f"name: reader-{number}") + asset)
        (root / "run.py").write_text(PROGRAM)
        monkeypatch.setenv("NOVA_SPI_STORE", str(built.layout))
        mine = Project.load(root).build_container(base_image=debian_base)
        assert mine.run(engine="process").ok
        error = Container.load(mine.digest).run(engine="process").error
        if uri == "file:manifest.yml":
            assert error is None
        else:
            assert isinstance(error, AssetUnavailable)
            assert "came out of an image" in error.message


def test_the_command_line_runs_and_tests_what_is_in_a_registry(far, user, capsys, cache):
    if missing := why_not("sandbox", cache):
        pytest.skip(missing)
    assert run(["run", far, "--engine", "process", "--output-format", "json"], State()) == 0
    assert json.loads(capsys.readouterr().out)["outputs"] == {"said": "/app"}
    assert (user / "outputs" / "output.json").exists()
    assert run(["test", far, "--engine", "process"], State()) == 0
    assert "no test cases" in capsys.readouterr().out
    assert run(["test", far, "--interactive"], State()) == 2
    assert "is an image" in capsys.readouterr().err
    assert run(["run", f"{NOBODY}/team/model:1", "--output-format", "json"], State()) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], "cannot be reached" in error["why"]) == ("registry.unavailable", True)
