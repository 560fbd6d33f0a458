"""Trees of images: what layers say is what is there, and nothing outside is ever touched."""

import gzip
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.layering import Bounds
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_GZIP, LAYER_TAR, LAYER_ZSTD
from nova_spi.artifacts.trees import FOLDERS, kept_tree, tree_place, unpack
from nova_spi.errors import ArtifactInvalid
from nova_spi.progress import Silent

KEPT_TREE = """
import sys
from pathlib import Path
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.trees import kept_tree
layout = Layout.open(Path(sys.argv[1]))
kept_tree(layout, layout.manifest(layout.find()), Path(sys.argv[2]))
"""


def member(name, content=None, *, kind=None, link="", mode=None, mtime=0):
    found = tarfile.TarInfo(name)
    found.type = kind or (tarfile.REGTYPE if content is not None else tarfile.DIRTYPE)
    found.mode = mode if mode is not None else (0o644 if content is not None else 0o755)
    found.linkname, found.mtime = link, mtime
    found.size = len(content or b"")
    return found, content


def file(name, content=b"x", **more):
    return member(name, content, **more)


def folder(name, **more):
    return member(name, **more)


def link(name, target):
    return member(name, kind=tarfile.SYMTYPE, link=target)


def hard(name, target):
    return member(name, kind=tarfile.LNKTYPE, link=target)


def told(entry, **headers):
    """The same with extended headers, which say more than plain ones can."""
    entry[0].pax_headers = headers
    return entry


def tar(*entries) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as found:
        for info, content in entries:
            found.addfile(info, io.BytesIO(content) if content else None)
    return buffer.getvalue()


def image(layout, *layers, media_type=LAYER_GZIP):
    packed = [gzip.compress(each, 1, mtime=0) if media_type == LAYER_GZIP else each for each in layers]
    blobs = [layout.blobs.write(each, media_type) for each in packed]
    manifest = write_manifest(layout.blobs.write(b"{}", IMAGE_CONFIG), blobs)
    layout.name(layout.blobs.write(manifest.raw, manifest.media_type), "image")
    return manifest


def contents(root: Path) -> dict[str, str]:
    """Every path with what stands there."""
    found = {}
    for place in sorted(root.rglob("*")):
        name = str(place.relative_to(root))
        if place.is_symlink():
            found[name] = f"-> {place.readlink()}"
        else:
            found[name] = "/" if place.is_dir() else place.read_text()
    return found


@pytest.fixture
def unpacked(layout, tmp_path):
    """Unpacks layers of entries; returns the tree's content."""

    def go(*layers, below="", **more):
        target = tmp_path / "target"
        shutil.rmtree(target, ignore_errors=True)
        unpack(layout, image(layout, *(tar(*each) for each in layers)), target, below=below, **more)
        return contents(target)

    go.root = tmp_path / "target"
    return go


def test_later_layers_stand_over_earlier_ones(unpacked):
    found = unpacked(
        [folder("etc"), file("etc/a", b"1"), file("etc/b", b"1"), file("usr/bin/x", b"1")],
        [file("etc/a", b"2"), folder("etc/c")],
    )
    etc = {"etc": "/", "etc/a": "2", "etc/b": "1", "etc/c": "/"}
    assert found == etc | {"usr": "/", "usr/bin": "/", "usr/bin/x": "1"}


def test_a_plain_tar_is_a_layer_too(layout, tmp_path):
    unpack(layout, image(layout, tar(file("a")), media_type=LAYER_TAR), tmp_path / "target")
    assert contents(tmp_path / "target") == {"a": "x"}


def test_whiteouts_hide_files_folders_and_links_of_lower_layers(unpacked):
    lower = [file("d/a"), file("d/b"), folder("d/e"), file("d/e/f"), link("l", "d/b")]
    found = unpacked(lower, [file("d/.wh.a"), file("d/.wh.e"), file(".wh.l"), file("nowhere/.wh.x")])
    assert found == {"d": "/", "d/b": "x"}


def test_an_opaque_folder_hides_what_lower_layers_have_in_it_and_nothing_of_its_own_layer(unpacked):
    lower = [file("d/old"), file("d/deep/old"), file("kept")]
    for upper in (
        [file("d/.wh..wh..opq"), file("d/new"), file("d/deep/new")],
        [file("d/new"), file("d/deep/new"), file("d/.wh..wh..opq")],
    ):
        assert unpacked(lower, upper) == {"d": "/", "d/new": "x", "d/deep": "/", "d/deep/new": "x", "kept": "x"}


def test_a_whiteout_beside_a_new_file_of_that_name_leaves_the_new_one(unpacked):
    assert unpacked([file("a", b"1")], [file("a", b"2"), file(".wh.a")]) == {"a": "2"}


def test_marks_of_builders_are_not_files(unpacked):
    assert unpacked([file("a"), file(".wh..wh.plnk"), folder(".wh..wh.orph")]) == {"a": "x"}


EARLIER = {"file": file("p", b"1"), "folder": folder("p"), "link": link("p", "elsewhere"), "below": file("p/below")}
LATER = {"file": file("p", b"2"), "folder": folder("p"), "link": link("p", "there")}


@pytest.mark.parametrize("first", EARLIER.values(), ids=EARLIER)
@pytest.mark.parametrize("second", LATER.values(), ids=LATER)
def test_what_comes_later_at_a_place_wins_in_one_layer_and_over_layers(unpacked, first, second):
    alone = unpacked([second])
    for layers in ([[first], [second]], [[first, second]]):
        found = unpacked(*layers)
        assert found["p"] == alone["p"]
        assert ("p/below" in found) == (first[0].name == "p/below" and second[0].isdir())


def test_links_in_the_way_are_followed_inside(unpacked):
    found = unpacked(
        [folder("usr/lib"), link("lib", "usr/lib"), link("abs", "/usr"), link("up", "../../../usr/lib")],
        [file("lib/one"), file("abs/two"), file("up/three"), file("usr/four")],
    )
    assert {name for name in found if name.startswith("usr/")} == {
        *("usr/lib", "usr/lib/one", "usr/two", "usr/lib/three", "usr/four")
    }


def test_a_link_to_what_is_missing_leads_to_what_is_made_inside(unpacked):
    assert unpacked([link("var/run", "/run/deep")], [file("var/run/x")])["run/deep/x"] == "x"


def test_hard_links_are_one_file_and_may_reach_lower_layers(unpacked):
    found = unpacked(
        [file("a", b"1"), link("l", "a")], [hard("b", "a"), hard("/c", "/b"), hard("k", "l"), hard("a", "a")]
    )
    assert found == {"a": "1", "b": "1", "c": "1", "l": "-> a", "k": "-> a"}
    assert (unpacked.root / "a").stat().st_ino == (unpacked.root / "c").stat().st_ino


def test_modes_are_kept_without_set_uid_and_the_owner_of_a_folder_may_use_it(unpacked):
    unpacked(
        [
            *(file("tool", mode=0o6755), folder("shut", mode=0o1000), file("shut/secret", mode=0o600)),
            *(folder("open", mode=0o1777), file("made/implicit", mode=0o444)),
        ]
    )
    modes = {name: stat.S_IMODE((unpacked.root / name).stat().st_mode) for name in ("tool", "shut", "open", "made")}
    assert modes == {"tool": 0o755, "shut": 0o700, "open": 0o777, "made": 0o755}
    assert stat.S_IMODE((unpacked.root / "made/implicit").stat().st_mode) == 0o444
    assert stat.S_IMODE(unpacked.root.stat().st_mode) == 0o755


def test_the_umask_does_not_count(layout, tmp_path):
    before = os.umask(0o077)
    try:
        unpack(layout, image(layout, tar(file("a/b"), folder("c"))), tmp_path / "target")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "target/a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "target/a/b").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "target/c").stat().st_mode) == 0o755


def test_everything_is_ours_and_times_of_files_are_kept(unpacked):
    info, content = file("a", mtime=1_500_000_000)
    info.uid = info.gid = 12345
    unpacked([(info, content), file("b", mtime=-5), file("c", mtime=1 << 40)])
    found = (unpacked.root / "a").stat()
    assert (found.st_uid, found.st_mtime) == (os.geteuid(), 1_500_000_000)
    assert (unpacked.root / "b").stat().st_mtime == (unpacked.root / "c").stat().st_mtime == 0


def test_devices_and_pipes_are_left_out_and_hide_what_they_cover(unpacked):
    kinds = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    nodes = [member(f"dev/{number}", kind=kind) for number, kind in enumerate(kinds)]
    assert unpacked([file("dev/0")], nodes) == {"dev": "/"}


def test_names_that_are_not_utf8_are_kept(unpacked):
    unpacked([file("na\udcffme")])
    assert [os.fsencode(place.name) for place in unpacked.root.iterdir()] == [b"na\xffme"]


HOSTILE = {
    "climbs": [file("../outside")],
    "climbs in the middle": [file("a/../../outside")],
    "a whiteout climbs": [file("a/../../.wh.canary")],
    "a whiteout of the parent": [file("a/.wh...")],
    "a whiteout of itself": [file("a/.wh..")],
    "a whiteout without a name": [file("a/.wh.")],
    "a hard link climbs": [hard("a", "../canary")],
    "a hard link to nothing": [hard("a", "/etc/no-such-file")],
    "a hard link to a folder": [folder("d"), hard("a", "d")],
    "a hard link through a link": [link("l", "/etc"), hard("a", "l/hostname")],
    "a name with NUL": [told(file("a"), path="a\0b")],
    "a link with NUL": [told(link("a", "b"), linkpath="b\0c")],
    "a size below zero": [told(file("a"), size="-5")],
    "a link to nothing": [link("a", "")],
    "a long name": [file("a" * 256)],
    "a deep name": [file("a/" * 200 + "b")],
    "below a file": [file("a"), file("a/b")],
    "links in a circle": [link("a", "b"), link("b", "a"), file("a/c")],
    "an unknown kind": [member("a", kind=b"Z")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_layer_is_refused(unpacked, tmp_path, name):
    (tmp_path / "canary").write_text("canary")
    with pytest.raises(ArtifactInvalid) as caught:
        unpacked(HOSTILE[name])
    assert "Traceback" not in str(caught.value)
    assert (tmp_path / "canary").read_text() == "canary"
    assert not (tmp_path / "outside").exists()


LEADING_OUT = {
    "a link to a folder outside": lambda out: [link("l", out), file("l/written")],
    "a link that climbs": lambda out: [link("l", "../" * 30 + out[1:]), file("l/written")],
    "a link over a file": lambda out: [link("canary", f"{out}/canary"), file("canary", b"changed")],
    "two links": lambda out: [link("a", "/"), link("b", f"a{out}"), file("b/written")],
    "an absolute name": lambda out: [file(f"{out}/canary", b"changed")],
    "a hidden file": lambda out: [link("l", out), file("l/.wh.canary")],
    "a hidden folder": lambda out: [link("l", out), file("l/.wh..wh..opq")],
    "a folder's mode": lambda out: [link("l", out), folder("l", mode=0o700)],
    "a folder's mode below": lambda out: [link("l", f"{out}/.."), folder(f"l/{Path(out).name}", mode=0o700)],
}


@pytest.mark.parametrize("name", LEADING_OUT)
@pytest.mark.parametrize("apart", [False, True])
def test_links_never_lead_out(unpacked, tmp_path, name, apart):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "canary").write_text("canary")
    entries = LEADING_OUT[name](str(outside))
    unpacked(*([each] for each in entries)) if apart else unpacked(entries)
    assert contents(outside) == {"canary": "canary"}
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


PARTS = st.sampled_from(["a", "b", "c", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh...", "A"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
OUTWARD = st.one_of(
    PATHS, PATHS.map(lambda path: f"/{path}"), st.sampled_from(["..", "/", "../../x", "OUT", "OUT/canary"])
)
KINDS = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE)
ENTRIES = st.tuples(st.sampled_from(KINDS), OUTWARD, OUTWARD, st.sampled_from([0o644, 0o7777, 0]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(ENTRIES, max_size=6), min_size=1, max_size=3))
def test_whatever_layers_say_nothing_outside_changes(layers):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        outside = place / "x"
        outside.mkdir()
        (outside / "canary").write_text("canary")

        def entry(kind, path, target, mode):
            path, target = (text.replace("OUT", str(outside)) for text in (path, target))
            return member(
                path or "a", b"changed" if kind == tarfile.REGTYPE else None, kind=kind, link=target, mode=mode
            )

        layout = Layout.create(place / "layout")
        manifest = image(layout, *(tar(*(entry(*each) for each in layer)) for layer in layers))
        before = sorted((place / "layout").rglob("*"))
        with suppress(ArtifactInvalid):
            unpack(layout, manifest, place / "deep/target")
        assert contents(outside) == {"canary": "canary"}
        assert stat.S_IMODE((outside / "canary").stat().st_mode) == 0o644
        assert (outside / "canary").stat().st_nlink == 1
        assert sorted(each.name for each in place.iterdir()) == ["deep", "layout", "x"]
        assert [each.name for each in (place / "deep").iterdir()] == ["target"]
        assert sorted((place / "layout").rglob("*")) == before
        assert not any(stat.S_IMODE(each.lstat().st_mode) & 0o7000 for each in (place / "deep/target").rglob("*"))


NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
STEPS = st.tuples(st.sampled_from(["file", "folder", "hide", "opaque"]), NAMES, st.integers(0, 9))


def merged(layers):
    """What the specification says, in the plainest way: whiteouts first, then what the layer has."""
    tree = {}

    def drop(path, itself):
        for each in [each for each in tree if each.startswith(f"{path}/") or (itself and each == path)]:
            del tree[each]

    for layer in layers:
        for kind, path, _ in layer:
            if kind in ("hide", "opaque"):
                drop(path, kind == "hide")
        for kind, path, number in layer:
            if kind in ("file", "folder"):
                for depth in range(1, path.count("/") + 1):
                    parent = "/".join(path.split("/")[:depth])
                    if tree.get(parent, "/") != "/":
                        return None  # below a file
                    tree[parent] = "/"
                if kind == "file" or tree.get(path, "/") != "/":
                    drop(path, itself=True)
                tree[path] = str(number) if kind == "file" else "/"
    return tree


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=6), min_size=1, max_size=3))
def test_the_tree_is_what_the_specification_says(layers):
    def entry(kind, path, number):
        parent, _, name = path.rpartition("/")
        where = f"{parent}/" if parent else ""
        if kind == "file":
            return file(path, str(number).encode())
        if kind == "folder":
            return folder(path)
        return file(f"{where}.wh.{name}") if kind == "hide" else file(f"{path}/.wh..wh..opq")

    with tempfile.TemporaryDirectory() as name:
        layout = Layout.create(Path(name, "layout"))
        manifest = image(layout, *(tar(*(entry(*each) for each in layer)) for layer in layers))
        expected = merged(layers)
        if expected is None:
            with pytest.raises(ArtifactInvalid):
                unpack(layout, manifest, Path(name, "target"))
            return
        unpack(layout, manifest, Path(name, "target"))
        assert contents(Path(name, "target")) == expected


def test_below_a_folder_only_that_stands_there_and_it_is_the_root(unpacked):
    lower = [file("app/a"), file("app/d/b"), file("apple"), file("usr/x"), link("app/l", "/usr/x")]
    assert unpacked(lower, below="/app/") == {"a": "x", "d": "/", "d/b": "x", "l": "-> /usr/x"}
    upper = [file("app/.wh.a"), hard("app/c", "app/d/b")]
    assert unpacked(lower, upper, below="app") == {"c": "x", "d": "/", "d/b": "x", "l": "-> /usr/x"}
    assert unpacked(lower, below="app/d") == {"b": "x"}
    for gone in ([file(".wh.app")], [file(".wh..wh..opq")], [file("app")], [file("app/.wh..wh..opq")]):
        assert unpacked(lower, [*gone], below="app") == {}
    assert unpacked(lower, [file(".wh.other"), file("usr/.wh..wh..opq"), folder("app")], below="app/d") == {"b": "x"}


def test_below_a_folder_a_hard_link_out_of_it_is_refused(unpacked):
    with pytest.raises(ArtifactInvalid, match="hard link"):
        unpacked([file("usr/x"), hard("app/x", "usr/x")], below="app")


def test_a_bomb_is_bounded_in_bytes_and_in_files(unpacked):
    with pytest.raises(ArtifactInvalid, match="too many files"):
        unpacked([file("a", b"\0" * 5000)], [file("b", b"\0" * 6000)], bounds=Bounds(size=10_000))
    with pytest.raises(ArtifactInvalid, match="too many files"):
        unpacked([file(str(number)) for number in range(11)], bounds=Bounds(entries=10))
    assert len(unpacked([file(str(number)) for number in range(10)], bounds=Bounds(entries=10))) == 10


def test_what_a_header_says_is_counted_before_it_is_written(layout, tmp_path):
    huge = tarfile.TarInfo("huge")
    huge.size = 1 << 50
    manifest = image(layout, huge.tobuf(tarfile.GNU_FORMAT) + b"\0" * 4096)
    with pytest.raises(ArtifactInvalid, match="too large"):
        unpack(layout, manifest, tmp_path / "target")
    assert contents(tmp_path / "target") == {}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_tar_that_makes_no_sense_is_one_clear_error(data):
    whole = bytearray(tar(file("a/b", b"content"), link("l", "a"), hard("h", "a/b"), file("n" * 120)))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    with tempfile.TemporaryDirectory() as name:
        layout = Layout.create(Path(name, "layout"))
        with suppress(ArtifactInvalid):
            unpack(layout, image(layout, bytes(whole[:cut]), media_type=LAYER_TAR), Path(name, "target"))


def test_a_tar_that_breaks_off_in_a_file_is_damaged(layout, tmp_path):
    manifest = image(layout, tar(file("a", b"x" * 3000))[:2000])
    with pytest.raises(ArtifactInvalid, match="breaks off"):
        unpack(layout, manifest, tmp_path / "target")


def test_each_flipped_bit_of_a_blob_is_refused(layout, tmp_path):
    manifest = image(layout, tar(file("a", b"content")))
    blob = layout.blobs.path(manifest.layers[0].digest)
    whole = blob.read_bytes()
    for position in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[position // 8] ^= 1 << position % 8
        blob.write_bytes(changed)
        with pytest.raises(ArtifactInvalid, match="damaged"):
            unpack(layout, manifest, tmp_path / "target")
        assert not list((tmp_path / "target").iterdir())
    blob.write_bytes(whole)
    unpack(layout, manifest, tmp_path / "target")


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"short")])
def test_a_blob_that_is_missing_or_short_is_refused(layout, tmp_path, spoil):
    manifest = image(layout, tar(file("a")), tar(file("b")))
    spoil(layout.blobs.path(manifest.layers[1].digest))
    with pytest.raises(ArtifactInvalid):
        kept_tree(layout, manifest, tmp_path / "cache")
    assert not tree_place(manifest, tmp_path / "cache").exists()
    assert [each.name for each in (tmp_path / "cache/images").iterdir() if each.is_dir()] == []


def test_a_layer_packed_in_another_way_is_named(layout, tmp_path):
    with pytest.raises(ArtifactInvalid, match="zstd") as caught:
        unpack(layout, image(layout, b"\x28\xb5\x2f\xfd", media_type=LAYER_ZSTD), tmp_path / "target")
    assert caught.value.error_code == "artifact.unsupported"


def test_a_folder_that_is_not_empty_is_left_as_it_is(layout, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "mine").write_text("mine")
    with pytest.raises(ArtifactInvalid, match="not empty"):
        unpack(layout, image(layout, tar(file("a"))), tmp_path / "target")
    assert contents(tmp_path / "target") == {"mine": "mine"}


def test_a_full_disk_is_one_clear_error_and_nothing_stays(layout, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a full disk is made by mounting a small one, which needs root")
    image(layout, tar(file("a", os.urandom(600_000))))
    script = 'mount -t tmpfs -o size=262144 none "$2" && exec "$0" -c "$1" "$3" "$2"'
    cache = tmp_path / "small"
    cache.mkdir()
    found = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, KEPT_TREE, str(cache), str(layout.root)],
        capture_output=True,
        text=True,
    )
    if "unshare" in found.stderr:
        pytest.skip(found.stderr)
    assert "ArtifactInvalid" in found.stderr
    assert "No space left" in found.stderr


class Heard(Silent):
    def __init__(self):
        self.stages, self.steps = [], []

    def stage(self, name, detail=""):
        self.stages.append(name)

    def advance(self, done, total, unit):
        self.steps.append((done, total, unit))


def test_a_kept_tree_is_made_once_and_has_the_places_of_every_container(layout, tmp_path):
    heard = Heard()
    odd = [
        link("proc", "/etc"),
        file("dev"),
        link("etc/resolv.conf", "/outside"),
        folder("etc/hosts"),
        file("etc/mine"),
    ]
    manifest = image(layout, tar(*odd))
    root = kept_tree(layout, manifest, tmp_path / "cache", progress=heard)
    assert root == tree_place(manifest, tmp_path / "cache")
    assert all((root / os.fsdecode(name)).is_dir() and not (root / os.fsdecode(name)).is_symlink() for name in FOLDERS)
    assert (root / "etc/hosts").read_text().startswith("127.0.0.1 localhost\n")
    assert (root / "etc/resolv.conf").read_bytes() == b""
    assert (root / "etc/mine").read_text() == "x"
    assert heard.stages == ["unpack"]
    assert heard.steps[-1] == (manifest.layers[0].size, manifest.layers[0].size, "bytes")
    os.utime(root, (0, 0))
    again = Heard()
    assert kept_tree(layout, manifest, tmp_path / "cache", progress=again) == root
    assert (again.stages, again.steps) == ([], [])
    assert root.stat().st_mtime > 0


def test_a_kept_tree_below_a_folder_is_another_one_and_as_the_image_has_it(layout, tmp_path):
    manifest = image(layout, tar(file("app/a")))
    whole = kept_tree(layout, manifest, tmp_path / "cache")
    app = kept_tree(layout, manifest, tmp_path / "cache", below="app")
    assert contents(app) == {"a": "x"}
    assert (whole / "app/a").exists()


def test_places_of_a_container_are_made_inside_whatever_etc_is(layout, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    root = kept_tree(layout, image(layout, tar(link("etc", str(outside)))), tmp_path / "cache")
    assert not list(outside.iterdir())
    assert (root / str(outside)[1:] / "hosts").exists()
    with pytest.raises(ArtifactInvalid, match="/etc"):
        kept_tree(layout, image(layout, tar(file("etc"))), tmp_path / "cache")


def test_several_at_once_make_one_tree(layout, tmp_path):
    manifest = image(layout, tar(*(file(f"f{number}", b"x" * 5000) for number in range(300))))
    heard = [Heard() for _ in range(5)]
    threads = [
        threading.Thread(target=kept_tree, args=(layout, manifest, tmp_path / "cache"), kwargs={"progress": each})
        for each in heard
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(len(each.stages) for each in heard) == 1
    assert len(list(tree_place(manifest, tmp_path / "cache").glob("f*"))) == 300


def test_a_tree_whose_making_was_killed_is_not_used_and_is_made_anew(layout, tmp_path):
    names = [f"d{number % 50}/f{number}" for number in range(20_000)]
    manifest = image(layout, tar(*(file(name, name.encode()) for name in names)))
    place = tree_place(manifest, tmp_path / "cache")
    torn = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", KEPT_TREE, str(layout.root), str(tmp_path / "cache")])
        until = time.monotonic() + 60
        while not (place.with_suffix(".draft") / "d5").exists() and time.monotonic() < until and not place.exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        torn += place.with_suffix(".draft").exists() and not place.exists()
        if place.exists():
            shutil.rmtree(place)
    assert torn
    kept_tree(layout, manifest, tmp_path / "cache")
    assert all((place / name).read_text() == name for name in names)
    assert not place.with_suffix(".draft").exists()
