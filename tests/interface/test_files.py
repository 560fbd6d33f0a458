import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nova_spi.errors import ExtraMissing
from nova_spi.interface.files import ResolvedFiles, resolve_files
from nova_spi_runtime.parameters import Parameter

Draw = Callable[..., Image.Image]


def parameter(**fields: Any) -> Parameter:
    return Parameter.from_dict({"name": "pictures", "type": "file", "mime_types": ["image/png", "image/jpeg"]} | fields)


@pytest.fixture
def album(tmp_path: Path, draw: Draw) -> Path:
    """img1, img2, img10 (PNG and JPEG), notes, and a picture two folders down."""
    for name in ("img10.png", "img2.JPG", "img1.png", "sub/deep/img3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        draw().save(tmp_path / name, format="JPEG" if name.endswith("JPG") else "PNG")
    (tmp_path / "notes.txt").write_text("notes")
    return tmp_path


def names(found: ResolvedFiles) -> list[str]:
    return [file.relative for file in found.files]


def messages(found: ResolvedFiles) -> str:
    return "; ".join(problem.message for problem in found.problems)


def test_a_path_becomes_a_staged_file_with_type_facts_and_size(album: Path) -> None:
    found = resolve_files(parameter(mount_path="inputs/images"), "img1.png", album)
    assert not found.problems
    (file,) = found.files
    assert (file.relative, file.mime) == ("inputs/images/img1.png", "image/png")
    assert file.source == album / "img1.png"
    assert file.size == (album / "img1.png").stat().st_size
    assert file.facts is not None
    assert (file.facts.width, file.facts.height) == (96, 64)


@pytest.mark.parametrize(
    "value", [".", "*", "img*", ["img10.png", "img1.png", "img2.JPG"], "*.{png,jpg}", "img{10,1,2}.*"]
)
def test_folder_glob_and_list_give_the_same_files_naturally_sorted(album: Path, value: Any) -> None:
    found = resolve_files(parameter(file_pattern="*.{png,jpg}"), value, album)
    assert names(found) == ["inputs/img1.png", "inputs/img2.JPG", "inputs/img10.png"]
    assert not found.problems


def test_a_file_named_twice_is_staged_once(album: Path) -> None:
    found = resolve_files(parameter(), ["img1.png", album / "img1.png", "./img1.png", "img1.*"], album)
    assert names(found) == ["inputs/img1.png"]


def test_a_deep_pattern_keeps_the_folders_below_the_mount_path(album: Path) -> None:
    wanted = ["inputs/img1.png", "inputs/img10.png", "inputs/sub/deep/img3.png"]
    assert names(resolve_files(parameter(file_pattern="**/*.png"), ".", album)) == wanted
    assert names(resolve_files(parameter(file_pattern="**/*.png"), "**/*.png", album)) == wanted
    assert names(resolve_files(parameter(file_pattern="sub/*/*.png"), "sub/deep/img3.png", album)) == [wanted[2]]


def test_a_flat_pattern_takes_no_files_from_folders_below(album: Path) -> None:
    assert "inputs/img3.png" not in names(resolve_files(parameter(), ".", album))
    assert names(resolve_files(parameter(), "sub/deep/*.png", album)) == ["inputs/img3.png"]


def test_a_file_of_another_type_is_skipped_and_told_by_what_it_is(album: Path) -> None:
    found = resolve_files(parameter(), ["img1.png", "notes.txt"], album)
    assert names(found) == ["inputs/img1.png"]
    assert found.warnings == (
        "pictures: notes.txt is skipped: its content is text/plain, and image/png, image/jpeg is wanted",
    )


def test_a_name_that_does_not_match_is_skipped_with_a_warning(album: Path) -> None:
    found = resolve_files(parameter(file_pattern="photo*.png"), "img1.png", album)
    assert not found.files
    assert "does not match 'photo*.png'" in found.warnings[0]


def test_a_required_input_whose_files_are_all_skipped_is_one_problem_that_says_why(album: Path) -> None:
    found = resolve_files(parameter(required=True), "notes.txt", album)
    assert len(found.problems) == 1
    assert "needs at least one file (notes.txt is skipped: its content is text/plain" in messages(found)


def test_a_lying_file_of_a_type_that_is_taken_is_a_problem(album: Path, draw: Draw) -> None:
    draw().save(album / "lie.png", format="JPEG")
    found = resolve_files(parameter(), "lie.png", album)
    assert len(found.problems) == 1
    assert "lie.png is named .png, but its content is image/jpeg" in messages(found)


def test_a_program_in_a_picture_s_clothes_is_skipped_as_what_it_is(album: Path) -> None:
    (album / "virus.png").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(100))
    found = resolve_files(parameter(required=True), "virus.png", album)
    assert len(found.problems) == 1
    assert "is named .png, but its content is application/x-elf" in messages(found)


def test_a_cut_picture_is_one_problem(album: Path) -> None:
    data = (album / "img1.png").read_bytes()
    (album / "img1.png").write_bytes(data[: len(data) // 2])
    found = resolve_files(parameter(), "img1.png", album)
    assert len(found.problems) == 1
    assert "img1.png is cut off" in messages(found)


@pytest.mark.parametrize(
    ("constraints", "value", "told"),
    [
        ({"max_files": 2}, ".", "takes at most 2 files, not 3"),
        ({"max_files": 1}, ".", "takes at most 1 file, not 3"),
        ({"min_files": 2}, "img1.png", "needs at least 2 files, not 1"),
        ({"max_size_bytes": 100}, "img1.png", "more than 100"),
        ({"min_size_bytes": 10**9}, "img1.png", "fewer than 1000000000"),
    ],
)
def test_counts_and_sizes_are_held(album: Path, constraints: dict[str, int], value: Any, told: str) -> None:
    found = resolve_files(parameter(constraints=constraints), value, album)
    assert told in messages(found)


def test_media_rules_are_held(album: Path) -> None:
    rules = {"image": {"min_resolution": "100x10", "color_modes": ["RGBA"]}}
    found = resolve_files(parameter(domain_specific=rules), "img1.png", album)
    assert messages(found) == ("img1.png is 96x64, smaller than 100x10; img1.png has the colour mode RGB, not RGBA")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("img11.png", "there is no file 'img11.png' (did you mean 'img1.png'?)"),
        ("nowhere/x.png", "there is no file"),
        ("img1.png/x", "there is no file"),
        ("", "holds an empty path"),
        ("a\0b", "which is no path"),
        (7, "must be a path, a glob, a folder or a list of them, not a number"),
        ([None], "not null"),
        ("{" * 3000, "there is no file"),
        ("x{a,b", "neither a file nor a pattern"),
        ("a**b*", "cannot be used"),
        ("x" * 5000, "there is no file"),
    ],
)
def test_what_names_no_file_is_a_problem(album: Path, value: Any, told: str) -> None:
    found = resolve_files(parameter(), value, album)
    assert len(found.problems) == 1
    assert told in messages(found) or "neither a file" in messages(found)


def test_a_glob_without_files_is_a_warning_and_for_a_required_input_a_problem(album: Path) -> None:
    assert resolve_files(parameter(), "*.tiff", album).warnings == ("pictures: no file matches *.tiff",)
    found = resolve_files(parameter(required=True), "*.tiff", album)
    assert messages(found) == "needs at least one file (no file matches *.tiff)"


def test_an_empty_folder_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no file in the folder empty matches" in resolve_files(parameter(), "empty", tmp_path).warnings[0]


def test_a_link_is_followed_where_it_is_named_and_nowhere_else(album: Path, tmp_path_factory: Any, draw: Draw) -> None:
    outside = tmp_path_factory.mktemp("outside")
    draw().save(outside / "secret.png")
    (album / "link.png").symlink_to(outside / "secret.png")
    (album / "folder").symlink_to(outside)
    assert names(resolve_files(parameter(), "link.png", album)) == ["inputs/link.png"]
    assert names(resolve_files(parameter(), "folder", album)) == ["inputs/secret.png"]
    scanned = resolve_files(parameter(file_pattern="**/*.png"), ".", album)
    globbed = resolve_files(parameter(file_pattern="**/*.png"), "**/*", album)
    for found in (scanned, globbed):
        assert not {"inputs/link.png", "inputs/folder/secret.png"} & set(names(found))


def test_a_link_to_nothing_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone")
    assert "there is no file" in messages(resolve_files(parameter(), "dangling.png", tmp_path))


def test_a_named_pipe_is_a_problem_and_not_a_wait(album: Path) -> None:
    os.mkfifo(album / "pipe.png")
    assert "is not a regular file" in messages(resolve_files(parameter(), "pipe.png", album))
    assert "inputs/pipe.png" not in names(resolve_files(parameter(), ".", album))


def test_two_files_for_one_place_are_a_problem(album: Path, draw: Draw) -> None:
    (album / "other").mkdir()
    draw().save(album / "other" / "img1.png")
    found = resolve_files(parameter(), ["img1.png", "other/img1.png"], album)
    assert len(found.problems) == 1
    assert "would both stand at inputs/img1.png" in messages(found)


def test_names_that_a_model_could_not_read_are_problems(album: Path, draw: Draw) -> None:
    draw().save(album / "line\nbreak.png")
    found = resolve_files(parameter(), "line\nbreak.png", album)
    assert "line\\nbreak.png has a name with control characters" in messages(found)
    raw = os.fsencode(album) + b"/caf\xe9.png"
    Path(os.fsdecode(raw)).write_bytes((album / "img1.png").read_bytes())
    found = resolve_files(parameter(), os.fsdecode(b"caf\xe9.png"), album)
    assert len(found.problems) == 1


@pytest.mark.parametrize("mount", ["inputs/config", "spi"])
def test_places_of_the_run_itself_are_not_for_files(album: Path, mount: str) -> None:
    found = resolve_files(parameter(mount_path=mount), "img1.png", album)
    assert "belongs to the run itself" in messages(found)


def test_a_mount_path_of_the_work_folder_itself_puts_files_there(album: Path) -> None:
    assert names(resolve_files(parameter(mount_path="."), "img1.png", album)) == ["img1.png"]


@pytest.mark.parametrize(
    ("mimes", "name", "content"),
    [
        (["text/plain"], "table.csv", b"a,b\n"),
        (["text/plain"], "data.json", b"{}"),
        (["application/json"], "data", b"{}"),
        ([], "anything.bin", bytes(range(256))),
        (["image/*"], "x.svg", b"<svg/>"),
    ],
)
def test_types_are_taken_by_content(tmp_path: Path, mimes: list[str], name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = resolve_files(parameter(mime_types=mimes), name, tmp_path)
    assert len(found.files) == 1
    assert not found.warnings


def test_sounds_in_ogg_are_taken_under_their_names(media: Path) -> None:
    for mime in ("audio/ogg", "audio/opus", "application/ogg", "audio/*"):
        assert len(resolve_files(parameter(mime_types=[mime]), "voice.opus", media).files) == 1, mime


def test_a_missing_extra_is_told_only_where_facts_matter(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ExtraMissing, match="pillow") as caught:
        resolve_files(parameter(), "img1.png", album)
    assert "nova-spi[media]" in caught.value.mend
    assert resolve_files(parameter(mime_types=[]), "img1.png", album).files[0].facts is None
    assert resolve_files(parameter(mime_types=["text/plain"]), "notes.txt", album).files


def test_a_missing_extra_for_sounds_names_its_package(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ExtraMissing, match="av"):
        resolve_files(parameter(mime_types=["audio/*"]), "speech.wav", media)


def test_a_rule_for_a_medium_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "x.svg").write_bytes(b"<svg/>")
    rules = {"image": {"max_resolution": "10x10"}}
    found = resolve_files(parameter(mime_types=["image/svg+xml"], domain_specific=rules), "x.svg", tmp_path)
    assert "could not be checked" in found.warnings[0]


def test_many_wrong_files_are_not_all_told(tmp_path: Path) -> None:
    for at in range(150):
        (tmp_path / f"{at}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert len(resolve_files(parameter(), ".", tmp_path).problems) <= 101


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60) | st.lists(st.text(max_size=20), max_size=3))
def test_no_value_makes_resolving_raise(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    base = tmp_path_factory.mktemp("base")
    (base / "a.txt").write_text("x")
    found = resolve_files(parameter(mime_types=["text/plain"]), value, base)
    assert all(problem.path == "pictures" for problem in found.problems)


def test_an_empty_file_is_called_empty_and_not_text(tmp_path: Path) -> None:
    (tmp_path / "img1.png").touch()
    found = resolve_files(parameter(required=True), "img1.png", tmp_path)
    assert messages(found) == (
        "needs at least one file (img1.png is skipped: it is empty, and image/png, image/jpeg is wanted)"
    )
