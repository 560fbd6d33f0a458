import json
import urllib.request

import pytest

from bench.daemons import podman_service
from nova_spi.artifacts.media_types import MANIFESTS
from nova_spi.artifacts.references import Reference
from nova_spi.engines.docker.connecting import connect
from nova_spi.engines.docker.loading import ensure_loaded
from nova_spi.engines.docker.pulling import pull
from nova_spi.errors import RegistryError


@pytest.fixture(params=["docker", "podman"])
def puller(request, local_registry, tmp_path):
    """An engine that may speak to the local registry without TLS: Docker may anyway, to loopback."""
    address = request.getfixturevalue(f"{request.param}_host")
    if request.param == "docker":
        with connect(address) as connection:
            yield connection
        return
    with podman_service(tmp_path / "podman", plain_http=[local_registry]) as own, connect(own) as connection:
        yield connection


@pytest.fixture
def pushed(puller, local_registry, logged_in, kit, layout, heard):
    """An image that is in the registry, and in the engine no more."""
    name = f"{local_registry}/team/model:1.0"
    image = kit.make_image(layout, kit.tar_of({"a": kit.noise(3_000_000)}), kit.tar_of({"b": b"b"}), name=name)
    ensure_loaded(puller, image, heard)
    for message in puller.client.api.push(name, stream=True, decode=True, auth_config=_credentials()):
        assert "error" not in message, message
    puller.client.images.remove(name, force=True)
    heard.stages.clear()
    heard.amounts.clear()
    return image


def _credentials():
    return {"username": "model", "password": "s3cret-pass"}


def test_an_image_comes_from_a_registry_that_wants_a_password(puller, pushed, heard):
    found = pull(puller, Reference.parse(pushed.name), heard)
    assert puller.client.images.get(pushed.name).id == found == pushed.config
    assert heard.stages == [("pull", pushed.name)]
    assert all(done <= total for done, total in heard.amounts)
    if puller.engine == "docker":
        assert heard.amounts[-1][0] == heard.amounts[-1][1] > 3_000_000


def test_an_image_comes_by_its_digest(puller, pushed, local_registry, logged_in, heard):
    known = json.loads((logged_in / "config.json").read_text())["auths"][local_registry]["auth"]
    request = urllib.request.Request(
        f"http://{local_registry}/v2/team/model/manifests/1.0",
        headers={"Authorization": f"Basic {known}", "Accept": ", ".join(MANIFESTS)},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        digest = answer.headers["Docker-Content-Digest"]
    reference = Reference.parse(f"{pushed.name.rpartition(':')[0]}@{digest}")
    assert pull(puller, reference, heard) == pushed.config


def test_without_the_password_the_mend_is_to_log_in(puller, pushed, logged_in, heard):
    (logged_in / "config.json").write_text("{}")
    with pytest.raises(RegistryError, match="does not let") as failure:
        pull(puller, Reference.parse(pushed.name), heard)
    assert failure.value.error_code == "registry.denied"
    assert failure.value.mend.startswith(f"{puller.engine} login 127.0.0.1:")


def test_what_is_not_there_is_told(puller, local_registry, logged_in, heard):
    with pytest.raises(RegistryError, match="cannot pull") as failure:
        pull(puller, Reference.parse(f"{local_registry}/team/nothing:1"), heard)
    assert "unknown" in failure.value.why
    assert "s3cret" not in str(failure.value.to_dict())


def test_a_registry_that_is_not_there_is_told(puller, heard):
    with pytest.raises(RegistryError, match="cannot pull"):
        pull(puller, Reference.parse("127.0.0.1:1/team/model:1"), heard)
