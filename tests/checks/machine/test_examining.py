"""What is said of this machine is what is so; none of it leaves the machine unless it is asked to."""

import base64
import json
import socket
import sys

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.checks.machine import engines, examine, host, images
from nova_spi.engines.process.cgroups.finding import find
from nova_spi.engines.process.isolation.levels import best, why_not
from nova_spi.images.debian_apt import can_be_asked
from nova_spi.settings import Settings

SECRET = "hunter2-secret"
_UNIX = socket.AF_UNIX


@pytest.fixture(autouse=True)
def nobodys(monkeypatch, tmp_path):
    """Nothing of the user's own counts."""
    for name in ("DOCKER_CONFIG", "DOCKER_CONTEXT", "REGISTRY_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


@pytest.fixture
def settings(shared_cache, tmp_path):
    return Settings.load(cache_dir=shared_cache, data_dir=tmp_path / "data", store=tmp_path / "store")


def with_engine(settings, name):
    return Settings.load(cache_dir=settings.cache_dir, engine=name)


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_an_engine_that_answers_is_named_with_what_it_can(request, monkeypatch, settings, engine):
    address = request.getfixturevalue(f"{engine}_host")
    monkeypatch.setenv("DOCKER_HOST", address)
    found = engines.container_engine(settings)
    assert found.state == "ok"
    assert found.detail.startswith("Podman " if engine == "podman" else "Docker ")
    assert address in found.detail
    assert "which DOCKER_HOST names" in found.detail
    assert "as root; control groups: cgroupfs; " in found.detail
    assert ("takes devices by CDI" in found.detail) is (engine == "podman")


def test_an_engine_without_the_package_that_speaks_to_it_is_told_from_none(docker_host, monkeypatch, settings):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    monkeypatch.setitem(sys.modules, "docker", None)
    found = engines.container_engine(settings)
    assert (found.state, found.mend) == ("missing", "pip install 'nova-spi[docker]'")
    assert docker_host in found.detail
    assert "is not installed" in found.detail
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/empty/none.sock")
    assert "is not installed either" in engines.container_engine(settings).detail


def test_what_serving_stands_on_is_named_where_it_is_not_installed(monkeypatch, settings):
    assert host.serving(settings).state == "ok"
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    found = host.serving(settings)
    assert (found.state, found.mend) == ("missing", "pip install 'nova-spi[serve]'")
    assert "python-multipart not installed" in found.detail


def test_every_place_that_was_tried_says_why_not(monkeypatch, settings, tmp_path, request):
    monkeypatch.delenv("DOCKER_HOST")
    (tmp_path / "runtime").mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "runtime" / "docker.sock"))
    found = engines.container_engine(settings)
    if found.state == "ok":
        pytest.skip("this machine has an engine of its own")
    assert "/var/run/docker.sock: " in found.detail
    assert f"{tmp_path}/runtime/docker.sock: nobody listens on this socket" in found.detail
    assert f"{tmp_path}/runtime/podman/podman.sock: not there" in found.detail
    assert "systemctl" in found.mend
    (tmp_path / "runtime" / "podman").mkdir()
    listening = request.getfixturevalue("podman_host").removeprefix("unix://")
    (tmp_path / "runtime" / "podman" / "podman.sock").symlink_to(listening)
    found = engines.container_engine(settings)
    assert found.detail.startswith("Podman ")
    assert f"tried before it: {tmp_path}/runtime/docker.sock: nobody listens" in found.detail


def test_an_engine_that_is_missing_is_a_problem_only_where_it_is_wanted(settings, monkeypatch):
    assert engines.container_engine(settings).state == "missing"
    assert engines.container_engine(with_engine(settings, "docker")).state == "problem"
    monkeypatch.setenv("DOCKER_HOST", f"tcp://me:{SECRET}@example.org:2375")
    found = engines.container_engine(settings)
    assert (found.state, SECRET in found.detail) == ("missing", False)
    assert "tcp://" in found.detail


def test_control_groups_are_those_that_a_run_gets(settings):
    works = {name: parent.version for parent in find() for name in parent.controllers}
    found = engines.control_groups(settings, None)
    for name in ("memory", "pids", "cpu"):
        assert (f"{name} (cgroup v{works.get(name)})" in found.detail) is (name in works)
    assert (found.state == "ok") is ({"memory", "pids", "cpu"} <= works.keys())
    assert (found.state == "ok") is (not any(word in found.detail for word in ("watched", "not limited")))


def test_without_control_groups_it_says_what_stands_in_for_them(settings, monkeypatch):
    monkeypatch.setattr("nova_spi.engines.process.cgroups.finding.find", tuple)
    found = engines.control_groups(settings, None)
    assert found.state == "missing"
    assert found.detail.startswith("none can be made here; memory is watched by samples; ")
    assert ("limited by the sandbox" in found.detail) is (best(settings.cache_dir) == "sandbox")
    assert found.detail.endswith("CPU time is not limited")


def test_the_level_is_that_at_the_projects_place(settings, tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    found = engines.process_engine(settings, place)
    assert found.state == "ok"
    assert f"at the level '{best(settings.cache_dir, place)}' in {place}" in found.detail
    assert not list(place.iterdir())


def test_images_run_without_an_engine_where_there_is_a_sandbox(settings, monkeypatch):
    assert (images.without_engine(settings, None).state == "ok") is (not why_not("sandbox", settings.cache_dir))
    monkeypatch.setattr("nova_spi.engines.process.isolation.levels.why_not", lambda *_: "It needs another kernel.")
    found = images.without_engine(settings, None)
    assert found.state == "missing"
    assert "It needs another kernel." in found.detail
    assert found.mend


def test_the_base_debian_is_to_be_had_where_apt_is(settings, monkeypatch):
    assert (images.base_debian(settings).state == "ok") is (not can_be_asked(Platform.here()))
    monkeypatch.setenv("PATH", "/nonexistent")
    found = images.base_debian(settings)
    assert (found.state, "apt-get is not here" in found.detail) == ("missing", True)


def test_the_store_says_what_it_holds(settings):
    assert "nothing is kept yet" in images.store(settings).detail
    layout = Layout.create(settings.store)
    written = layout.blobs.write(b'{"schemaVersion": 2}', "application/vnd.oci.image.manifest.v1+json")
    layout.name(written, "docker.io/library/x:1")
    assert f"{settings.store}: 1 image with a name, 0.00 GiB" in images.store(settings).detail
    (settings.store / "index.json").write_text("{")
    assert images.store(settings).state == "problem"


def test_files_with_credentials_are_named_and_not_shown(settings, tmp_path):
    assert images.credentials(settings).detail == "none: registries are asked as anybody"
    docker = tmp_path / "home" / ".docker"
    docker.mkdir(parents=True)
    (docker / "config.json").write_text('{"currentContext": "default"}')
    assert images.credentials(settings).detail == "none: registries are asked as anybody"
    auth = base64.b64encode(f"me:{SECRET}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {"registry.example.org": {"auth": auth}}}))
    found = images.credentials(settings)
    assert (found.state, found.detail) == ("ok", f"for registries: {docker}/config.json")
    (docker / "config.json").write_text('{"auths": 5}')
    found = images.credentials(settings)
    assert found.state == "problem"
    assert "config.json" in found.detail


def test_nothing_leaves_the_machine_unless_it_is_asked_to(settings):
    asked, looking = [], True

    def hear(event, args):  # it cannot be taken away again
        if looking and event in ("socket.connect", "socket.getaddrinfo") and getattr(args[0], "family", 0) != _UNIX:
            asked.append(args)

    sys.addaudithook(hear)
    found = list(examine(settings))
    looking = False
    assert not asked
    assert not any(each.name.startswith("registry ") for each in found)
    assert {each.state for each in found} <= {"ok", "missing"}


def test_registries_are_asked_where_they_should_be(real_registry, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody listens there: nothing gets out of the machine
    settings = Settings.load(registry=f"{real_registry}/models", store=tmp_path / "s")
    found = {each.name: each for each in images.registries(settings)}
    assert found[f"registry {real_registry}"].state == "ok"
    assert "images are pushed there" in found[f"registry {real_registry}"].detail
    assert found["registry docker.io"].state == "missing"
    assert "approved bases" in found["registry docker.io"].detail


def test_a_registry_that_is_none_is_said_so(tmp_path):
    settings = Settings.load(registry="http://x y/", store=tmp_path / "s")
    assert images.registry(settings).state == "problem"


def test_a_cache_that_cannot_be_written_is_a_problem_and_no_traceback(tmp_path):
    settings = Settings.load(cache_dir="/proc/nowhere", store=tmp_path / "s")
    found = {each.name: each for each in examine(settings)}
    assert found["cache"].state == "problem"
