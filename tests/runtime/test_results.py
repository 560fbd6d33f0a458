import pytest

from nova_spi_runtime import SPIError
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.results import to_outputs


def declared(**kinds):
    return [Parameter.from_dict({"type": kind}, name) for name, kind in kinds.items()]


TWO = declared(text="string", count="integer")


@pytest.mark.parametrize(
    ("result", "outputs", "found"),
    [
        (None, TWO, {}),
        ({"text": "a", "count": 1}, TWO, {"text": "a", "count": 1}),
        ({"text": "a", "other": 1}, TWO, {"text": "a", "other": 1}),
        ("a", declared(text="string"), {"text": "a"}),
        ({"text": "a"}, declared(text="string"), {"text": "a"}),
        ({"a": 1}, declared(seen="map"), {"seen": {"a": 1}}),
        ({"seen": {"a": 1}}, declared(seen="map"), {"seen": {"a": 1}}),
        (["a.png"], declared(files="file"), {"files": ["a.png"]}),
    ],
)
def test_a_result_becomes_outputs_by_name(result, outputs, found):
    assert to_outputs(result, outputs) == found


@pytest.mark.parametrize(
    ("pieces", "outputs", "found"),
    [
        (["a", "b"], declared(text="string"), {"text": "ab"}),
        ([{"text": "a", "count": 1}, None, {"text": "b", "count": 2}], TWO, {"text": "ab", "count": 2}),
        ([1, 2], declared(items="array"), {"items": [1, 2]}),
        (["a", ["b", "c"]], declared(files="file"), {"files": ["a", "b", "c"]}),
        ([{"other": 1}, {"other": 2}], TWO, {"other": 2}),
        ([], declared(text="string"), {}),
        (["a", 3], declared(text="string"), {"text": ["a", 3]}),
    ],
)
def test_the_pieces_of_a_generator_are_put_together(pieces, outputs, found):
    assert to_outputs(iter(pieces), outputs) == found


def test_the_last_path_of_a_single_file_counts():
    single = [Parameter.from_dict({"type": "file", "constraints": {"max_files": 1}}, "picture")]
    assert to_outputs(iter(["a.png", "b.png"]), single) == {"picture": "b.png"}


@pytest.mark.parametrize("result", ["a", 3, ["a"], iter(["a"])])
def test_several_outputs_must_be_named(result):
    with pytest.raises(SPIError, match="outputs: text, count") as caught:
        to_outputs(result, TWO)
    assert caught.value.code == "output.invalid"


def test_a_file_object_is_a_value_and_no_generator(tmp_path):
    with (tmp_path / "a").open("w+") as file:
        assert to_outputs(file, declared(text="string")) == {"text": file}
