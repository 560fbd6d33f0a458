import hashlib
import os

import pytest

from nova_spi.assets.tree import tree_digest
from nova_spi.errors import AssetUnavailable


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("form", ["file:{name}", "file:./{name}", "file:{root}/{name}", "file://{root}/{name}"])
def test_a_file_is_named_relative_to_the_project_or_absolutely(fetching, form):
    (fetching.root / "weights 1.bin").write_bytes(b"weights")
    uri = form.format(name="weights%201.bin", root=fetching.root)
    found = fetching(uri, sha256=sha(b"weights"))
    assert found.path.read_bytes() == b"weights"
    assert found.path.stat().st_mode & 0o222 == 0


def test_an_unchanged_file_is_not_read_again_and_a_changed_one_is(fetching):
    source = fetching.root / "w.bin"
    source.write_bytes(b"one")
    assert not fetching("file:w.bin").cached
    assert fetching("file:w.bin").cached
    source.write_bytes(b"two")
    again = fetching("file:w.bin")
    assert (again.cached, again.path.read_bytes()) == (False, b"two")


def test_the_cache_is_a_copy_of_its_own(fetching):
    source = fetching.root / "w.bin"
    source.write_bytes(b"one")
    found = fetching("file:w.bin", sha256=sha(b"one"))
    source.write_bytes(b"two")
    assert found.path.read_bytes() == b"one"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("file:../secret", "leaves the project"),
        ("file:link", "leaves the project"),
        ("file://server.example/share/w.bin", "names the host"),
        ("file:", "names no file"),
        ("file:nothing.bin", "cannot be read"),
        ("file:pipe", "not a regular file"),
        ("file:folder", "is a folder"),
        ("file:w%00.bin", "names no file"),
    ],
)
def test_what_is_no_file_of_the_project_is_refused_with_its_reason(fetching, tmp_path, uri, says):
    (tmp_path / "secret").write_text("secret")
    (fetching.root / "link").symlink_to(tmp_path / "secret")
    (fetching.root / "folder").mkdir()
    os.mkfifo(fetching.root / "pipe")
    with pytest.raises(AssetUnavailable, match=says):
        fetch_any(fetching, uri)


def fetch_any(fetching, uri):
    """Past the manifest's own rules, which refuse some of these before."""
    from types import SimpleNamespace

    from nova_spi.assets.fetching import fetch

    asset = SimpleNamespace(name="weights", uri=uri, sha256=None, size_bytes=None, credentials=None)
    return fetch(asset, root=fetching.root, cache_dir=fetching.cache_dir, secrets={}, progress=fetching.heard)


def test_other_schemes_are_refused(fetching):
    for uri in ("ftp://host/w", "http://host/w", "weights.bin", "https:/w", "https://[::1"):
        with pytest.raises(AssetUnavailable):
            fetch_any(fetching, uri)


@pytest.fixture
def folder(fetching):
    found = fetching.root / "tok"
    (found / "sub").mkdir(parents=True)
    (found / "vocab.txt").write_text("a b c")
    (found / "sub" / "merges.txt").write_text("d")
    (found / "link.txt").symlink_to("vocab.txt")
    return found


def test_a_folder_is_copied_whole_and_once(fetching, folder):
    found = fetching("file:tok/")
    listed = sorted(path.relative_to(found.path).as_posix() for path in found.path.rglob("*") if path.is_file())
    assert listed == ["link.txt", "sub/merges.txt", "vocab.txt"]
    assert not (found.path / "link.txt").is_symlink()
    assert found.size_bytes == 11
    assert fetching("file:tok/").cached
    (folder / "vocab.txt").write_text("changed")
    again = fetching("file:tok/")
    assert not again.cached
    assert (again.path / "vocab.txt").read_text() == "changed"


def test_the_digest_of_a_folder_is_that_of_its_listing_and_can_be_pinned(fetching, folder):
    lines = ""
    for name in ("link.txt", "sub/merges.txt", "vocab.txt"):
        lines += f"{sha((folder / name).read_bytes())}  {name}\n"
    assert tree_digest(folder) == (sha(lines.encode()), 11)
    found = fetching("file:tok/", sha256=sha(lines.encode()), size_bytes=11)
    assert found.sha256 == sha(lines.encode())
    assert fetching("file:tok/", sha256=sha(lines.encode())).cached
    with pytest.raises(AssetUnavailable, match="not what the manifest says"):
        fetching("file:tok/", sha256="1" * 64)


def test_a_link_out_of_a_folder_is_refused(fetching, folder, tmp_path):
    (tmp_path / "outside").write_text("secret")
    (folder / "out").symlink_to(tmp_path / "outside")
    with pytest.raises(AssetUnavailable, match="no regular file of the folder"):
        fetching("file:tok/")
    assert not list(fetching.cache_dir.glob("assets/sha256/*"))


def test_a_cache_that_cannot_be_written_is_said_with_its_mend(fetching, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"weights")
    (tmp_path / "no-folder").write_text("")
    fetching.cache_dir = tmp_path / "no-folder"
    with pytest.raises(AssetUnavailable) as failure:
        fetching(f"file://{tmp_path}/w.bin")
    assert "no-folder" in failure.value.message
    assert "NOVA_SPI_CACHE_DIR" in failure.value.mend
