import json
import multiprocessing
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.indexes import NAME
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.media_types import IMAGE_INDEX, LAYER_TAR
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import ArtifactInvalid, NovaSpiError

MUTATIONS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_what_is_kept_reads_back_the_same(layout):
    descriptor = layout.blobs.write(b"content", LAYER_TAR)
    assert layout.blobs.read(descriptor) == b"content"
    assert Layout.open(layout.root).blobs.has(descriptor)
    assert not list(layout.blobs.ingest.iterdir())


def test_the_layout_is_what_the_specification_says(layout, image):
    assert json.loads((layout.root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((layout.root / "index.json").read_bytes())
    assert (index["schemaVersion"], index["mediaType"]) == (2, IMAGE_INDEX)
    assert [each["annotations"][NAME] for each in index["manifests"]] == ["example:1"]
    assert layout.find("example:1").digest == image.descriptor.digest
    assert layout.find().digest == image.descriptor.digest
    assert {str(each.digest) for each in layout.verify()} == {
        str(each.digest) for each in (image.descriptor, *image.blobs)
    }


@MUTATIONS
@given(which=st.integers(0, 3), position=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_of_any_blob_is_detected(layout, image, kit, which, position, bit):
    blobs = [image.descriptor, *image.blobs]
    path = layout.blobs.path(blobs[which].digest)
    good = path.read_bytes()
    path.write_bytes(kit.flipped(good, position, bit))
    try:
        with pytest.raises(ArtifactInvalid):
            list(layout.verify())
        with pytest.raises(ArtifactInvalid):
            layout.blobs.read(blobs[which])
    finally:
        path.write_bytes(good)


@MUTATIONS
@given(position=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_index_is_detected_or_changes_nothing(layout, image, kit, position, bit):
    path = layout.root / "index.json"
    good, said = path.read_bytes(), layout.names()
    path.write_bytes(kit.flipped(good, position, bit))
    try:
        found = Layout.open(layout.root).names()
    except ArtifactInvalid:
        return
    finally:
        path.write_bytes(good)
    # Only the name of our checksum can change unseen; what the names stand for is then still the same.
    assert {name: (each.digest, each.size, each.media_type) for name, each in found.items()} == {
        name: (each.digest, each.size, each.media_type) for name, each in said.items()
    }


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b""])
def test_a_blob_that_is_cut_or_grown_is_detected(layout, image, change):
    for blob in image.blobs:
        path = layout.blobs.path(blob.digest)
        good = path.read_bytes()
        path.write_bytes(change(good))
        assert not layout.blobs.has(blob)
        with pytest.raises(ArtifactInvalid, match="damaged") as caught:
            list(layout.verify())
        assert str(path) in caught.value.mend
        path.write_bytes(good)


def test_a_blob_that_is_missing_is_said_so(layout, image):
    layout.blobs.path(image.layers[0].digest).unlink()
    with pytest.raises(ArtifactInvalid) as caught:
        list(layout.verify())
    assert caught.value.error_code == "artifact.missing"


def test_what_comes_and_is_something_else_leaves_nothing(layout):
    wanted = Descriptor.of(b"good", LAYER_TAR)
    for pieces in ([b"bad!"], [b"go"], [b"good", b"more"], [b"x" * 100] * 100):
        with pytest.raises(ArtifactInvalid):
            layout.blobs.keep(wanted, iter(pieces))
    assert not layout.blobs.has(wanted)
    assert not list(layout.blobs.ingest.iterdir())


def test_pieces_that_never_end_are_not_read_to_the_end(layout):
    def pieces():
        for _ in range(10):
            yield b"xx"
        raise AssertionError("read on")

    with pytest.raises(ArtifactInvalid):
        layout.blobs.keep(Descriptor.of(b"good", LAYER_TAR), pieces())


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_blob_that_is_no_plain_file_is_not_followed(layout, tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    descriptor = Descriptor.of(b"secret", LAYER_TAR)
    path = layout.blobs.path(descriptor.digest)
    {"link": lambda: path.symlink_to(secret), "fifo": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    assert not layout.blobs.has(descriptor)
    with pytest.raises(ArtifactInvalid):
        layout.blobs.read(descriptor)


@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_an_index_that_is_a_link_is_not_followed(layout, image, tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    (layout.root / name).rename(elsewhere)
    (layout.root / name).symlink_to(elsewhere)
    with pytest.raises(ArtifactInvalid):
        Layout.open(layout.root).entries()


def test_a_digest_cannot_lead_out_of_the_layout(layout):
    index = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": LAYER_TAR, "size": 1, "digest": "sha256:../../../../etc/passwd"}],
    }
    (layout.root / "index.json").write_text(json.dumps(index))
    with pytest.raises(ArtifactInvalid, match="no digest"):
        layout.entries()


def test_a_manifest_that_claims_to_be_huge_is_not_read(layout):
    with pytest.raises(ArtifactInvalid, match="are allowed"):
        layout.manifest(Descriptor("application/vnd.oci.image.manifest.v1+json", Digest.of(b""), 1 << 40))


def test_indexes_within_indexes_end(layout, kit):
    inner = layout.blobs.write(b'{"schemaVersion":2,"manifests":[]}', IMAGE_INDEX)
    for _ in range(6):
        inner = layout.blobs.write(
            json.dumps({"schemaVersion": 2, "manifests": [inner.to_dict()]}).encode(), IMAGE_INDEX
        )
    layout.name(inner, "deep")
    with pytest.raises(ArtifactInvalid, match="too deep"):
        layout.manifest(inner, Platform("linux", "amd64"))
    with pytest.raises(ArtifactInvalid, match="too deep"):
        list(layout.verify())


def test_an_image_of_an_index_is_found_by_platform(layout, kit):
    made = {
        name: kit.make_image(layout, kit.tar_of({"a": name.encode()}), architecture=name) for name in ("amd64", "arm64")
    }
    entries = [
        each.descriptor.to_dict() | {"platform": {"os": "linux", "architecture": name}} for name, each in made.items()
    ]
    index = layout.blobs.write(json.dumps({"schemaVersion": 2, "manifests": entries}).encode(), IMAGE_INDEX)
    found = layout.manifest(index, Platform("linux", "arm64"))
    assert found.raw == made["arm64"].raw
    assert layout.config(found).platform == Platform("linux", "arm64")


def test_a_name_moves_and_goes(layout, image, kit):
    other = kit.make_image(layout, kit.tar_of({"b": b"b"}))
    layout.name(other.descriptor, "example:1")
    assert layout.find("example:1").digest == other.descriptor.digest
    layout.remove("example:1")
    assert layout.names() == {}
    with pytest.raises(ArtifactInvalid, match="has no 'example:1'"):
        layout.find("example:1")


def test_entries_of_other_tools_stay(layout, image):
    path = layout.root / "index.json"
    index = json.loads(path.read_bytes())
    foreign = {**image.descriptor.to_dict(), "annotations": {NAME: "foreign", "org.example.note": "kept"}}
    path.write_text(json.dumps({**index, "manifests": [*index["manifests"], foreign]}))
    layout.name(image.descriptor, "another")
    assert layout.names()["foreign"].annotations["org.example.note"] == "kept"
    assert set(layout.names()) == {"example:1", "foreign", "another"}


def test_a_config_with_other_layers_than_the_manifest_is_refused(layout, image):
    from nova_spi.artifacts.manifests import write_manifest

    short = write_manifest(image.config, image.layers[:1])
    with pytest.raises(ArtifactInvalid, match="1 layers"):
        layout.config(short)


def _name_many(root, letter):
    layout = Layout.open(root)
    descriptor = layout.find("example:1")
    for number in range(20):
        layout.name(descriptor, f"{letter}{number}")


def test_names_of_several_processes_are_all_kept(layout, image):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_name_many, args=(layout.root, letter)) for letter in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(layout.names()) == 61


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a file system of its own to fill")
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=256k none {small} 2>/dev/null"):
        pytest.skip("no file system can be mounted here")
    try:
        layout = Layout.create(small / "layout")
        with pytest.raises(NovaSpiError) as caught:
            layout.blobs.write(b"x" * (1 << 20), LAYER_TAR)
        assert caught.value.error_code == "artifact.disk_full"
        assert not list(layout.blobs.ingest.iterdir())
    finally:
        os.system(f"umount {small}")


def test_a_folder_that_is_no_layout_is_said_so(tmp_path):
    with pytest.raises(ArtifactInvalid, match="no OCI image layout"):
        Layout.open(tmp_path)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')
    with pytest.raises(ArtifactInvalid, match="imageLayoutVersion"):
        Layout.open(tmp_path)
