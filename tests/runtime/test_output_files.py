import os
import tempfile
from pathlib import Path

import pytest

FRAMES = {
    "name": "frames",
    "type": "file",
    "file_pattern": "file_*.{jpg,png}",
    "index_padding": 3,
    "mount_path": "outputs/frames",
}


def test_files_are_moved_and_counted_in_the_order_given(in_project, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    given = []
    for name in ("zz.png", "b.PNG", "a.jpg"):
        path = tmp_path / "tmp" / name
        path.write_text(name)
        given.append(path)
    found = in_project.answered([FRAMES], {"frames": given})
    assert found == {"frames": [f"outputs/frames/file_{n}" for n in ("000.png", "001.PNG", "002.jpg")]}
    assert (in_project.root / "outputs/frames/file_000.png").read_text() == "zz.png"
    assert not any(path.exists() for path in given)


def test_files_may_swap_their_names(in_project):
    for index in (0, 1):
        in_project.write(f"outputs/frames/file_00{index}.png", str(index))
    root = in_project.root / "outputs/frames"
    found = in_project.answered([FRAMES], {"frames": [root / "file_001.png", str(root / "file_000.png")]})
    assert found == {"frames": ["outputs/frames/file_000.png", "outputs/frames/file_001.png"]}
    assert (root / "file_000.png").read_text() == "1"
    assert sorted(path.name for path in root.iterdir()) == ["file_000.png", "file_001.png"]


def test_a_file_that_nobody_named_is_not_run_over(in_project):
    in_project.write("outputs/frames/file_000.png", "left")
    made = in_project.write("outputs/new.png", "new")
    assert in_project.answered([FRAMES], {"frames": made}) == {"frames": ["outputs/frames/file_001.png"]}
    assert (in_project.root / "outputs/frames/file_000.png").read_text() == "left"


def test_files_that_nobody_named_are_collected_in_natural_order(in_project):
    for name in ("file_10.png", "file_9.png", "other.png", ".file_1.png"):
        in_project.write(f"outputs/frames/{name}", name)
    assert in_project.answered([FRAMES], {}) == {
        "frames": ["outputs/frames/file_000.png", "outputs/frames/file_001.png"]
    }
    assert (in_project.root / "outputs/frames/file_000.png").read_text() == "file_9.png"


def test_what_one_output_names_is_not_collected_for_another(in_project):
    declared = [{"name": "rest", "type": "file"}, {"name": "best", "type": "file", "file_pattern": "best.png"}]
    in_project.write("outputs/a.png", "a")
    best = in_project.write("outputs/b.png", "b")
    assert in_project.answered(declared, {"best": best}) == {"rest": ["outputs/a.png"], "best": ["outputs/best.png"]}


def test_without_padding_names_that_match_are_kept(in_project):
    made = [in_project.write(f"outputs/{name}", name) for name in ("cat.png", "dog.png")]
    assert in_project.answered([{"name": "p", "type": "file"}], {"p": made}) == {
        "p": ["outputs/cat.png", "outputs/dog.png"]
    }


def test_the_same_name_twice_is_counted(in_project):
    made = [in_project.write(f"outputs/{folder}/x.png", folder) for folder in "ab"]
    assert in_project.answered([{"name": "p", "type": "file"}], {"p": made}) == {
        "p": ["outputs/0.png", "outputs/1.png"]
    }


def test_the_same_file_may_be_two_outputs(in_project):
    made = in_project.write("outputs/x.png", "x")
    declared = [
        {"name": "a", "type": "file", "file_pattern": "a.png"},
        {"name": "b", "type": "file", "file_pattern": "b.png"},
    ]
    assert in_project.answered(declared, {"a": made, "b": made}) == {"a": ["outputs/a.png"], "b": ["outputs/b.png"]}
    assert sorted(path.name for path in (in_project.root / "outputs").iterdir()) == ["a.png", "b.png", "output.json"]


def test_inputs_are_copied_and_stay(in_project):
    source = in_project.write("inputs/a.png", "x")
    source.chmod(0o400)
    assert in_project.answered([{"name": "p", "type": "file"}], {"p": source}) == {"p": ["outputs/a.png"]}
    assert source.read_text() == "x"


def test_several_files_for_one_name_are_an_error(in_project):
    made = [in_project.write(f"outputs/{name}.png", name) for name in "ab"]
    error = in_project.refused([{"name": "p", "type": "file", "file_pattern": "out.png"}], {"p": made})
    assert "wanted by more than one file" in error.message
    assert all(path.exists() for path in made)


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt"])
def test_an_extension_that_the_pattern_does_not_allow_is_invalid(in_project, name):
    error = in_project.refused([FRAMES], {"frames": in_project.write(f"outputs/{name}", "x")})
    assert error.code == "output.invalid"
    assert "allows no file with" in error.message


def test_files_outside_links_folders_and_nothing_are_refused(in_project, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(in_project.root / "tmp"))
    outside = tmp_path / "outside.png"
    outside.write_text("x")
    root = in_project.root
    (root / "link.png").symlink_to(outside)
    (root / "linked").symlink_to(tmp_path)
    (root / "folder.png").mkdir()
    os.mkfifo(root / "pipe.png")
    in_project.write("outputs/error.json", "{}")
    for given, message in [
        (outside, "outside the work folder"),
        ("../outside.png", "outside the work folder"),
        (root / "linked/outside.png", "outside the work folder"),
        (root / "link.png", "symbolic link"),
        (root / "folder.png", "not a regular file"),
        (root / "pipe.png", "not a regular file"),
        (root / "none.png", "no such file"),
        (root / "outputs/error.json", "belongs to the run"),
        (3, "must be a path"),
        ([b"a.png"], "must be a path"),
        ({"a": 1}, "must be a path"),
        ("", "must be a path"),
        (["a\0b"], "must be a path"),
    ]:
        assert message in in_project.refused([{"name": "p", "type": "file"}], {"p": given}).message
    assert outside.read_text() == "x"


def test_a_mount_path_that_leads_away_is_refused(in_project, tmp_path):
    (in_project.root / "away").symlink_to(tmp_path)
    declared = [{"name": "p", "type": "file", "mount_path": "away"}]
    assert "leaves the work folder" in in_project.refused(declared, {}).message


def test_counts_and_sizes_of_produced_files(in_project):
    made = in_project.write("outputs/frames/x.png", "12345")
    few = {**FRAMES, "constraints": {"min_files": 2, "max_size_bytes": 4}}
    assert len(in_project.refused([few], {"frames": [made]}).problems) == 2


def test_an_empty_list_is_a_missing_output_if_it_is_required(in_project):
    assert in_project.refused([{**FRAMES, "required": True}], {"frames": []}).code == "output.missing"
    assert in_project.answered([FRAMES], {"frames": []}) == {}


def test_a_set_of_files_has_natural_order(in_project):
    made = {in_project.write(f"outputs/t/{n}.png", str(n)) for n in range(12)}
    found = in_project.answered([FRAMES], {"frames": made})["frames"]
    assert [(in_project.root / path).read_text() for path in found] == [str(n) for n in range(12)]


def test_a_file_on_another_disk_is_moved_too(in_project, tmp_path, monkeypatch):
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk to move from")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        made = Path(folder) / "a.png"
        made.write_text("x")
        assert in_project.answered([FRAMES], {"frames": made}) == {"frames": ["outputs/frames/file_000.png"]}
        assert not made.exists()
    assert (in_project.root / "outputs/frames/file_000.png").read_text() == "x"


def test_a_name_that_the_pattern_allows_but_cannot_make_is_kept(in_project):
    declared = [{"name": "p", "type": "file", "file_pattern": "{[ab]_*,c_*}.png", "index_padding": 2}]
    made = [in_project.write(f"outputs/{name}", name) for name in ("a_x.png", "other.png")]
    assert in_project.answered(declared, {"p": made}) == {"p": ["outputs/c_00.png", "outputs/c_01.png"]}
    declared = [{"name": "q", "type": "file", "file_pattern": "[ab]_*.png", "index_padding": 2}]
    made = [in_project.write("outputs/a_x.png", "x")]
    assert in_project.answered(declared, {"q": made}) == {"q": ["outputs/a_x.png"]}
