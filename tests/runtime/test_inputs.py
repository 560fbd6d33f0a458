import json
from decimal import Decimal
from pathlib import Path

import pytest

from nova_spi_runtime import SPIError, SPIRuntime

STEPS = {"name": "steps", "type": "integer", "required": True, "constraints": {"min_value": 1}}
PICTURE = {"name": "picture", "type": "file", "required": True, "mount_path": "inputs/images"}


def read(project, *inputs, **variables):
    project.manifest(inputs=inputs)
    return SPIRuntime().parse_inputs()


def problems(project, *inputs) -> dict[str, str]:
    project.manifest(inputs=inputs)
    with pytest.raises(SPIError) as caught:
        SPIRuntime().parse_inputs()
    assert caught.value.code == "input.invalid"
    assert "\n" not in caught.value.message
    return dict(caught.value.problems)


def test_typed_values_come_from_the_environment(in_project, monkeypatch):
    monkeypatch.setenv("INPUT_STEPS", "30")
    monkeypatch.setenv("INPUT_PRICE", "10.250")
    monkeypatch.setenv("INPUT_TAGS", '["a", "b"]')
    found = read(
        in_project,
        STEPS,
        {"name": "price", "type": "decimal"},
        {"name": "tags", "type": "array", "items": {"type": "string"}},
        {"name": "scale", "type": "float", "default": 1.5},
        {"name": "seed", "type": "integer"},
    )
    assert found == {"steps": 30, "price": Decimal("10.250"), "tags": ["a", "b"], "scale": 1.5}


def test_the_inputs_file_wins_over_the_environment_name_by_name(in_project, monkeypatch):
    monkeypatch.setenv("INPUT_STEPS", "30")
    monkeypatch.setenv("INPUT_SEED", "1")
    in_project.write("inputs/config/inputs.json", '{"steps": 5}')
    assert read(in_project, STEPS, {"name": "seed", "type": "integer"}) == {"steps": 5, "seed": 1}


def test_the_inputs_file_may_stand_elsewhere(in_project, monkeypatch, tmp_path):
    (tmp_path / "given.json").write_text('{"steps": 7}')
    monkeypatch.setenv("SPI_INPUT_FILE", str(tmp_path / "given.json"))
    assert read(in_project, STEPS) == {"steps": 7}


def test_a_null_is_nothing_given(in_project):
    in_project.write("inputs/config/inputs.json", '{"steps": null, "seed": null}')
    assert problems(in_project, STEPS, {"name": "seed", "type": "integer"}).keys() == {"steps"}


def test_everything_that_is_missing_or_wrong_is_told_at_once(in_project, monkeypatch):
    monkeypatch.setenv("INPUT_SEED", "many")
    in_project.write("inputs/config/inputs.json", '{"stesp": 3}')
    found = problems(in_project, STEPS, PICTURE, {"name": "seed", "type": "integer"})
    assert found == {
        "stesp": "is not an input (did you mean 'steps'?)",
        "steps": "is required: give it in inputs/config/inputs.json or as INPUT_STEPS",
        "picture": "is required: no file in inputs/images matches '*'",
        "seed": "must be an integer, not 'many'",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1]", "must hold an object"),
        (b"{", "is not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"steps": 1, "steps": 2}', "stands twice"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_an_inputs_file_that_cannot_be_read_is_one_error(in_project, content, message):
    in_project.manifest(inputs=[STEPS])
    in_project.write("inputs/config/inputs.json", content)
    with pytest.raises(SPIError, match=message):
        SPIRuntime().parse_inputs()


def test_an_inputs_file_that_is_named_must_be_there(in_project, monkeypatch):
    monkeypatch.setenv("SPI_INPUT_FILE", "nowhere.json")
    in_project.manifest(inputs=[STEPS])
    with pytest.raises(SPIError, match=r"nowhere\.json cannot be read"):
        SPIRuntime().parse_inputs()


def test_a_variable_that_is_not_utf_8_is_a_problem(in_project, monkeypatch):
    monkeypatch.setenv("INPUT_TEXT", b"\xff\xfe".decode("utf-8", "surrogateescape"))
    assert problems(in_project, {"name": "text", "type": "string"})


# Files


def test_files_are_found_by_pattern_in_natural_order(in_project):
    for name in ("f10.PNG", "f2.jpg", "f1.png", "notes.txt", ".hidden.png", "sub/f3.png"):
        in_project.write(f"inputs/images/{name}", "x")
    found = read(in_project, {**PICTURE, "file_pattern": "*.{png,jpg}"})
    root = in_project.root / "inputs/images"
    assert found == {"picture": [root / "f1.png", root / "f2.jpg", root / "f10.PNG"]}


def test_a_pattern_of_several_segments_looks_into_folders(in_project):
    in_project.write("inputs/a/b/1.png", "x")
    in_project.write("inputs/0.png", "x")
    in_project.write("inputs/config/inputs.json", "{}")
    found = read(in_project, {"name": "p", "type": "file", "file_pattern": "**/*"})
    assert [path.name for path in found["p"]] == ["0.png", "1.png"]


def test_one_file_is_a_path_and_several_are_a_list(in_project):
    in_project.write("inputs/images/a.png", "x")
    single = {**PICTURE, "constraints": {"max_files": 1}}
    assert read(in_project, single)["picture"] == in_project.root / "inputs/images/a.png"
    assert isinstance(read(in_project, single)["picture"], Path)
    assert isinstance(read(in_project, PICTURE)["picture"], list)


def test_only_regular_files_count(in_project, tmp_path):
    (tmp_path / "secret.png").write_text("x")
    folder = in_project.root / "inputs/images"
    folder.mkdir(parents=True)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "folder.png").mkdir()
    assert problems(in_project, PICTURE).keys() == {"picture"}


def test_counts_and_sizes_of_files(in_project):
    in_project.write("inputs/images/a.png", "12345")
    rules = {"min_files": 2, "max_size_bytes": 4}
    project = in_project
    project.manifest(inputs=[{**PICTURE, "constraints": rules}])
    with pytest.raises(SPIError) as caught:
        SPIRuntime().parse_inputs()
    assert [problem.message for problem in caught.value.problems] == [
        "must be at least 2 files, not 1",
        "a.png has 5 bytes, more than 4",
    ]
    project.write("inputs/images/b.png", "")
    rules = {"max_files": 1, "min_size_bytes": 1}
    assert problems(project, {**PICTURE, "constraints": rules})


def test_the_inputs_file_names_files_below_the_work_folder(in_project):
    in_project.write("inputs/images/b.png", "x")
    in_project.write("inputs/images/a.png", "x")
    in_project.write("inputs/config/inputs.json", '{"picture": ["inputs/images/b.png"]}')
    assert read(in_project, PICTURE) == {"picture": [in_project.root / "inputs/images/b.png"]}


@pytest.mark.parametrize(
    "value", ["../secret", "/etc/passwd", "inputs/none.png", "inputs/link", "inputs", "a\0b", 3, [3], {}]
)
def test_paths_that_leave_the_work_folder_or_name_nothing_are_problems(in_project, tmp_path, value):
    (tmp_path / "secret").write_text("x")
    in_project.write("inputs/keep", "x")
    (in_project.root / "inputs/link").symlink_to(tmp_path / "secret")
    in_project.write("inputs/config/inputs.json", json.dumps({"picture": value}))
    assert problems(in_project, PICTURE)


def test_an_optional_file_that_is_not_there_is_left_out(in_project):
    assert read(in_project, {**PICTURE, "required": False}) == {}
    in_project.write("inputs/config/inputs.json", '{"picture": []}')
    assert read(in_project, {**PICTURE, "required": False}) == {}
    assert problems(in_project, PICTURE) == {"picture": "is required: it names no file"}
