import os
import stat
from pathlib import Path

import pytest

from nova_spi.errors import ProjectError
from nova_spi.project.files import MAX_DEPTH, ProjectFile, Snapshot, project_files


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def names(root: Path, **limits: int) -> list[str]:
    return [file.relative for file in project_files(root, **limits)]


def test_files_come_sorted_with_their_size_and_mode(tmp_path):
    make(tmp_path, "b.py", "a/z.txt", "a/b/c.txt")
    (tmp_path / "b.py").chmod(0o755)
    found = list(project_files(tmp_path))
    assert [file.relative for file in found] == ["b.py", "a/z.txt", "a/b/c.txt"]
    assert found[0] == ProjectFile(tmp_path / "b.py", "b.py", 4, 0o755)


def test_caches_environments_and_history_do_not_belong_to_the_model(tmp_path):
    make(
        tmp_path,
        "run.py",
        ".git/config",
        ".nova-spi/runs/1/run.json",
        ".venv/bin/python",
        "a/__pycache__/a.pyc",
        ".env",
    )
    assert names(tmp_path) == ["run.py"]


def test_spiignore_ignores_and_takes_back(tmp_path):
    make(tmp_path, "data/big.bin", "data/small.txt", "notes.md", "run.py")
    (tmp_path / ".spiignore").write_text("data/*\n!data/small.txt\n*.md\n")
    assert names(tmp_path) == [".spiignore", "run.py", "data/small.txt"]


def test_a_link_inside_is_followed_and_one_that_leads_out_is_not(tmp_path):
    root = make(tmp_path / "p", "weights/w.bin")
    make(tmp_path, "secret.txt", "other/x.txt")
    (root / "model").symlink_to("weights")
    (root / "file").symlink_to("weights/w.bin")
    (root / "out").symlink_to("../secret.txt")
    (root / "outside").symlink_to("../other")
    (root / "broken").symlink_to("nowhere")
    assert names(root) == ["file", "model/w.bin", "weights/w.bin"]


def test_links_in_a_circle_end(tmp_path):
    make(tmp_path, "a/x", "b/y")
    (tmp_path / "a/to_b").symlink_to("../b")
    (tmp_path / "b/to_a").symlink_to("../a")
    (tmp_path / "self").symlink_to(".")
    assert names(tmp_path) == ["a/x", "a/to_b/y", "b/y", "b/to_a/x"]


def test_pipes_and_sockets_are_no_files_of_a_project(tmp_path):
    make(tmp_path, "run.py")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == ["run.py"]


def test_more_files_bytes_or_folders_than_allowed_are_an_error(tmp_path):
    make(tmp_path, "a", "b", "c")
    with pytest.raises(ProjectError, match="more than 2 files"):
        names(tmp_path, max_files=2)
    with pytest.raises(ProjectError, match="2 bytes"):
        names(tmp_path, max_bytes=2)
    make(tmp_path, "/".join(["d"] * (MAX_DEPTH + 2)))
    with pytest.raises(ProjectError, match="folders deep"):
        names(tmp_path)


def test_a_root_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ProjectError, match="cannot be read"):
        names(tmp_path / "nothing")


def test_names_with_any_characters_are_listed(tmp_path):
    strange = ["a\nb", "ü ✓", " x", "\udcff"]
    for name in strange:
        (tmp_path / name).write_text("")
    assert sorted(names(tmp_path)) == sorted(strange)


def test_a_snapshot_sees_what_was_created_changed_and_deleted(tmp_path):
    make(tmp_path, "kept", "changed", "deleted", "moded", "sub/kept", "swapped")
    before = Snapshot.take(tmp_path)
    (tmp_path / "changed").write_text("other text")
    (tmp_path / "deleted").unlink()
    (tmp_path / "moded").chmod(stat.S_IRWXU)
    (tmp_path / "sub/new").write_text("")
    (tmp_path / "empty").mkdir()
    make(tmp_path, "replacement")
    (tmp_path / "replacement").replace(tmp_path / "swapped")
    changed = Snapshot.take(tmp_path).changes(before)
    assert changed == ["changed", "deleted", "empty/", "moded", "sub/new", "swapped"]


def test_nothing_done_is_nothing_changed(tmp_path):
    make(tmp_path, "a", "b/c")
    assert Snapshot.take(tmp_path).changes(Snapshot.take(tmp_path)) == []


def test_what_tools_write_is_not_a_change_but_a_hook_of_git_is(tmp_path):
    make(tmp_path, ".git/config", ".git/hooks/pre-commit.sample", ".git/HEAD", "run.py")
    before = Snapshot.take(tmp_path)
    make(tmp_path, ".nova-spi/runs/1/run.json", "__pycache__/run.pyc", "a/__pycache__/b.pyc", ".git/index")
    assert Snapshot.take(tmp_path).changes(before) == ["a/"]
    make(tmp_path, ".git/hooks/pre-commit")
    assert ".git/hooks/pre-commit" in Snapshot.take(tmp_path).changes(before)


def test_a_link_is_seen_itself_and_not_followed(tmp_path):
    root = make(tmp_path / "p", "run.py")
    (root / "out").symlink_to("..")
    before = Snapshot.take(root)
    assert "out" in before.entries
    make(tmp_path, "elsewhere")
    assert Snapshot.take(root).changes(before) == []


def test_a_snapshot_past_its_limit_compares_only_what_it_saw(tmp_path):
    make(tmp_path, "a", "b", "c")
    before = Snapshot.take(tmp_path, max_entries=2)
    assert not before.complete
    assert Snapshot.take(tmp_path).changes(before) == []
    for name in "abc":
        (tmp_path / name).write_text("longer than it was")
    assert len(Snapshot.take(tmp_path).changes(before)) == 2
