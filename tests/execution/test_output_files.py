import os

import pytest
from PIL import Image

from nova_spi.execution.output_files import FileOutputs, listing
from nova_spi_runtime.parameters import Parameter


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work" / "outputs").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    return tmp_path / "work"


def take(work, parameter, value=None, before=None, allowed=frozenset()):
    return FileOutputs(work, work.parent / "out", before or {}, allowed).take(parameter, value)


def parameter(**fields):
    return Parameter("pictures", "file", **fields)


def write(work, *names, content="x"):
    for name in names:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(content)


def test_files_are_found_by_their_pattern_and_moved(work):
    write(work, "outputs/a.PNG", "outputs/b.txt", "outputs/output.json", "outputs/error.json")
    taken = take(work, parameter(file_pattern="*.{png,jpg}"))
    assert taken.files == ["a.PNG"]
    assert (work.parent / "out" / "a.PNG").read_text() == "x"
    assert not (work / "outputs" / "a.PNG").exists()


def test_output_json_is_never_a_file_output_even_of_a_pattern_that_matches_it(work):
    write(work, "outputs/output.json", "outputs/error.json")
    assert take(work, parameter(file_pattern="*")).files == []


def test_padded_names_count_from_zero_in_natural_order(work):
    write(work, "outputs/f10.png", "outputs/f2.png", "outputs/f1.jpg")
    taken = take(work, parameter(file_pattern="*.{png,jpg}", index_padding=3))
    assert taken.files == ["000.jpg", "001.png", "002.png"]


def test_files_that_the_runtime_named_keep_their_names(work):
    write(work, "outputs/file_000.png", "outputs/file_001.jpg")
    wanted = parameter(file_pattern="file_*.{png,jpg}", index_padding=3)
    value = ["outputs/file_000.png", "outputs/file_001.jpg"]
    assert take(work, wanted, value).files == ["file_000.png", "file_001.jpg"]


def test_a_named_file_whose_name_does_not_match_is_named_by_the_pattern(work):
    write(work, "tmp/result.png")
    assert take(work, parameter(file_pattern="file_*.{jpg,png}"), "tmp/result.png").files == ["file_0.png"]


def test_a_named_file_that_no_name_of_the_pattern_fits_is_a_problem(work):
    write(work, "outputs/result.txt")
    taken = take(work, parameter(file_pattern="*.png"), ["outputs/result.txt"])
    assert taken.files == []
    assert "file_pattern" in taken.problems[0]
    assert (work / "outputs" / "result.txt").exists()


def test_a_path_may_be_relative_to_the_outputs_or_absolute(work):
    write(work, "outputs/a.png", "outputs/b.png")
    taken = take(work, parameter(), ["a.png", str(work / "outputs" / "b.png")])
    assert taken.files == ["a.png", "b.png"]


@pytest.mark.parametrize("value", [3, [1], {"a": 1}, [["x"]], [None]])
def test_what_is_no_path_is_a_problem(work, value):
    assert take(work, parameter(), value).problems == ["a file output is a path, or a list of paths"]


@pytest.mark.parametrize("value", ["nothing.png", "", "a\0b", "x" * 5000])
def test_a_file_that_is_not_there_is_a_problem(work, value):
    assert "there is no file" in take(work, parameter(), [value]).problems[0]


@pytest.mark.parametrize("value", ["/etc/passwd", "../../outside", "outputs/link", "outputs/../../outside"])
def test_nothing_outside_the_run_is_taken(work, value):
    (work.parent.parent / "outside").write_text("x")
    (work.parent / "outside").write_text("x")
    (work / "outputs" / "link").symlink_to("/etc/passwd")
    taken = take(work, parameter(), [value])
    assert taken.files == []
    assert "leads out" in taken.problems[0] or "there is no file" in taken.problems[0]


def test_an_outputs_folder_that_leads_out_gives_nothing(work):
    (work / "outputs").rmdir()
    (work / "outputs").symlink_to("/etc")
    taken = take(work, parameter(file_pattern="passwd"))
    assert taken.files == []
    assert "leads out" in taken.problems[0]


def test_an_input_that_we_linked_may_be_an_output(work):
    source = work.parent / "large.bin"
    source.write_text("large")
    (work / "inputs").mkdir()
    (work / "inputs" / "large.bin").symlink_to(source)
    taken = take(work, parameter(), "inputs/large.bin", allowed=frozenset({str(source.resolve())}))
    assert taken.files == ["large.bin"]
    assert not (work.parent / "out" / "large.bin").is_symlink()
    assert source.exists()


def test_a_second_name_of_a_file_is_copied(work):
    write(work, "outputs/a.png")
    os.link(work / "outputs" / "a.png", work / "second")
    take(work, parameter(), "a.png")
    (work / "second").write_text("changed")
    assert (work.parent / "out" / "a.png").read_text() == "x"


def test_pipes_and_folders_are_no_files(work):
    os.mkfifo(work / "outputs" / "pipe.png")
    (work / "outputs" / "folder.png").mkdir()
    assert "not a regular file" in take(work, parameter(), "pipe.png").problems[0]
    assert "not a regular file" in take(work, parameter(), "folder.png").problems[0]


def test_what_stood_there_before_and_did_not_change_is_no_output(work):
    write(work, "frames/old.png", "frames/changed.png")
    wanted = parameter(mount_path="frames")
    before = listing(work, [wanted])
    write(work, "frames/new.png")
    write(work, "frames/changed.png", content="longer")
    assert take(work, wanted, before=before).files == ["frames/changed.png", "frames/new.png"]


def test_a_folder_below_outputs_stays_below_it(work):
    write(work, "outputs/frames/a.png")
    assert take(work, parameter(mount_path="outputs/frames")).files == ["frames/a.png"]


def test_two_outputs_share_a_folder_and_no_file(work):
    write(work, "outputs/a.png", "outputs/b.wav")
    files = FileOutputs(work, work.parent / "out", {}, frozenset())
    assert files.take(Parameter("p", "file", file_pattern="*.png"), None).files == ["a.png"]
    assert files.take(Parameter("s", "file", file_pattern="*"), None).files == ["b.wav"]


def test_two_files_of_one_name_are_a_problem(work):
    write(work, "a/x.png", "b/x.png")
    taken = take(work, parameter(), ["a/x.png", "b/x.png"])
    assert "two files" in taken.problems[0]
    assert taken.files == []


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"max_files": 1}, "max_files is 1"),
        ({"min_files": 3}, "min_files is 3"),
        ({"min_size_bytes": 2}, "min_size_bytes is 2"),
        ({"max_size_bytes": 0}, "max_size_bytes is 0"),
    ],
)
def test_count_and_size_are_checked(work, rules, says):
    write(work, "outputs/a.png", "outputs/b.png")
    assert says in take(work, parameter(constraints=rules)).problems[0]


def picture(work, name, size=(8, 8)):
    Image.new("RGB", size).save(work / "outputs" / name)


def test_the_type_of_a_file_is_read_from_its_content(work):
    picture(work, "a.png")
    (work / "outputs" / "b.png").write_text("no picture at all")
    wanted = parameter(mime_types=("image/*",))
    assert "'b.png' is text/plain" in take(work, wanted).problems[0]
    (work / "outputs" / "b.png").unlink()
    assert take(work, wanted).files == ["a.png"]


def test_text_of_any_kind_is_text(work):
    write(work, "outputs/a.srt", content="1\n00:00:01,000 --> 00:00:02,000\nHello\n")
    assert take(work, parameter(mime_types=("text/plain",))).files == ["a.srt"]


def test_media_facts_of_an_output_are_checked(work):
    picture(work, "a.png", (8, 8))
    rules = {"image": {"min_resolution": "16x16"}}
    assert "8x8" in take(work, parameter(domain_specific=rules)).problems[0]


def test_a_truncated_picture_is_no_output(work):
    picture(work, "a.png", (64, 64))
    path = work / "outputs" / "a.png"
    path.write_bytes(path.read_bytes()[:-30])
    assert take(work, parameter(mime_types=("image/png",))).problems


def test_a_path_below_base_work_dir_is_one_of_the_work_folder(work):
    write(work, "outputs/a.png")
    taken = FileOutputs(work, work.parent / "out", {}, frozenset(), "/app").take(parameter(), "/app/outputs/a.png")
    assert (taken.files, taken.problems) == (["a.png"], [])


def test_a_path_beside_base_work_dir_is_not(work):
    write(work, "outputs/a.png")
    taken = FileOutputs(work, work.parent / "out", {}, frozenset(), "/app").take(parameter(), "/apple/outputs/a.png")
    assert taken.problems == ["there is no file '/apple/outputs/a.png'"]
