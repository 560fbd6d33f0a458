import copy
import pickle
import re

import pytest

from nova_spi_runtime.parameters import MISSING, TYPES, Parameter

WHOLE = {
    "name": "Picture",
    "type": "file",
    "description": "what is seen",
    "required": True,
    "constraints": {"min_files": 1, "max_files": 1, "max_size_bytes": 10},
    "mime_types": ["image/*"],
    "file_pattern": "*.{png,jpg}",
    "mount_path": "inputs/images",
    "domain_specific": {"image": {"min_resolution": "32x32"}},
}


def test_a_parameter_reads_back_the_same():
    assert Parameter.from_dict(WHOLE).to_dict() == WHOLE
    nested = {"name": "o", "type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    assert Parameter.from_dict(nested).to_dict() == nested


def test_what_is_derived():
    found = Parameter.from_dict(WHOLE)
    assert found.variable == "INPUT_PICTURE"
    assert found.single_file
    assert found.mime_types == ("image/*",)
    assert found.default is MISSING
    assert not MISSING
    assert copy.deepcopy(MISSING) is MISSING


def test_a_default_of_null_is_a_default():
    found = Parameter.from_dict({"name": "a", "type": "string", "default": None})
    assert found.default is None
    assert found.to_dict()["default"] is None


def test_a_parameter_is_frozen_compared_by_value_and_picklable():
    found = Parameter.from_dict(WHOLE)
    with pytest.raises(AttributeError):
        found.name = "other"
    with pytest.raises(AttributeError):
        del found.name
    with pytest.raises(TypeError):
        Parameter("a", "string", colour="red")
    assert found == Parameter.from_dict(WHOLE) == pickle.loads(pickle.dumps(found))
    assert hash(found) == hash(Parameter.from_dict(WHOLE))
    assert found != found.replace(name="b")
    assert found != "Picture"
    assert eval(repr(found), {"Parameter": Parameter}) == found


def test_a_name_from_outside_and_old_spellings_of_types():
    assert Parameter.from_dict({"type": "int"}, "width").name == "width"
    assert [Parameter.from_dict({"type": old}, "x").type for old in ("number", "bool", "str", "list", "dict")] == [
        *("float", "boolean", "string", "array", "map")
    ]


def test_one_media_type_stands_for_a_list():
    assert Parameter.from_dict({"name": "a", "type": "file", "mime_types": "image/png"}).mime_types == ("image/png",)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"type": "colour"}, "the type must be one of"),
        ({"type": ["string"]}, "the type must be one of"),
        ({}, "the type must be one of"),
        ({"type": "string", "name": 3}, "the type must be one of"),
        ({"type": "enum"}, "needs the list enum"),
        ({"type": "string", "enum": 3}, "enum must be a list"),
        ({"type": "string", "required": "yes"}, "required must be true or false"),
        ({"type": "float", "precision": 16}, "precision must be 32 or 64"),
        ({"type": "string", "constraints": []}, "constraints must be an object"),
        ({"type": "integer", "constraints": {"min_value": "one"}}, "min_value must be a number"),
        ({"type": "integer", "constraints": {"max_value": float("nan")}}, "max_value must be a number"),
        ({"type": "integer", "constraints": {"multiple_of": 0}}, "multiple_of must be more than 0"),
        ({"type": "decimal", "constraints": {"multiple_of": "-1"}}, "multiple_of must be more than 0"),
        ({"type": "integer", "constraints": {"min_value": True}}, "min_value must be a number"),
        ({"type": "string", "constraints": {"min_length": -1}}, "min_length must be a whole number"),
        ({"type": "string", "constraints": {"pattern": "(a"}}, "pattern '(a' cannot be used: a '(' is not closed"),
        ({"type": "string", "constraints": {"pattern": 3}}, "it must be a string"),
        ({"type": "file", "index_padding": 10}, "index_padding must be a number from 1 to 9"),
        ({"type": "array", "items": "integer"}, "x.items must be an object"),
        ({"type": "object", "properties": []}, "x.properties must be an object"),
        ({"type": "object", "properties": {"a": {"type": "?"}}}, "x.a: the type"),
    ],
)
def test_a_broken_parameter_says_where_and_why(broken, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Parameter.from_dict(broken, None if "name" in broken else "x")


def test_parameters_are_bounded_in_depth():
    deep: dict = {"type": "string"}
    for _ in range(1000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(ValueError, match="deep"):
        Parameter.from_dict(deep, "x")


def test_the_ten_types_are_known():
    for kind in TYPES:
        assert Parameter.from_dict({"type": kind, "enum": ["a"] if kind == "enum" else None}, "x").type == kind
