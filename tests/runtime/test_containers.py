import pytest

from nova_spi_runtime import containers
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.problems import MAX_PROBLEMS
from nova_spi_runtime.values import ValueInvalid, from_json, from_text, to_json


def read(declared, value):
    return from_json(Parameter.from_dict({"name": "x", **declared}), value)


def problems(declared, value, reader=from_json) -> dict[str, str]:
    with pytest.raises(ValueInvalid) as caught:
        reader(Parameter.from_dict({"name": "x", **declared}), value)
    return dict(caught.value.problems)


NESTED = {
    "type": "object",
    "properties": {
        "tags": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string", "required": True}}},
        },
        "size": {"type": "integer", "default": 8},
        "price": {"type": "decimal", "required": True},
    },
}


def test_all_problems_are_told_at_once_with_their_paths():
    found = problems(NESTED, {"tags": [{"name": "a"}, {"nam": "b"}, {"name": 3}], "size": "8", "colour": 1})
    assert found == {
        "x.tags[1].nam": "is not a known key (did you mean 'name'?)",
        "x.tags[1].name": "is required",
        "x.tags[2].name": "must be a string, not a number",
        "x.size": "must be an integer, not a string",
        "x.colour": "is not a known key",
        "x.price": "is required",
    }


def test_a_default_inside_an_object_is_filled_in():
    found = read(NESTED, {"price": "1.10"})
    assert found["size"] == 8
    assert to_json(Parameter.from_dict({"name": "x", **NESTED}), found) == {"price": "1.10", "size": 8}


def test_keys_that_are_no_names_are_quoted_in_paths():
    assert list(problems({"type": "map", "values": {"type": "integer"}}, {"a b\n": "1"})) == ["x['a b\\n']"]


def test_one_million_wrong_elements_are_one_hundred_problems():
    declared = {"type": "array", "items": {"type": "integer"}}
    with pytest.raises(ValueInvalid) as caught:
        read(declared, ["no"] * 1_000_000)
    assert len(caught.value.problems) == 100


@pytest.mark.parametrize("value", [[1, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[1, [2]], [1, [2]]], ["a", "a"]])
def test_elements_that_are_equal_in_json_are_not_unique(value):
    assert problems({"type": "array", "constraints": {"unique_items": True}}, value) == {
        "x[1]": "is the same as x[0], and elements must differ"
    }


@pytest.mark.parametrize("value", [[1, True, "1"], [0, False, None], [[], {}], ["a", ["a"]], [[1], [True]]])
def test_elements_that_differ_in_json_are_unique(value):
    assert read({"type": "array", "constraints": {"unique_items": True}}, value) == value


def test_counts():
    few = {"type": "array", "constraints": {"min_items": 2, "max_items": 3}}
    assert read(few, [1, 2]) == [1, 2]
    assert "at least 2 elements, not 1" in problems(few, [1])["x"]
    assert "at most 3 elements, not 4" in problems(few, [1, 2, 3, 4])["x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": 1', "line 1, column"),
        ('{"a": ' + "9" * 5000 + "}", "too many digits"),
        ("", "line 1, column 1"),
    ],
)
def test_text_that_is_no_strict_json_is_a_problem(text, message):
    assert message in problems({"type": "map"}, text, from_text)["x"]


def test_infinity_by_exponent_is_a_problem():
    assert problems({"type": "map"}, '{"a": 1e999}', from_text) == {"x.a": "must be a finite number"}


def test_untyped_values_are_bounded_in_depth():
    value: list = []
    for _ in range(150):
        value = [value]
    (message,) = problems({"type": "array"}, value).values()
    assert "nested more than 100 deep" in message


@pytest.mark.parametrize("value", [{"a": object()}, {"a": {1, 2}}, {"a": b"x"}, {1: "a"}, {None: 1}])
def test_what_json_cannot_hold_is_a_problem(value):
    problems({"type": "map"}, value)


@pytest.mark.parametrize(("kind", "value"), [("array", {}), ("array", "[]"), ("map", []), ("object", None), ("map", 1)])
def test_the_wrong_kind_of_container_is_a_problem(kind, value):
    assert "must be" in problems({"type": kind}, value)["x"]


def test_a_tuple_is_an_array():
    assert read({"type": "array", "items": {"type": "integer"}}, (1, 2)) == [1, 2]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ({"type": "array", "items": {"type": "integer"}, "constraints": {"max_items": 2}}, ["a"] * 5),
        ({"type": "map", "values": {"type": "integer"}, "constraints": {"max_items": 2}}, dict.fromkeys("abcde", "a")),
    ],
)
def test_of_what_is_too_much_only_so_many_are_looked_at_as_may_be(declared, value):
    assert len(problems(declared, value)) == 3


def test_a_long_key_makes_no_long_path_of_every_value_below_it():
    key = "k" * 1_000_000
    assert read({"type": "object"}, {key: [1] * 10_000}) == {key: [1] * 10_000}
    (path,) = problems({"type": "object"}, {key: [float("nan")]})
    assert len(path) < 100


def test_strange_keys_are_searched_for_until_there_are_too_many_of_them(monkeypatch):
    searched = []
    monkeypatch.setattr(containers, "suggestion", lambda key, known: searched.append(key) or "")
    assert len(problems(NESTED, {f"k{at}": 1 for at in range(5000)})) == len(searched) == MAX_PROBLEMS
