"""Images and containers of a container engine, looked at as those of a store are."""

import gzip
import hashlib
import io
import json
import tarfile

import pytest

import nova_spi
from nova_spi.artifacts.archive_writing import write_archive
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_GZIP
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid
from nova_spi.sdk.catalog import inspect_image

docker = pytest.importorskip("docker")

GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,"
MANIFEST = """\
spi_version: "1"
model: {name: held, version: 1.0.0, domain: text}
inputs: []
outputs: []
catalog: {thumbnail: a.gif}
"""


@pytest.fixture(params=["docker", "podman"])
def engine(request, tmp_path, monkeypatch):
    """A client of an engine of the tests' own, which is the one that nova-spi finds too."""
    host = request.getfixturevalue(f"{request.param}_host")
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    client = docker.DockerClient(base_url=host, timeout=60)
    client.api.trust_env = False
    yield client
    client.close()


def archive(tmp_path, files: dict[str, bytes], **config) -> bytes:
    layout = Layout.create(tmp_path / "made")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    document = {
        "architecture": Platform.here().architecture,
        "os": "linux",
        "config": {"Cmd": ["/nothing"], **config},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(buffer.getvalue()).hexdigest()}"]},
    }
    blob = layout.blobs.write(gzip.compress(buffer.getvalue(), mtime=0), LAYER_GZIP)
    manifest = write_manifest(layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG), [blob])
    written = io.BytesIO()
    write_archive(layout, manifest, written, name=Reference.parse("held-by-engine:1.0"))
    return written.getvalue()


def test_an_image_and_a_container_of_an_engine_are_looked_at(engine, tmp_path):
    files = {"app/manifest.yml": MANIFEST.encode(), "app/a.gif": GIF}
    data = archive(tmp_path, files, WorkingDir="/app", User="1000", Labels={"one": "1"}, Env=["A=b"])
    [image] = engine.images.load(data)
    container = engine.containers.create(image.id, name="looked-at", use_config_proxy=False)
    try:
        change = io.BytesIO()
        with tarfile.open(fileobj=change, mode="w") as tar:
            member = tarfile.TarInfo("a.gif")
            member.size = len(GIF) + 1
            tar.addfile(member, io.BytesIO(GIF + b"!"))
        container.put_archive("/app", change.getvalue())
        for ref in ("held-by-engine:1.0", image.id):
            found = inspect_image(ref)
            assert found.catalog.fields["model_name"] == "held"
            assert found.catalog.thumbnail.data == GIF
            assert found.image.labels["one"] == "1"
            assert found.image.user == "1000"
            assert found.image.environment[-1:] == ("A",) or "A" in found.image.environment
        for ref in ("looked-at", container.id):
            found = inspect_image(ref)
            assert found.catalog.thumbnail.data == GIF + b"!", "the container as it is now"
            assert found.image.working_dir == "/app"
            assert found.image.labels["one"] == "1"
        assert list((tmp_path / "cache").iterdir()) == []
    finally:
        container.remove(force=True)
        engine.images.remove(image.id, force=True)


def test_an_image_of_an_engine_without_a_manifest_is_one_clear_error(engine, tmp_path):
    [image] = engine.images.load(archive(tmp_path, {"etc/x": b"1"}))
    try:
        with pytest.raises(ArtifactInvalid) as caught:
            nova_spi.catalog_metadata("held-by-engine:1.0")
        assert caught.value.error_code == "artifact.no_manifest"
    finally:
        engine.images.remove(image.id, force=True)
