import gzip
import hashlib
import io
import tarfile
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.errors import BuildFailed
from nova_spi.images.layers import Entry, write_layer

NAMES = st.lists(st.sampled_from(["a", "b", "B", "é", "a b", "long" * 40]), min_size=1, max_size=3).map("/".join)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def blob(layout, layer) -> bytes:
    return b"".join(layout.blobs.chunks(layer.descriptor))


@pytest.mark.parametrize("packed", [True, False])
def test_digest_and_diff_id_are_those_of_the_bytes(layout, packed):
    layer = write_layer(layout, [Entry("a/b", b"content" * 9999)], "made", packed=packed)
    data = blob(layout, layer)
    assert layer.descriptor.digest.matches(data)
    assert layer.diff_id.matches(gzip.decompress(data) if packed else data)
    assert not list(layout.blobs.ingest.iterdir())


def test_gzips_header_holds_no_name_and_no_time(layout):
    assert blob(layout, write_layer(layout, [Entry("a", b"x")], "made"))[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@MANY
@given(files=st.dictionaries(NAMES, st.binary(max_size=2000), min_size=1, max_size=8), seed=st.randoms())
def test_order_does_not_count_and_contents_come_back(layout, files, seed):
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
    files = {name: data for name, data in files.items() if name not in folders}
    entries = [Entry(name, data) for name, data in files.items()] + [Entry(name) for name in folders]
    first = write_layer(layout, entries, "made")
    seed.shuffle(entries)
    assert write_layer(layout, entries, "made") == first
    with tarfile.open(fileobj=io.BytesIO(blob(layout, first))) as tar:
        assert {member.name: tar.extractfile(member).read() for member in tar if member.isreg()} == files
        names = [member.name.split("/") for member in tar]
    assert names == sorted(names)


def test_a_files_own_mode_owner_and_time_do_not_count(layout, tmp_path):
    place = tmp_path / "file"
    place.write_bytes(b"x")
    first = write_layer(layout, [Entry("a", place)], "made")
    place.chmod(0o600)
    import os

    os.utime(place, (1, 1))
    assert write_layer(layout, [Entry("a", place)], "made") == first == write_layer(layout, [Entry("a", b"x")], "made")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../b", "..", "a//b", "./a", "a/", "\udcff"])
def test_a_path_that_leads_elsewhere_is_refused(layout, path):
    with pytest.raises(BuildFailed, match="no place"):
        write_layer(layout, [Entry(path, b"")], "made")


@pytest.mark.parametrize(
    "entries",
    [
        [Entry("a", b"1"), Entry("a", b"2")],
        [Entry("a", b"1"), Entry("a")],
        [Entry("a", b"1"), Entry("a/b", b"2")],
        [Entry("a", PurePosixPath("/etc")), Entry("a/passwd", b"")],
        [Entry("a/.wh.b", b"")],
        [Entry(".wh..wh..opq", b"")],
    ],
)
def test_entries_that_do_not_stand_together_are_refused(layout, entries):
    with pytest.raises(BuildFailed):
        write_layer(layout, entries, "made")
    assert not list((layout.root / "blobs" / "sha256").iterdir())


def test_a_file_that_cannot_be_read_is_named(layout, tmp_path):
    with pytest.raises(BuildFailed, match="missing"):
        write_layer(layout, [Entry("a", tmp_path / "missing")], "made")


def test_the_bytes_of_a_layer_are_these(layout):
    """Changes where anything of the recipe does; then the digests of all images do too."""
    entries = [Entry("app"), Entry("app/x", b"x\n", executable=True), Entry("app/y", PurePosixPath("x"), owner=1000)]
    layer = write_layer(layout, entries, "made", seconds=1, packed=False)
    assert layer.diff_id.hex == hashlib.sha256(blob(layout, layer)).hexdigest()
    assert layer.diff_id.hex == "6f87b87162e9edbd6a0b5640a4dddd0f5c3646bd74f7909e7cdd4ef0c52a1ca2"
