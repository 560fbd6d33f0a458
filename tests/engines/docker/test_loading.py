import hashlib
import os
import signal
import subprocess

import pytest

from bench.daemons import docker_daemon, podman_service, process_of
from nova_spi.engines.docker.connecting import connect
from nova_spi.engines.docker.loading import descriptor_of, ensure_loaded
from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid, EngineUnavailable, EnvironmentFailed, UsageError


@pytest.fixture
def image(kit, layout) -> Image:
    layers = (kit.tar_of({"etc/one": kit.noise(50_000)}), kit.tar_of({"etc/two": kit.noise(2_000_000)}))
    return kit.make_image(layout, *layers, name=kit.fresh_name())


def ids(connection) -> set[str]:
    return {each["Id"] for each in connection.client.api.images(all=True)}


def test_an_image_is_in_the_engine_afterwards_under_its_id_and_its_name(connection, image, heard):
    assert ensure_loaded(connection, image, heard) == image.config
    assert connection.client.images.get(image.name).id == image.config
    assert heard.stages == [("load", image.name)]
    assert heard.amounts[-1][0] == heard.amounts[-1][1] > 2_000_000
    assert heard.amounts == sorted(heard.amounts)


def test_loading_again_is_nothing_to_do(connection, image, heard):
    ensure_loaded(connection, image, heard)
    heard.stages.clear()
    assert ensure_loaded(connection, image, heard) == image.config
    assert heard.stages == []


def test_an_edit_sends_nothing_of_the_layers_below(connection, kit, layout, heard):
    name = kit.fresh_name()
    below = [kit.tar_of({f"opt/{number}": kit.noise(1_000_000)}) for number in range(3)]
    first = kit.make_image(layout, *below, kit.tar_of({"app/main.py": b"print(1)"}), name=name)
    ensure_loaded(connection, first, heard)
    heard.amounts.clear()
    second = kit.make_image(layout, *below, kit.tar_of({"app/main.py": b"print(2)"}), name=name)
    assert ensure_loaded(connection, second, heard) == second.config != first.config
    assert heard.amounts[-1][1] < 10_000
    assert connection.client.images.get(name).id == second.config
    assert len(connection.client.images.get(second.config).attrs["RootFS"]["Layers"]) == 4


def test_an_earlier_image_gets_its_name_back(connection, kit, layout, heard):
    name = kit.fresh_name()
    images = [kit.make_image(layout, kit.tar_of({"a": bytes([n])}), name=name) for n in range(2)]
    for each in (*images, images[0]):
        ensure_loaded(connection, each, heard)
    assert connection.client.images.get(name).id == images[0].config


def test_the_same_image_may_have_two_names(connection, kit, layout, heard):
    layer, names = kit.tar_of({"a": kit.noise(1000)}), [kit.fresh_name(), "localhost/own/model:2.0"]
    for name in names:
        ensure_loaded(connection, kit.make_image(layout, layer, name=name), heard)
    assert connection.client.images.get(names[0]).id == connection.client.images.get(names[1]).id


def test_a_layer_that_comes_twice_is_loaded(connection, kit, layout, heard):
    layer, name = kit.tar_of({"a": kit.noise(1000)}), kit.fresh_name()
    ensure_loaded(connection, kit.make_image(layout, layer, name=name), heard)
    twice = kit.make_image(layout, layer, kit.tar_of({"b": b"b"}), layer, name=name)
    assert ensure_loaded(connection, twice, heard) == twice.config


def test_layers_that_vanish_meanwhile_are_sent_after_all(connection, kit, layout, heard):
    """The engine says that it has a layer, and its image is removed before the thin load comes."""
    name, below = kit.fresh_name(), kit.tar_of({"opt/x": kit.noise(500_000)})
    ensure_loaded(connection, kit.make_image(layout, below, name=name), heard)
    second = kit.make_image(layout, below, kit.tar_of({"app": b"2"}), name=name)

    class Removing(type(heard)):
        def advance(self, done, total, unit):
            if not self.amounts:
                connection.client.images.remove(name, force=True)
            super().advance(done, total, unit)

    listener = Removing()
    assert ensure_loaded(connection, second, listener) == second.config
    assert {total > 500_000 for _, total in listener.amounts} == {False, True}


@pytest.mark.parametrize("name", ["UPPER:1", "a:b:c", "model:-x", "model:" + "x" * 200, "a b", "model:1@sha256:12"])
def test_a_tag_that_is_none_is_refused_before_anything_is_sent(connection, image, heard, name):
    with pytest.raises(UsageError, match="no reference"):
        ensure_loaded(connection, Image(name, image.layout, image.manifest, image.config), heard)
    assert image.config not in ids(connection)


def test_an_image_that_is_not_in_the_layout_is_told(connection, image, heard):
    missing = f"sha256:{'0' * 64}"
    with pytest.raises(ArtifactInvalid, match="is not in"):
        ensure_loaded(connection, Image(image.name, image.layout, missing, missing), heard)


def test_a_config_that_is_not_the_manifests_is_told(connection, image, heard):
    with pytest.raises(ArtifactInvalid, match="has the config"):
        ensure_loaded(connection, Image(image.name, image.layout, image.manifest, f"sha256:{'0' * 64}"), heard)


@pytest.mark.parametrize("position", [0, 0.3, 0.999])
def test_a_damaged_layer_never_comes_into_the_engine(connection, image, layout, heard, position):
    blob = layout.manifest(descriptor_of(layout, image)).layers[1]
    path = layout.blobs.path(blob.digest)
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 1
    path.write_bytes(data)
    before = ids(connection)
    with pytest.raises(ArtifactInvalid, match="damaged"):
        ensure_loaded(connection, image, heard)
    assert ids(connection) == before
    assert connection.client.ping()


def test_a_layer_that_is_not_what_the_config_says_is_refused_by_docker(docker_host, kit, layout, heard):
    """Podman goes by the manifest's digests alone, also where it looks for layers that it has."""
    lie = f"sha256:{hashlib.sha256(kit.noise(10)).hexdigest()}"
    image = kit.make_image(layout, kit.tar_of({"a": kit.noise(1000)}), name=kit.fresh_name(), diff_ids=[lie])
    with connect(docker_host) as connection:
        with pytest.raises(EnvironmentFailed, match="refuses the image") as failure:
            ensure_loaded(connection, image, heard)
        assert "diffID" in failure.value.why
        assert image.config not in ids(connection)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.usefixtures("sockets_collected")
@pytest.mark.parametrize("start", [docker_daemon, podman_service])
def test_an_engine_that_is_killed_in_the_middle_is_one_clear_error(tmp_path, start, kit, layout, heard, request):
    request.getfixturevalue("docker_host" if start is docker_daemon else "podman_host")
    image = kit.make_image(layout, kit.tar_of({"big": kit.noise(30_000_000)}), name=kit.fresh_name())
    with start(tmp_path / "own") as address, connect(address) as connection:

        class Killing(type(heard)):
            def advance(self, done, total, unit):
                if done > total / 2 and not self.stages[1:]:
                    self.stages.append(("killed", ""))
                    os.kill(process_of(address), signal.SIGKILL)

        with pytest.raises(EngineUnavailable, match="went away while loading") as failure:
            ensure_loaded(connection, image, Killing())
    assert failure.value.details["gone"] is True


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("start", [docker_daemon, podman_service])
def test_a_full_disk_of_the_engine_is_told(small_disk, start, kit, layout, heard, request):
    request.getfixturevalue("docker_host" if start is docker_daemon else "podman_host")
    image = kit.make_image(layout, kit.tar_of({"big": kit.noise(30_000_000)}), name=kit.fresh_name())
    with start(small_disk / "own") as address, connect(address) as connection:
        with pytest.raises(EnvironmentFailed, match="no room") as failure:
            ensure_loaded(connection, image, heard)
        assert failure.value.error_code == "engine.disk_full"
        assert "image prune" in failure.value.mend
        assert connection.client.ping()
