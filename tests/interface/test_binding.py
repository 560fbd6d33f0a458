import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nova_spi.errors import InputInvalid
from nova_spi.interface.binding import BoundInputs, Text, bind_inputs, expand_at_file
from nova_spi.interface.compiled import CompiledCommand
from nova_spi_runtime.parameters import Parameter

Draw = Callable[..., Image.Image]
HERE = Path("/")


def command(*parameters: dict[str, Any]) -> CompiledCommand:
    inputs = tuple(Parameter.from_dict(each) for each in parameters)
    return CompiledCommand("run", "", inputs, (), None, 600.0, None, True)


def bind(parameters: list[dict[str, Any]], raw: dict[str, Any], base: Path = HERE) -> BoundInputs:
    return bind_inputs(command(*parameters), raw, base)


def problems(parameters: list[dict[str, Any]], raw: dict[str, Any], base: Path = HERE) -> list[dict[str, str]]:
    with pytest.raises(InputInvalid) as caught:
        bind(parameters, raw, base)
    json.dumps(caught.value.to_dict())
    found: list[dict[str, str]] = caught.value.details["problems"]
    return found


def one(kind: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"name": "value", "type": kind} | fields]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "3", "3"),
        ("integer", "3", 3),
        ("float", "10.2", 10.2),
        ("decimal", "1.10", Decimal("1.10")),
        ("boolean", "Yes", True),
        ("boolean", "off", False),
        ("array", "[1, 2]", [1, 2]),
        ("map", '{"a": 1}', {"a": 1}),
        ("object", '{"a": [true]}', {"a": [True]}),
    ],
)
def test_text_is_read_as_its_type_wants(kind: str, text: str, value: Any) -> None:
    found = bind(one(kind), {"value": Text(text)}).values["value"]
    assert found == value
    assert type(found) is type(value)


def test_a_string_of_json_is_not_read_as_text() -> None:
    assert problems(one("integer"), {"value": "3"})[0]["message"] == "must be an integer, not a string"
    assert bind(one("string"), {"value": "3"}).values == {"value": "3"}


def test_defaults_are_filled_in_and_typed() -> None:
    found = bind(one("decimal", default="2.50"), {})
    assert found.values == {"value": Decimal("2.50")}
    assert bind(one("string"), {}).values == {}
    assert bind(one("integer", default=4, required=True), {"value": None}).values == {"value": 4}


def test_null_stands_for_nothing_given() -> None:
    assert bind(one("string"), {"value": None}).values == {}
    assert problems(one("string", required=True), {"value": None})[0]["message"] == "is required"


def test_all_problems_come_at_once_with_the_form_that_mends_them() -> None:
    parameters = [
        {"name": "prompt", "type": "string", "required": True},
        {"name": "steps", "type": "integer", "constraints": {"min_value": 1, "max_value": 50}},
        {"name": "tags", "type": "array", "items": {"type": "string", "constraints": {"max_length": 3}}},
    ]
    with pytest.raises(InputInvalid) as caught:
        bind(parameters, {"steps": Text("99"), "tags": ["long tag", "ok", 3], "promt": "x"})
    found = {each["path"]: each["message"] for each in caught.value.details["problems"]}
    assert found == {
        "promt": "is no input (did you mean 'prompt'?)",
        "prompt": "is required",
        "steps": "must be at most 50, not 99",
        "tags[0]": "must have at most 3 characters, not 8",
        "tags[2]": "must be a string, not a number",
    }
    assert caught.value.mend == "--input prompt='some text' --input steps=1 --input tags='[\"som\"]'"
    assert caught.value.message.startswith("5 problems with the inputs: ")


def test_of_many_problems_the_sentence_tells_a_few_and_the_details_all() -> None:
    with pytest.raises(InputInvalid, match=r"^9 problems .*; and 4 more\.$") as caught:
        bind(one("array", items={"type": "integer"}), {"value": ["x"] * 9})
    assert len(caught.value.details["problems"]) == 9


def test_one_problem_is_one_sentence() -> None:
    with pytest.raises(InputInvalid, match=r"^The input 'value' must be an integer, not 'x'\.$"):
        bind(one("integer"), {"value": Text("x")})
    with pytest.raises(InputInvalid, match=r"^The input 'value': there is no file 'gone\.png'\.$"):
        bind(one("file"), {"value": "gone.png"})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Value", "it is written 'value'"),
        ("valeu", "did you mean 'value'"),
        ("quite_other", "is no input; the inputs are value"),
        ("", "is no input"),
        ("x" * 10_000, "is no input"),
    ],
)
def test_an_unknown_name_is_told_with_the_one_that_is_meant(name: str, told: str) -> None:
    assert told in problems(one("string"), {name: "x"})[0]["message"]


def test_a_command_without_inputs_says_so() -> None:
    assert "takes no inputs" in problems([], {"x": 1})[0]["message"]


def test_names_that_differ_only_in_case_do_not_meet() -> None:
    found = problems(one("string"), {"value": "a", "VALUE": "b"})
    assert [each["path"] for each in found] == ["VALUE"]


OPTIONS = [
    {
        "name": "options",
        "type": "object",
        "properties": {
            "size": {"type": "integer", "required": True},
            "inner": {"type": "object", "properties": {"on": {"type": "boolean"}}},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }
]


def test_dotted_keys_build_the_object() -> None:
    raw = {
        "options.size": Text("3"),
        "options.inner.on": Text("yes"),
        "options.tags.1": Text("2"),
        "options.tags.0": Text("1"),
    }
    assert bind(OPTIONS, raw).values == {"options": {"size": 3, "inner": {"on": True}, "tags": ["1", "2"]}}


def test_dotted_keys_win_over_a_whole_value() -> None:
    raw = {"options": {"size": 3, "tags": ["a", "b"]}, "options.size": Text("4"), "options.tags.1": Text("c")}
    assert bind(OPTIONS, raw).values["options"] == {"size": 4, "tags": ["a", "c"]}
    raw = {"options": Text('{"size": 3}'), "options.tags": Text('["x"]')}
    assert bind(OPTIONS, raw).values["options"] == {"size": 3, "tags": ["x"]}


def test_arrays_and_maps_are_built_by_their_steps() -> None:
    assert bind(one("array", items={"type": "float"}), {"value.0": Text("1.5"), "value.1": 2}).values["value"] == [
        1.5,
        2,
    ]
    flat = one("map", values={"type": "integer"})
    assert bind(flat, {"value.a.b": Text("1"), "value.c": 2}).values["value"] == {"a.b": 1, "c": 2}
    deep = one("map", values={"type": "object", "properties": {"x": {"type": "integer"}}})
    assert bind(deep, {"value.a.x": Text("1")}).values["value"] == {"a": {"x": 1}}


def test_where_any_json_may_stand_text_is_json_where_it_can_be() -> None:
    raw = {"value.a": Text("3"), "value.b": Text("word"), "value.c.0": Text("true"), "value.c.1.x": Text("null")}
    assert bind(one("object"), raw).values["value"] == {"a": 3, "b": "word", "c": [True, {"x": None}]}


@pytest.mark.parametrize(
    ("raw", "path", "told"),
    [
        ({"options.size.x": Text("1")}, "options.size", "is of type integer and has no part 'x'"),
        ({"options.size": 1, "options.tags.2": Text("x")}, "options.tags", "has an element 2 and none 0"),
        ({"options.size": 1, "options.tags.x": Text("x")}, "options.tags", "its parts have numbers from 0, not 'x'"),
        ({"options.size": Text("x")}, "options.size", "must be an integer"),
        ({"options": 3, "options.size": 1}, "options", "the whole has no parts"),
        ({"options.sise": Text("1"), "options.size": 1}, "options.sise", "is not a known key (did you mean 'size'?)"),
        ({"options.tags": Text("[")}, "options.tags", "must be JSON"),
        ({"options" + ".a" * 60: 1}, "options.a", "is not a known key"),
        ({"options.": 1, "options.size": 1}, "options", "ends with a dot"),
        ({"options.size": 1, "options.tags.": 1}, "options", "ends with a dot"),
    ],
)
def test_a_dotted_key_that_does_not_fit_is_told_by_its_path(raw: dict[str, Any], path: str, told: str) -> None:
    found = {each["path"]: each["message"] for each in problems(OPTIONS, raw)}
    assert told in found[path]


def test_secrets_are_marked_and_never_quoted() -> None:
    parameters = one("string", secret=True, constraints={"pattern": "^[a-z]+$", "min_length": 100})
    with pytest.raises(InputInvalid) as caught:
        bind(parameters, {"value": Text("HUNTER2")})
    assert "HUNTER2" not in json.dumps(caught.value.to_dict())
    found = bind(one("string", secret=True), {"value": Text("hunter")})
    assert found.secret_names == {"value"}
    assert bind(one("string", secret=True), {}).secret_names == frozenset()


def test_a_secret_choice_is_never_quoted() -> None:
    with pytest.raises(InputInvalid) as caught:
        bind(one("string", secret=True, enum=["a"]), {"value": Text("HUNTER2")})
    assert "HUNTER2" not in json.dumps(caught.value.to_dict())


PICTURE = {"name": "picture", "type": "file", "mime_types": ["image/png"], "required": True}


def test_files_are_bound_relative_to_the_base(tmp_path: Path, draw: Draw) -> None:
    draw().save(tmp_path / "a.png")
    (tmp_path / "b.txt").write_text("x")
    found = bind([PICTURE], {"picture": ["a.png", Text("b.txt")]}, tmp_path)
    assert [file.relative for file in found.files["picture"]] == ["inputs/a.png"]
    assert found.values == {}
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("picture: b.txt is skipped")


def test_a_missing_file_input_is_told_with_its_form(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="is required: a path, a glob or a folder") as caught:
        bind([PICTURE], {}, tmp_path)
    assert caught.value.mend == "--input picture=picture.png"


def test_an_optional_file_input_without_files_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("x")
    found = bind([PICTURE | {"required": False}], {"picture": "b.txt"}, tmp_path)
    assert found.files == {}
    assert len(found.warnings) == 1


def test_files_of_two_inputs_for_one_place_are_a_problem(tmp_path: Path, draw: Draw) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        draw().save(tmp_path / folder / "a.png")
    other = PICTURE | {"name": "mask"}
    found = problems([PICTURE, other], {"picture": "one/a.png", "mask": "two/a.png"}, tmp_path)
    assert [each["path"] for each in found] == ["mask"]
    assert "would both stand at inputs/a.png" in found[0]["message"]
    apart = other | {"mount_path": "inputs/masks"}
    assert set(bind([PICTURE, apart], {"picture": "one/a.png", "mask": "two/a.png"}, tmp_path).files) == {
        "picture",
        "mask",
    }


def test_files_may_be_given_by_number(tmp_path: Path, draw: Draw) -> None:
    draw().save(tmp_path / "a.png")
    draw().save(tmp_path / "b.png")
    found = bind([PICTURE], {"picture.0": Text("a.png"), "picture.1": "b.png"}, tmp_path)
    assert len(found.files["picture"]) == 2


def test_at_file_reads_text_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Grüße\n", encoding="utf-8-sig")
    assert expand_at_file("@prompt.txt", tmp_path) == "Grüße\n"
    assert expand_at_file("plain", tmp_path) == "plain"
    assert expand_at_file("@@handle", tmp_path) == "@handle"
    assert expand_at_file("@", tmp_path) == "@"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "There is no file"),
        (b"\xff\xfe\xfa", "is not text in UTF-8"),
        (b"x" * (16 * 2**20 + 1), "is over 16 MiB"),
    ],
)
def test_at_file_refuses_what_is_no_text(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "f").write_bytes(content)
    with pytest.raises(InputInvalid, match=told):
        expand_at_file("@f", tmp_path)


def test_at_file_never_reads_a_device(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid):
        expand_at_file("@/dev/zero", tmp_path)
    with pytest.raises(InputInvalid):
        expand_at_file("@a\0b", tmp_path)


KINDS = ["string", "integer", "float", "decimal", "boolean", "array", "map", "object", "file"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.text(max_size=8).map(Text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    raw=st.dictionaries(
        st.sampled_from(["value", "value.a", "value.0", "value.0.b", "value..", "other", "VALUE"]), JSON, max_size=4
    ),
)
def test_nothing_makes_binding_raise_anything_but_its_error(
    tmp_path_factory: pytest.TempPathFactory, kind: str, raw: dict[str, Any]
) -> None:
    base = tmp_path_factory.getbasetemp()
    try:
        found = bind(one(kind), raw, base)
    except InputInvalid as error:
        listed = error
    else:
        assert set(found.values) <= {"value"}
        return
    assert listed.details["problems"]
    json.dumps(listed.to_dict())
