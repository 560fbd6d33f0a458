"""Parameters as tensors: their datatypes and shapes, one call or several, and outputs put together again."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import InputInvalid, OutputInvalid
from nova_spi.serving.http.v2.binding import check_names, contents_of, inputs_of, output_tensor
from nova_spi.serving.http.v2.datatypes import DATATYPES
from nova_spi.serving.http.v2.shapes import MAX_CALLS, TensorType, split
from nova_spi.serving.http.v2.tensors import Tensor
from nova_spi_runtime.parameters import Parameter


def read(inputs):
    return json.loads(inputs)


def kind(type, **fields):
    return TensorType.of(Parameter.from_dict({"name": "x", "type": type} | fields))


def of(type):
    return {"type": "array", "items": {"type": type}}


TABLE = {
    "string": (kind("string"), "BYTES", [-1], "text"),
    "integer": (kind("integer"), "INT64", [-1], "value"),
    "float": (kind("float"), "FP32", [-1], "value"),
    "float of 32": (kind("float", precision=32), "FP32", [-1], "value"),
    "float of 64": (kind("float", precision=64), "FP64", [-1], "value"),
    "boolean": (kind("boolean"), "BOOL", [-1], "value"),
    "decimal": (kind("decimal"), "BYTES", [-1], "text"),
    "enum": (kind("enum", enum=["a"]), "BYTES", [-1], "text"),
    "map": (kind("map"), "BYTES", [-1], "json"),
    "object": (kind("object"), "BYTES", [-1], "json"),
    "array of anything": (kind("array"), "BYTES", [-1], "json"),
    "array of objects": (kind("array", items={"type": "object"}), "BYTES", [-1], "json"),
    "array of floats": (kind("array", items={"type": "float"}), "FP32", [-1], "value"),
    "array of strings": (kind("array", items={"type": "string"}), "BYTES", [-1], "text"),
    "matrix": (kind("array", items=of("integer")), "INT64", [-1, -1], "value"),
    "file": (kind("file", constraints={"max_files": 1}), "BYTES", [-1], "file"),
    "files": (kind("file"), "BYTES", [-1], "file"),
}


@pytest.mark.parametrize(("found", "datatype", "shape", "content"), TABLE.values(), ids=TABLE)
def test_every_type_has_its_tensor(found, datatype, shape, content):
    assert found.metadata == {"name": "x", "datatype": datatype, "shape": shape}
    assert found.content == content


def tensor(type, shape, values, name="x"):
    return Tensor(name, DATATYPES[type], tuple(shape), values)


@pytest.mark.parametrize("shape", [[], [1], [1, 1]])
def test_a_scalar_may_have_dimensions_of_one(shape):
    types = {"x": kind("integer")}
    calls, batch = split([tensor("INT64", shape, [7])], types)
    assert not batch
    assert [read(inputs_of(call, types)) for call in calls] == [{"x": 7}]


@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_several_scalars_are_several_calls_in_order(shape):
    types = {"x": kind("integer"), "y": kind("array", items={"type": "string"})}
    given = [tensor("INT64", shape, [1, 2, 3]), tensor("BYTES", [3, 2], list("abcdef"), "y")]
    calls, batch = split(given, types)
    assert batch
    assert [read(inputs_of(call, types)) for call in calls] == [
        {"x": 1, "y": ["a", "b"]},
        {"x": 2, "y": ["c", "d"]},
        {"x": 3, "y": ["e", "f"]},
    ]


def test_an_array_with_one_dimension_more_of_one_is_a_batch_of_one():
    types = {"x": kind("array", items={"type": "float"}), "y": kind("integer")}
    calls, batch = split([tensor("FP32", [1, 2], [0.5, 1.5]), tensor("INT64", [1], [1], "y")], types)
    assert batch
    assert [read(inputs_of(call, types)) for call in calls] == [{"x": [0.5, 1.5], "y": 1}]


def test_a_matrix_keeps_its_dimensions():
    types = {"x": kind("array", items=of("integer"))}
    calls, batch = split([tensor("INT64", [2, 3], [1, 2, 3, 4, 5, 6])], types)
    assert not batch
    assert read(inputs_of(calls[0], types)) == {"x": [[1, 2, 3], [4, 5, 6]]}


WRONG = {
    "scalar of a matrix": (kind("integer"), [2, 2]),
    "scalar of nothing": (kind("integer"), [0]),
    "scalar of a deep nothing": (kind("integer"), [0, 1]),
    "array of no dimension": (kind("array", items={"type": "integer"}), []),
    "array of three": (kind("array", items={"type": "integer"}), [1, 1, 1]),
    "no calls": (kind("array", items={"type": "integer"}), [0, 1]),
    "too many calls": (kind("integer"), [MAX_CALLS + 1]),
}


@pytest.mark.parametrize(("found", "shape"), WRONG.values(), ids=WRONG)
def test_a_shape_that_fits_nothing_is_refused(found, shape):
    count = 1
    for size in shape:
        count *= size
    with pytest.raises(InputInvalid):
        split([tensor("INT64", shape, [0] * count)], {"x": found})


@pytest.mark.parametrize("other", [[2], [1], []])
def test_tensors_that_disagree_how_many_calls_they_are_are_refused(other):
    types = {"x": kind("integer"), "y": kind("integer")}
    size = other[0] if other else 1
    with pytest.raises(InputInvalid, match="agree"):
        split([tensor("INT64", [3], [1, 2, 3]), tensor("INT64", other, [0] * size, "y")], types)


def test_a_model_without_inputs_is_one_call():
    assert split([], {}) == ([[]], False)


@pytest.mark.parametrize(
    ("type", "datatype", "taken"),
    [
        ("integer", "UINT8", True),
        ("integer", "INT32", True),
        ("integer", "FP32", False),
        ("integer", "BOOL", False),
        ("float", "FP16", True),
        ("float", "FP64", True),
        ("float", "BF16", True),
        ("float", "INT8", True),
        ("float", "BYTES", False),
        ("boolean", "BOOL", True),
        ("boolean", "INT8", False),
        ("string", "BYTES", True),
        ("string", "INT8", False),
        ("object", "BYTES", True),
        ("object", "FP32", False),
    ],
)
def test_reading_is_generous_about_widths_and_exact_about_kinds(type, datatype, taken):
    given, types = [tensor(datatype, [1], [1])], {"x": kind(type)}
    if taken:
        check_names(given, types)
    else:
        with pytest.raises(InputInvalid):
            check_names(given, types)


def test_a_tensor_that_is_no_input_is_named():
    with pytest.raises(InputInvalid, match="no input 'y'; the inputs are x"):
        check_names([tensor("INT64", [1], [1], "y")], {"x": kind("integer")})


def test_text_must_be_utf_8_and_json_must_be_json():
    with pytest.raises(InputInvalid, match="UTF-8"):
        read(inputs_of([tensor("BYTES", [], [b"\xff"])], {"x": kind("string")}))
    with pytest.raises(InputInvalid, match="JSON"):
        read(inputs_of([tensor("BYTES", [], [b"{"])], {"x": kind("object")}))
    assert read(inputs_of([tensor("BYTES", [], [b'{"a": 1}'])], {"x": kind("object")})) == {"x": {"a": 1}}


def test_the_content_of_a_file_is_bytes_or_base64():
    types = {"x": kind("file")}
    coded = Tensor("x", DATATYPES["BYTES"], (1,), [base64.b64encode(b"\0\xff").decode()], {"content_type": "base64"})
    assert contents_of([tensor("BYTES", [2], [b"\0\xff", "text"])], types) == {"x": [b"\0\xff", b"text"]}
    assert contents_of([coded], types) == {"x": [b"\0\xff"]}
    assert read(inputs_of([coded], types)) == {}
    for wrong in ("=", "ü", "a b"):
        with pytest.raises(InputInvalid):
            contents_of([Tensor("x", DATATYPES["BYTES"], (1,), [wrong], {"content_type": "base64"})], types)


VALUES = {
    "a scalar": (kind("integer"), [7], False, (1,), [7]),
    "scalars": (kind("integer"), [7, 8], True, (2,), [7, 8]),
    "an array": (kind("array", items={"type": "integer"}), [[7, 8]], False, (2,), [7, 8]),
    "an empty array": (kind("array", items={"type": "integer"}), [[]], False, (0,), []),
    "arrays": (kind("array", items={"type": "integer"}), [[1, 2], [3, 4]], True, (2, 2), [1, 2, 3, 4]),
    "a batch of one array": (kind("array", items={"type": "integer"}), [[1, 2]], True, (1, 2), [1, 2]),
    "a matrix": (kind("array", items=of("integer")), [[[1], [2]]], False, (2, 1), [1, 2]),
    "an empty matrix": (kind("array", items=of("integer")), [[]], False, (0, 0), []),
    "a hollow matrix": (kind("array", items=of("integer")), [[[], []]], False, (2, 0), []),
    "objects": (kind("object"), [{"a": 1}], False, (1,), ['{"a":1}']),
    "a file": (kind("file", constraints={"max_files": 1}), [b"a"], False, (1,), [b"a"]),
    "files": (kind("file"), [[b"a", b"b"]], False, (2,), [b"a", b"b"]),
}


@pytest.mark.parametrize(("found", "values", "batch", "shape", "flat"), VALUES.values(), ids=VALUES)
def test_outputs_become_tensors(found, values, batch, shape, flat):
    tensor = output_tensor(found, values, batch=batch, binary=True)
    assert (tensor.shape, tensor.values) == (shape, flat)


def test_a_file_in_json_is_base64_and_says_so():
    found = output_tensor(kind("file"), [[b"\xff"]], batch=False, binary=False)
    assert (found.values, found.parameters) == (["/w=="], {"content_type": "base64"})


@pytest.mark.parametrize(
    ("found", "values", "batch"),
    [
        (kind("array", items=of("integer")), [[[1], [2, 3]]], False),
        (kind("array", items={"type": "integer"}), [[1], [2, 3]], True),
        (kind("integer"), [2**63], False),
        (kind("array", items={"type": "integer"}), [[-(2**63) - 1]], False),
    ],
)
def test_what_no_tensor_can_hold_is_said(found, values, batch):
    with pytest.raises(OutputInvalid):
        output_tensor(found, values, batch=batch, binary=False)


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=2), min_size=1, max_size=5))
def test_what_is_split_and_stacked_is_what_it_was(rows):
    found = kind("array", items={"type": "integer"})
    whole = tensor("INT64", [len(rows), 2], [each for row in rows for each in row])
    calls, batch = split([whole], {"x": found})
    given = [read(inputs_of(call, {"x": found}))["x"] for call in calls]
    assert given == rows
    back = output_tensor(found, given, batch=batch, binary=True)
    assert (back.shape, back.values) == (whole.shape, whole.values)


def test_metadata_are_plain_json():
    assert json.loads(json.dumps(kind("string").metadata)) == kind("string").metadata
