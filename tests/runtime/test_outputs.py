import json
from decimal import Decimal

import pytest

from nova_spi_runtime import SPIError, SPIRuntime
from nova_spi_runtime.outputs import plain
from nova_spi_runtime.places import write_atomically

TEXT = {"name": "text", "type": "string", "required": True}
FRAMES = {
    "name": "frames",
    "type": "file",
    "file_pattern": "file_*.{jpg,png}",
    "index_padding": 3,
    "mount_path": "outputs/frames",
}


def test_values_are_written_as_json_by_type(in_project):
    declared = [TEXT, {"name": "price", "type": "decimal"}, {"name": "count", "type": "integer"}]
    assert in_project.answered(declared, {"count": 3.0, "price": Decimal("1.10"), "text": "é"}) == {
        "text": "é",
        "price": "1.10",
        "count": 3,
    }


def test_everything_that_is_wrong_is_told_at_once(in_project):
    declared = [TEXT, {"name": "count", "type": "integer"}, {**FRAMES, "required": True}]
    error = in_project.refused(declared, {"count": "3", "textt": "a"})
    assert error.code == "output.missing"
    assert dict(error.problems) == {
        "text": "is required and was not produced",
        "frames": "is required, and no file in outputs/frames matches 'file_*.{jpg,png}'",
        "textt": "is not an output (did you mean 'text'?)",
        "count": "must be an integer, not a string",
    }


@pytest.mark.parametrize("outputs", [None, "text", ["text"], 3])
def test_outputs_are_a_mapping(in_project, outputs):
    assert in_project.refused([TEXT], outputs).code == "output.invalid"


def test_numpys_scalars_and_arrays_are_numbers_and_lists(in_project):
    numpy = pytest.importorskip("numpy")
    declared = [
        {"name": "score", "type": "float"},
        {"name": "count", "type": "integer"},
        {"name": "yes", "type": "boolean"},
        {"name": "box", "type": "array", "items": {"type": "object", "properties": {"x": {"type": "float"}}}},
        {"name": "grid", "type": "array"},
    ]
    given = {
        "score": numpy.float32(0.5),
        "count": numpy.int64(3),
        "yes": numpy.bool_(True),
        "box": [{"x": numpy.float64(1.5)}],
        "grid": numpy.array([[1, 2], [3, 4]]),
    }
    assert in_project.answered(declared, given) == {
        "score": 0.5,
        "count": 3,
        "yes": True,
        "box": [{"x": 1.5}],
        "grid": [[1, 2], [3, 4]],
    }


def test_a_value_that_holds_itself_is_a_problem(in_project):
    loop: list = []
    loop.extend([loop, loop])
    declared = [{"name": "loop", "type": "array"}]
    assert "holds itself" in in_project.refused(declared, {"loop": loop}).message
    assert "must be a string" in in_project.refused([TEXT], {"text": object()}).message
    assert plain(("a", 1)) == ["a", 1]


def test_output_json_is_replaced_as_a_whole(in_project):
    in_project.answered([TEXT], {"text": "one"})
    in_project.write("outputs/error.json", "{}")
    in_project.answered([TEXT], {"text": "two"})
    assert sorted(path.name for path in (in_project.root / "outputs").iterdir()) == ["output.json"]


def test_the_output_file_may_stand_elsewhere(in_project, monkeypatch, tmp_path):
    monkeypatch.setenv("SPI_OUTPUT_FILE", str(tmp_path / "deep/out.json"))
    in_project.manifest(outputs=[TEXT])
    SPIRuntime().write_outputs({"text": "a"})
    assert json.loads((tmp_path / "deep/out.json").read_text()) == {"text": "a"}


def test_a_disk_that_refuses_is_a_typed_error(in_project):
    in_project.write("outputs", "a file where a folder belongs")
    in_project.manifest(outputs=[TEXT])
    with pytest.raises(SPIError, match="cannot be written") as caught:
        SPIRuntime().write_outputs({"text": "a"})
    assert caught.value.code == "output.invalid"


def test_what_cannot_be_written_leaves_no_half_behind(tmp_path):
    (tmp_path / "taken/inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_atomically(str(tmp_path / "taken"), "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
