import json
import math
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator

from nova_spi.interface.compiled import CompiledCommand
from nova_spi.interface.json_schema import inputs_schema, object_schema, outputs_schema, parameter_schema
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import ValueInvalid, from_json

VALIDATORS: dict[str, type[Validator]] = {"2020-12": Draft202012Validator, "draft-07": Draft7Validator}


def command(inputs: list[dict[str, Any]], outputs: list[dict[str, Any]] | None = None) -> CompiledCommand:
    read = [tuple(Parameter.from_dict(each) for each in side) for side in (inputs, outputs or [])]
    return CompiledCommand("run", "Does it.", read[0], read[1], None, 600.0, None, True)


EVERYTHING = [
    {"name": "s", "type": "string", "required": True, "description": "Text.",
     "constraints": {"min_length": 1, "max_length": 9, "pattern": "^a"}},
    {"name": "e", "type": "enum", "enum": ["a", "b"], "default": "a", "required": True},
    {"name": "i", "type": "integer", "constraints": {"min_value": 1, "max_value": 9, "multiple_of": 2}},
    {"name": "f", "type": "float", "precision": 64, "constraints": {"min_value": 0.5}, "enum": [1.5, 2.5]},
    {"name": "d", "type": "decimal", "default": "1.50", "constraints": {"min_value": "0.10", "max_value": 5}},
    {"name": "b", "type": "boolean", "default": False},
    {"name": "a", "type": "array", "items": {"type": "integer"},
     "constraints": {"min_items": 1, "max_items": 3, "unique_items": True}},
    {"name": "m", "type": "map", "values": {"type": "string"}, "constraints": {"min_items": 1, "max_items": 2}},
    {"name": "o", "type": "object", "properties": {
        "x": {"type": "integer", "required": True}, "y": {"type": "string", "default": "z", "required": True}}},
    {"name": "p", "type": "file", "required": True, "mime_types": ["image/png"], "mount_path": "inputs/p",
     "constraints": {"max_files": 1, "max_size_bytes": 10}, "domain_specific": {"image": {"color_modes": ["L"]}}},
    {"name": "q", "type": "file", "required": True, "mime_types": ["image/*"], "constraints": {"max_files": 5}},
    {"name": "k", "type": "string", "secret": True},
]  # fmt: skip


def test_every_constraint_stands_in_the_schema() -> None:
    schema = inputs_schema(command(EVERYTHING))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["s", "p", "q"]
    assert schema["additionalProperties"] is False
    found = schema["properties"]
    assert found == {
        "s": {"description": "Text.", "type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a"},
        "e": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "i": {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2},
        "f": {"type": "number", "format": "double", "minimum": 0.5, "enum": [1.5, 2.5]},
        "d": found["d"],
        "b": {"type": "boolean", "default": False},
        "a": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
        "m": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1, "maxProperties": 2},
        "o": {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "string", "default": "z"}},
            "additionalProperties": False,
            "required": ["x"],
        },
        "p": {
            "type": "string",
            "contentMediaType": "image/png",
            "x-nova-spi": {
                "type": "file",
                "mime_types": ["image/png"],
                "file_pattern": "*",
                "mount_path": "inputs/p",
                "max_size_bytes": 10,
                "domain_specific": {"image": {"color_modes": ["L"]}},
            },
        },
        "q": {
            "type": "array",
            "items": {"type": "string", "x-nova-spi": {"type": "file", "mime_types": ["image/*"], "file_pattern": "*"}},
            "minItems": 1,
            "maxItems": 5,
        },
        "k": {"type": "string", "writeOnly": True, "format": "password"},
    }
    assert (found["d"]["type"], found["d"]["format"], found["d"]["default"]) == ("string", "decimal", "1.50")
    assert found["d"]["x-nova-spi"] == {"type": "decimal", "min_value": "0.10", "max_value": "5"}


@pytest.mark.parametrize("draft", VALIDATORS)
def test_schemas_are_valid_in_their_draft(draft: str) -> None:
    both = command(EVERYTHING, EVERYTHING)
    for schema in (inputs_schema(both, draft), outputs_schema(both, draft)):
        VALIDATORS[draft].check_schema(schema)
        json.dumps(schema)


def test_an_unknown_draft_is_an_error() -> None:
    with pytest.raises(KeyError):
        inputs_schema(command([]), "draft-03")


@pytest.mark.parametrize("draft", VALIDATORS)
def test_an_output_s_own_schema_holds_with_its_own_definitions(draft: str) -> None:
    own = {
        "type": "object",
        "properties": {"box": {"$ref": "#/definitions/box"}},
        "definitions": {"box": {"type": "array", "items": {"type": "integer"}, "minItems": 4}},
    }
    schema = outputs_schema(command([], [{"name": "found", "type": "object", "schema": own}]), draft)
    validator = VALIDATORS[draft](schema)
    assert validator.is_valid({"found": {"box": [1, 2, 3, 4]}})
    assert not validator.is_valid({"found": {"box": [1]}})


def test_a_file_output_is_always_a_list_of_paths() -> None:
    single = {"name": "p", "type": "file", "required": True, "constraints": {"max_files": 1}}
    found = outputs_schema(command([], [single]))["properties"]["p"]
    assert (found["type"], found["minItems"], found["maxItems"]) == ("array", 1, 1)


NUMBERS = st.integers(-20, 20) | st.sampled_from([0.5, -1.5, 2.0, 10.25])
LENGTHS = st.integers(0, 4)


@st.composite
def constraints(draw: Any, low: str, high: str, values: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found[low] = draw(values)
    if draw(st.booleans()):
        found[high] = draw(values)
    return found


@st.composite
def scalars(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["string", "integer", "float", "boolean", "enum"]))
    if kind == "boolean":
        return {"type": kind}
    if kind == "enum":
        return {"type": kind, "enum": draw(st.lists(st.text("abc", max_size=2), min_size=1, max_size=3, unique=True))}
    if kind == "string":
        rules = draw(constraints("min_length", "max_length", LENGTHS))
        pattern = draw(st.sampled_from([None, "^[a-c]*$", "a", "^.b", "[0-9]{2}", "x|y"]))
        return {"type": kind, "constraints": rules | ({"pattern": pattern} if pattern else {})}
    rules = draw(constraints("min_value", "max_value", NUMBERS))
    step = draw(st.none() | st.integers(1, 5))
    precision = draw(st.sampled_from([None, 64])) if kind == "float" else None
    return {"type": kind, "precision": precision, "constraints": rules | ({"multiple_of": step} if step else {})}


@st.composite
def structures(draw: Any, depth: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(["array", "map", "object"]))
    if kind == "object":
        properties = draw(st.dictionaries(st.sampled_from("abc"), parameters(depth - 1), max_size=3))
        return {
            "type": kind,
            "properties": {key: each | {"required": draw(st.booleans())} for key, each in properties.items()},
        }
    rules = draw(constraints("min_items", "max_items", LENGTHS))
    if kind == "array" and draw(st.booleans()):
        rules["unique_items"] = True
    inner = "items" if kind == "array" else "values"
    return {"type": kind, inner: draw(st.none() | parameters(depth - 1)), "constraints": rules}


def parameters(depth: int = 2) -> Any:
    return scalars() | structures(depth) if depth else scalars()


VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(-100, 100, width=16) | st.text("abcxy019é", max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=8,
)


def values_for(parameter: Parameter) -> Any:
    """Values that have the right shape more often than chance would give."""
    if parameter.type in ("string", "enum"):
        return st.text("abcxy019", max_size=5) | st.sampled_from(parameter.enum or ("",))
    if parameter.type in ("integer", "float"):
        return NUMBERS | st.integers(-100, 100)
    if parameter.type == "boolean":
        return st.booleans()
    if parameter.type == "array":
        return st.lists(values_for(parameter.items) if parameter.items else VALUES, max_size=4)
    if parameter.type == "map":
        inner = values_for(parameter.values) if parameter.values else VALUES
        return st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
    optional = {key: values_for(each) for key, each in parameter.properties.items()}
    return st.fixed_dictionaries({}, optional=optional) if optional else st.dictionaries(st.sampled_from("ab"), VALUES)


def runtime_takes(parameter: Parameter, value: Any) -> bool:
    try:
        from_json(parameter, value)
    except ValueInvalid:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_schema_and_runtime_take_the_same_values(data: st.DataObject) -> None:
    parameter = Parameter.from_dict({"name": "v"} | data.draw(parameters()))
    value = data.draw(values_for(parameter) | VALUES)
    schema = parameter_schema(parameter)
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(value) == runtime_takes(parameter, value), (schema, value)
    assert Draft7Validator(schema).is_valid(value) == runtime_takes(parameter, value), (schema, value)


@settings(max_examples=80, deadline=None)
@given(text=st.text("0123456789+-.eE x", max_size=8) | st.decimals(allow_nan=False, allow_infinity=False).map(str))
def test_a_decimal_that_the_schema_takes_is_read_and_one_without_spaces_is_taken(text: str) -> None:
    parameter = Parameter.from_dict({"name": "v", "type": "decimal"})
    taken = Draft202012Validator(parameter_schema(parameter)).is_valid(text)
    assume(len(text) <= 30)
    assume(not re.search(r"[eE][+-]?[0-9]{4}", text))  # near the ends of the range, which only the runtime knows
    assert taken == (runtime_takes(parameter, text) and text == text.strip())


# The differences that the module's docstring names, one by one: where they vanish, the docstring is to change.


def test_only_the_runtime_checks_the_bounds_of_a_decimal() -> None:
    parameter = Parameter.from_dict({"name": "v", "type": "decimal", "constraints": {"max_value": "1"}})
    assert Draft202012Validator(parameter_schema(parameter)).is_valid("2")
    assert not runtime_takes(parameter, "2")


def test_only_the_runtime_checks_the_range_of_a_decimal() -> None:
    parameter = Parameter.from_dict({"name": "v", "type": "decimal"})
    assert Draft202012Validator(parameter_schema(parameter)).is_valid("1E6145")
    assert runtime_takes(parameter, "1E6144")
    assert not runtime_takes(parameter, "1E6145")


def test_only_the_runtime_reads_an_integer_as_a_decimal() -> None:
    parameter = Parameter.from_dict({"name": "v", "type": "decimal"})
    assert not Draft202012Validator(parameter_schema(parameter)).is_valid(2)
    assert runtime_takes(parameter, 2)


def test_only_the_runtime_checks_the_range_of_a_float() -> None:
    parameter = Parameter.from_dict({"name": "v", "type": "float"})
    assert Draft202012Validator(parameter_schema(parameter)).is_valid(1e300)
    assert not runtime_takes(parameter, 1e300)
    assert not runtime_takes(parameter, math.inf)


def test_a_validator_of_python_s_expressions_differs_at_a_last_newline() -> None:
    parameter = Parameter.from_dict({"name": "v", "type": "string", "constraints": {"pattern": "^a$"}})
    assert Draft202012Validator(parameter_schema(parameter)).is_valid("a\n")
    assert not runtime_takes(parameter, "a\n")


def test_steps_of_fractions_are_exact_in_the_runtime() -> None:
    parameter = Parameter.from_dict({"name": "v", "type": "float", "constraints": {"multiple_of": 0.1}})
    assert runtime_takes(parameter, 0.3)
    assert Fraction("0.3") % Fraction("0.1") == 0


def test_a_whole_object_of_inputs_is_judged_as_binding_judges_it() -> None:
    schema = object_schema([Parameter.from_dict(each) for each in EVERYTHING])
    good = {"s": "abc", "p": "a.png", "q": ["b.png"], "i": 4, "d": "1.5", "o": {"x": 1}}
    assert Draft202012Validator(schema).is_valid(good)
    for change in ({"s": "b"}, {"other": 1}, {"i": 3}, {"o": {}}, {"q": []}, {"p": ["a.png"]}):
        assert not Draft202012Validator(schema).is_valid(good | change), change
