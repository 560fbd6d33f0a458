"""Modules out of layers: the same that stand in the unpacked image."""

import io
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_TAR
from nova_spi.artifacts.trees import unpack
from nova_spi.errors import ArtifactInvalid
from nova_spi.images import bytecode_sources
from nova_spi.images.bytecode_sources import Sources, TooManySources

TAG = "cpython-312"
LIBRARY = "usr/lib/python3.12"


def tar(*members: tuple[str, "bytes | str | None"]) -> bytes:
    """A layer: contents of files, None is a folder, a text is where a link leads to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as found:
        for path, source in members:
            info = tarfile.TarInfo(path)
            info.mode = 0o755
            if source is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(source, str):
                info.type, info.linkname = tarfile.SYMTYPE, source
            else:
                info.size = len(source)
            found.addfile(info, io.BytesIO(source if isinstance(source, bytes) else b""))
    return buffer.getvalue()


def read(root: Path, *layers: bytes, folders=(LIBRARY,)) -> dict[str, bytes]:
    layout, place = Layout.create(root / "layout"), root / "contents"
    place.mkdir()
    blobs = [layout.blobs.write(each, LAYER_TAR) for each in layers]
    found = Sources(layout, folders, TAG, place).read(blobs)
    return {path: content.read_bytes() for path, content in found.items()}


def unpacked(root: Path, *layers: bytes) -> dict[str, bytes]:
    """What `unpack` makes of the same layers."""
    layout = Layout.create(root / "layout")
    config = layout.blobs.write(b"{}", IMAGE_CONFIG)
    tree = root / "tree"
    unpack(layout, write_manifest(config, [layout.blobs.write(each, LAYER_TAR) for each in layers]), tree)
    return {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in tree.rglob("*.py")
        if path.is_file() and not path.is_symlink()
    }


def at(name: str) -> str:
    return f"{LIBRARY}/{name}"


def test_an_upper_layer_replaces_hides_and_links(tmp_path):
    lower = [(at(name), b"old") for name in ("a.py", "b.py", "c.py", "p/d.py", "q/e.py", "q/r/f.py", "s/g.py")]
    upper = [
        *((at("a.py"), b"new"), (at(".wh.b.py"), b""), (at("c.py"), "a.py"), (at(".wh.p"), b"")),
        *((at("q/.wh..wh..opq"), b""), (at("q/h.py"), b"new"), (at("s"), "/etc")),
    ]
    assert read(tmp_path, tar(*lower), tar(*upper)) == {at("a.py"): b"new", at("q/h.py"): b"new"}


def test_a_whiteout_hides_nothing_of_its_own_layer(tmp_path):
    layer = tar((at("a.py"), b"1"), (at(".wh.a.py"), b""))
    assert read(tmp_path, layer) == {at("a.py"): b"1"}


def test_only_modules_below_the_folders_count(tmp_path):
    layer = tar(
        *((at("a.py"), b""), (at("tests/b.py"), b""), (at("x/test/b.py"), b""), (at("x/testing/c.py"), b"")),
        *((at("d.pyc"), b""), (at("e.so"), b""), ("usr/lib/python3.1/f.py", b""), ("etc/g.py", b"")),
        *((at("site-packages/h.py"), b""), (at("bad\nname.py"), b""), (f"./{LIBRARY}/./i.py", b"")),
    )
    assert set(read(tmp_path, layer)) == {at("a.py"), at("x/testing/c.py"), at("i.py")}


def test_what_leads_out_is_not_read(tmp_path):
    layer = tar((f"{LIBRARY}/../../../etc/a.py", b""), (f"../{LIBRARY}/b.py", b""), (f"/{LIBRARY}/c.py", b""))
    assert set(read(tmp_path, layer)) == {at("c.py")}


def test_bounds_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(bytecode_sources, "MAX_SOURCE_BYTES", 10)
    assert read(tmp_path / "a", tar((at("a.py"), b"x" * 11), (at("b.py"), b"x" * 10))) == {at("b.py"): b"x" * 10}
    monkeypatch.setattr(bytecode_sources, "MAX_SOURCES", 1)
    with pytest.raises(TooManySources):
        read(tmp_path / "b", tar((at("a.py"), b""), (at("b.py"), b"")))
    monkeypatch.setattr(bytecode_sources, "MAX_MEMBERS", 1)
    with pytest.raises(ArtifactInvalid, match="too many"):
        read(tmp_path / "c", tar(*((f"{number}", b"") for number in range(3))))


def test_a_damaged_layer_is_one_clear_error(tmp_path):
    layout = Layout.create(tmp_path / "layout")
    blob = layout.blobs.write(tar((at("a.py"), b"")), LAYER_TAR)
    path = layout.blobs.path(blob.digest)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactInvalid, match="damaged"):
        Sources(layout, (LIBRARY,), TAG, tmp_path).read([blob])


NAMES = st.sampled_from(["a.py", "b.py", "p", "p/a.py", "p/q", "p/q/a.py", "q/b.py", "q"])
HIDERS = st.sampled_from([".wh.a.py", ".wh.p", "p/.wh.q", "p/.wh..wh..opq", ".wh..wh..opq", "p/.wh.a.py"])
PLAIN = st.tuples(NAMES, st.one_of(st.none(), st.binary(max_size=3), st.sampled_from(["b.py", "q", "/etc"])))
HIDING = st.tuples(HIDERS, st.just(b""))
LAYERS = st.lists(st.lists(PLAIN | HIDING, max_size=6, unique_by=lambda each: each[0]), max_size=4)


@settings(max_examples=100, deadline=None)
@given(LAYERS)
def test_whatever_the_layers_are_they_are_the_modules_of_the_unpacked_image(layers):
    """What only unpacking refuses is not compared; what stands below a link may be left out, and no more is."""
    tars = [tar(*((at(name), source) for name, source in layer)) for layer in layers]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        found = read(root, *tars)
        try:
            expected = unpacked(root, *tars)
        except ArtifactInvalid:
            return
    no_folders = {path for layer in layers for path, source in layer if source is not None}
    through = [path for layer in layers for path, _ in layer if no_folders & set(map(str, PurePosixPath(path).parents))]
    assert found.items() <= expected.items()
    assert len(found) == len(expected) or through
