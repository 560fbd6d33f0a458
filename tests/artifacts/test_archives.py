import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.archive_reading import read_archive
from nova_spi.artifacts.archive_writing import write_archive
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.media_types import LAYER_GZIP, LAYER_TAR
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid, NovaSpiError

AMD64 = Platform("linux", "amd64")


@pytest.fixture
def archive(layout, image, tmp_path):
    path = tmp_path / "image.tar"
    with path.open("wb") as stream:
        write_archive(layout, image, stream, name=Reference.parse("team/example:1"))
    return path


@pytest.fixture
def other(tmp_path):
    return Layout.create(tmp_path / "other")


def member(name, data=b"", **fields):
    found = tarfile.TarInfo(name)
    found.size = len(data)
    for key, value in fields.items():
        setattr(found, key, value)
    return found, data


def write_tar(path, *members):
    with tarfile.open(path, "w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


def docker_save(*layers, packed=False, **changes):
    """The members of an old docker-archive."""
    config = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]},
    }
    data = json.dumps(config).encode()
    name = f"{hashlib.sha256(data).hexdigest()}.json"
    entry = {"Config": name, "RepoTags": ["example:1"], "Layers": [f"{n}/layer.tar" for n in range(len(layers))]}
    files = [member(f"{n}/layer.tar", gzip.compress(each) if packed else each) for n, each in enumerate(layers)]
    return [*files, member(name, data), member("manifest.json", json.dumps([entry | changes]).encode())]


def test_what_is_written_reads_back_byte_by_byte(image, archive, other):
    found = read_archive(archive, other, platform=AMD64)
    assert found.digest == image.descriptor.digest
    assert other.manifest(found).raw == image.raw
    other.name(found, "it")
    assert len(list(other.verify())) == 4


def test_the_same_image_gives_the_same_bytes(layout, image, archive, tmp_path):
    again = io.BytesIO()
    write_archive(layout, image, again, name=Reference.parse("team/example:1"))
    assert again.getvalue() == archive.read_bytes()


def test_one_tar_is_a_layout_and_a_docker_archive(image, archive):
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        entry = json.load(tar.extractfile("manifest.json"))[0]
        index = json.load(tar.extractfile("index.json"))
        assert all(each in names for each in (*entry["Layers"], entry["Config"]))
    assert entry["RepoTags"] == ["team/example:1"]
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "docker.io/team/example:1"
    assert len(names) == len(set(names)) == 7


def test_layers_that_the_reader_has_are_left_out(layout, image):
    config, thin = layout.config(image), io.BytesIO()
    write_archive(layout, image, thin, omit={config.diff_ids[0]})
    with tarfile.open(fileobj=io.BytesIO(thin.getvalue())) as tar:
        names = tar.getnames()
    assert f"blobs/sha256/{image.layers[0].digest.hex}" not in names
    assert f"blobs/sha256/{image.layers[1].digest.hex}" in names


def test_a_damaged_blob_is_not_written_as_if_it_were_good(layout, image):
    path = layout.blobs.path(image.layers[0].digest)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ArtifactInvalid, match="damaged"):
        write_archive(layout, image, io.BytesIO())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_of_an_archive_is_detected_or_changes_nothing(image, archive, kit, tmp_path, position, bit):
    path, fresh = tmp_path / "flipped.tar", tmp_path / "fresh"
    path.write_bytes(kit.flipped(archive.read_bytes(), position, bit))
    shutil.rmtree(fresh, ignore_errors=True)
    layout = Layout.create(fresh)
    try:
        found = read_archive(path, layout, platform=AMD64)
    except ArtifactInvalid:
        return
    layout.name(found, "it")
    assert len(list(layout.verify())) == 4
    # What else can be read of a damaged archive is the same content, perhaps without the checked index.
    assert {str(each.digest) for each in layout.manifest(found).blobs} == {str(each.digest) for each in image.blobs}


@pytest.mark.parametrize("packed", [False, True])
def test_what_docker_save_writes_is_read(tmp_path, other, kit, packed):
    layers = [kit.tar_of({"a": b"a"}), kit.tar_of({"b": b"b"})]
    path = write_tar(tmp_path / "saved.tar", *docker_save(*layers, packed=packed))
    found = read_archive(path, other)
    manifest = other.manifest(found)
    assert [each.media_type for each in manifest.layers] == [LAYER_GZIP if packed else LAYER_TAR] * 2
    assert [each.matches(layer) for each, layer in zip(other.config(manifest).diff_ids, layers, strict=True)] == [
        True
    ] * 2
    assert read_archive(path, other, name="example:1") == found
    with pytest.raises(ArtifactInvalid, match="no image 'example:2'"):
        read_archive(path, other, name="example:2")


def test_a_layer_that_comes_twice_may_be_a_link(tmp_path, other, kit):
    layer = kit.tar_of({"a": b"a"})
    first, _, *rest = docker_save(layer, layer)
    link = member("1/layer.tar", type=tarfile.SYMTYPE, linkname="../0/layer.tar")
    manifest = other.manifest(read_archive(write_tar(tmp_path / "saved.tar", first, link, *rest), other))
    assert manifest.layers[0] == manifest.layers[1]


@pytest.mark.parametrize(
    ("linkname", "kind"),
    [
        ("/etc/passwd", tarfile.SYMTYPE),
        ("../../../etc/passwd", tarfile.SYMTYPE),
        ("0/layer.tar", tarfile.SYMTYPE),
        ("/etc/passwd", tarfile.LNKTYPE),
    ],
)
def test_a_link_leads_nowhere_but_to_a_member(tmp_path, other, kit, linkname, kind):
    _, *rest = docker_save(kit.tar_of({"a": b"a"}))
    link = member("0/layer.tar", type=kind, linkname=linkname)
    with pytest.raises(ArtifactInvalid):
        read_archive(write_tar(tmp_path / "saved.tar", link, *rest), other)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_member_outside_of_the_archive_is_refused(tmp_path, other, kit, name):
    path = write_tar(tmp_path / "saved.tar", member(name, b"x"), *docker_save(kit.tar_of({"a": b"a"})))
    with pytest.raises(ArtifactInvalid, match="outside"):
        read_archive(path, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"Layers": []},
        {"Layers": ["../../etc/passwd"]},
        {"Layers": ["/etc/passwd"]},
        {"Config": "/etc/passwd"},
        {"Config": "0/layer.tar"},
        {"Layers": [5]},
        {"Config": None},
    ],
)
def test_a_hostile_docker_archive_is_one_clear_error(tmp_path, other, kit, changes):
    path = write_tar(tmp_path / "saved.tar", *docker_save(kit.tar_of({"a": b"a"}), **changes))
    with pytest.raises(ArtifactInvalid):
        read_archive(path, other)
    assert not list((other.root / "blobs" / "sha256").iterdir())


def test_a_layer_that_is_not_what_the_config_says_is_refused(tmp_path, other, kit):
    _, *rest = docker_save(kit.tar_of({"a": b"a"}))
    path = write_tar(tmp_path / "saved.tar", member("0/layer.tar", kit.tar_of({"a": b"b"})), *rest)
    with pytest.raises(ArtifactInvalid, match="not what the image's config says"):
        read_archive(path, other)


def test_a_member_twice_is_refused(tmp_path, other, kit):
    members = docker_save(kit.tar_of({"a": b"a"}))
    with pytest.raises(ArtifactInvalid, match="twice"):
        read_archive(write_tar(tmp_path / "saved.tar", *members, members[0]), other)


@pytest.mark.parametrize("data", [b"", b"not a tar" * 200, b"\x1f\x8b" + b"0" * 1000, b'[{"Config"'])
def test_what_is_no_archive_is_one_clear_error(tmp_path, other, data):
    path = tmp_path / "bad.tar"
    path.write_bytes(data)
    with pytest.raises(NovaSpiError):
        read_archive(path, other)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 1 << 20))
def test_an_archive_that_is_cut_is_one_clear_error_or_whole(archive, tmp_path, cut):
    data = archive.read_bytes()
    path, fresh = tmp_path / "cut.tar", tmp_path / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    path.write_bytes(data[: cut % len(data)])
    try:
        found = read_archive(path, layout := Layout.create(fresh), platform=AMD64)
    except ArtifactInvalid:
        return
    layout.name(found, "it")
    assert len(list(layout.verify())) == 4


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt-get install skopeo)")
@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_skopeo_reads_what_we_write_and_we_read_what_it_writes(layout, image, archive, other, tmp_path, kind):
    back = tmp_path / f"{kind}.tar"
    argv = [
        "skopeo",
        "--tmpdir",
        str(tmp_path),
        "copy",
        "--insecure-policy",
        f"{kind}:{archive}",
        f"{kind}:{back}:again:1",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = other.config(other.manifest(read_archive(back, other, platform=AMD64)))
    assert found.diff_ids == layout.config(image).diff_ids


def test_a_header_that_would_fill_the_memory_is_refused_before_it_is_read(tmp_path, other):
    huge = tarfile.TarInfo("././@PaxHeader")
    huge.type, huge.size = tarfile.XHDTYPE, 7 << 30
    path = tmp_path / "huge.tar"
    path.write_bytes(huge.tobuf(tarfile.USTAR_FORMAT))
    with path.open("r+b") as stream:
        stream.truncate(8 << 30)
    with pytest.raises(ArtifactInvalid, match="header"):
        read_archive(path, other)
