import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.errors import ExecutionError
from nova_spi.execution import staging
from nova_spi.execution.removal import remove_tree
from nova_spi.execution.staging import Stage


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "work").mkdir()
    return Stage(tmp_path / "work")


def test_a_small_file_is_a_copy_that_can_be_written(stage, tmp_path):
    source = tmp_path / "run.sh"
    source.write_text("one")
    source.chmod(0o755)
    target = stage.file(source, "bin/run.sh", 3, 0o755)
    target.write_text("two")
    assert source.read_text() == "one"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert stage.bytes == 3


def test_an_input_is_read_only(stage, tmp_path):
    source = tmp_path / "picture.png"
    source.write_text("one")
    assert stat.S_IMODE(stage.file(source, "inputs/picture.png", 3, read_only=True).stat().st_mode) == 0o444


def test_an_input_replaces_a_file_of_the_project_at_its_place(stage, tmp_path):
    for text in ("project", "input"):
        (tmp_path / text).write_text(text)
    stage.file(tmp_path / "project", "data/x", 7)
    stage.file(tmp_path / "input", "data/x", 5, read_only=True)
    assert (stage.work / "data" / "x").read_text() == "input"


def test_a_large_file_is_a_link_or_a_clone_and_counts_accordingly(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "LARGE", 2)
    source = tmp_path / "weights.bin"
    source.write_bytes(b"12345")
    target = stage.file(source, "model/weights.bin", 5)
    assert target.read_bytes() == b"12345"
    if target.is_symlink():
        assert stage.linked == {str(source.resolve())}
        assert stage.bytes == 0
    else:
        assert stage.bytes == 5


def test_a_large_input_is_never_a_link(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "LARGE", 2)
    source = tmp_path / "film.mp4"
    source.write_bytes(b"12345")
    target = stage.file(source, "inputs/film.mp4", 5, read_only=True, may_link=False)
    assert not target.is_symlink()
    target.chmod(0o644)
    target.write_bytes(b"")
    assert source.read_bytes() == b"12345"


def test_a_clone_is_taken_where_the_file_system_has_them(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "LARGE", 2)
    monkeypatch.setattr(staging.fcntl, "ioctl", lambda target, request, source: os.write(target, b"12345"))
    source = tmp_path / "weights.bin"
    source.write_bytes(b"12345")
    target = stage.file(source, "weights.bin", 5, read_only=True)
    assert not target.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o444


@pytest.mark.parametrize("relative", ["../x", "/etc/x", "a/../../x", "", ".."])
def test_nothing_is_placed_outside(stage, relative):
    with pytest.raises(ExecutionError, match="leads out"):
        stage.place(relative)


@given(st.text(alphabet="ab./\\\0 é", max_size=20))
def test_a_place_is_inside_or_an_error(tmp_path_factory, relative):
    work = tmp_path_factory.mktemp("work")
    try:
        place = Stage(work).place(relative)
    except (ExecutionError, ValueError):
        return
    assert os.path.realpath(place.parent).startswith(str(work))


def test_a_file_where_a_folder_is_needed_is_said(stage, tmp_path):
    stage.text("data", b"")
    with pytest.raises(ExecutionError, match="needed as a folder"):
        stage.text("data/x", b"")


def test_a_text_never_goes_through_a_link(stage, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (stage.work / "spi").mkdir()
    (stage.work / "spi" / "utils.py").symlink_to(outside)
    stage.text("spi/utils.py", b"ours")
    assert outside.read_text() == "kept"


def test_a_volume_is_linked_and_covers_nothing(stage, tmp_path):
    storage = tmp_path / "storage"
    storage.mkdir()
    stage.volume(storage, "data/cache")
    (stage.work / "data" / "cache" / "x").write_text("kept")
    assert (storage / "x").read_text() == "kept"
    stage.text("full/x", b"")
    with pytest.raises(ExecutionError, match="cover"):
        stage.volume(storage, "full")


def test_a_tree_stands_beside_other_files(stage, tmp_path):
    source = tmp_path / "tok"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("a")
    (source / "sub" / "b").write_text("b")
    stage.text("model/own.py", b"")
    stage.tree(source, "model/")
    found = sorted(p.relative_to(stage.work).as_posix() for p in stage.work.rglob("*") if p.is_file())
    assert found == ["model/a", "model/own.py", "model/sub/b"]


def test_removal_takes_what_a_model_made_unreadable(tmp_path):
    root = tmp_path / "work"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "x").write_text("")
    (root / "link").symlink_to("/etc")
    os.mkfifo(root / "pipe")
    (root / "a" / "b").chmod(0)
    (root / "a").chmod(0)
    remove_tree(root)
    assert list(tmp_path.iterdir()) == []


def test_removal_takes_a_tree_deeper_than_any_path(tmp_path):
    root = tmp_path / "work"
    root.mkdir()
    handle = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=handle)
        below = os.open("deep", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    remove_tree(root)
    assert list(tmp_path.iterdir()) == []


def test_removal_of_nothing_and_of_a_link_is_fine(tmp_path):
    remove_tree(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove_tree(tmp_path / "link")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_in_an_image_what_would_be_a_link_is_a_mount_with_an_empty_file_at_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "LARGE", 2)
    monkeypatch.setattr(staging, "_clone", lambda *_: False)  # a file system that shares blocks needs no mount
    (tmp_path / "work").mkdir()
    stage = Stage(tmp_path / "work", mounted=True)
    source = tmp_path / "weights.bin"
    source.write_bytes(b"12345")
    target = stage.file(source, "model/weights.bin", 5)
    assert not target.is_symlink()
    assert target.read_bytes() == b""
    assert stage.mounts == [(source.resolve(), "model/weights.bin", False)]


@pytest.mark.parametrize(("relative", "writable"), [("cache", True), ("/var/lib/model", False)])
def test_in_an_image_a_volume_is_a_mount_wherever_it_stands(tmp_path, relative, writable):
    (tmp_path / "work").mkdir()
    (tmp_path / "volume").mkdir()
    stage = Stage(tmp_path / "work", mounted=True)
    stage.volume(tmp_path / "volume", relative, writable=writable)
    assert stage.mounts == [((tmp_path / "volume").resolve(), relative, writable)]
    assert (stage.work / "cache").is_dir() == (relative == "cache")
