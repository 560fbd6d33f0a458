"""The tensor codec: every datatype goes through bytes and JSON unchanged, and nothing that lies gets through."""

import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import np_to_triton_dtype, triton_to_np_dtype

from nova_spi.errors import InputInvalid, NovaSpiError, UsageError
from nova_spi.serving.http.v2.bodies import answer, decoded, parse
from nova_spi.serving.http.v2.datatypes import DATATYPES, from_bytes, to_bytes
from nova_spi.serving.http.v2.tensors import Tensor, nested, written

SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
ELEMENTS = {
    "bool": st.booleans(),
    "bytes": st.binary(max_size=20),
}


def elements(name):
    datatype = DATATYPES[name]
    if datatype.kind == "int":
        return st.integers(datatype.low, datatype.high)
    if datatype.kind == "float":
        return st.floats(-datatype.high, datatype.high, width=8 * datatype.size)
    return ELEMENTS[datatype.kind]


@st.composite
def arrays(draw):
    name = draw(st.sampled_from([name for name in DATATYPES if name != "BF16"]))
    shape = draw(SHAPES)
    values = draw(st.lists(elements(name), min_size=math.prod(shape), max_size=math.prod(shape)))
    return name, shape, values


def asked(*tensors, **more):
    return json.dumps({"inputs": list(tensors), **more}).encode()


@settings(max_examples=100)
@given(arrays())
def test_what_a_client_sends_as_bytes_is_read_as_it_was(case):
    name, shape, values = case
    array = np.array(values, dtype=triton_to_np_dtype(name)).reshape(shape)
    tensor = InferInput("x", list(shape), name)
    tensor.set_data_from_numpy(array, binary_data=True)
    body, length = InferenceServerClient.generate_request_body([tensor])
    found = parse(body, str(length or "").encode()).tensors[0]
    assert found.shape == shape
    assert found.values == array.reshape(-1).tolist()


@settings(max_examples=100)
@given(arrays())
def test_what_a_client_sends_as_json_is_read_as_it_was(case):
    name, shape, values = case
    if name == "BYTES":
        values = [value.hex() for value in values]
    array = np.array(values, dtype=triton_to_np_dtype(name)).reshape(shape)
    tensor = InferInput("x", list(shape), name)
    tensor.set_data_from_numpy(array, binary_data=False)
    body, length = InferenceServerClient.generate_request_body([tensor])
    assert length is None
    found = parse(body, b"").tensors[0]
    assert found.shape == shape
    assert found.values == array.reshape(-1).tolist()


@settings(max_examples=100)
@given(arrays(), st.booleans())
def test_what_is_answered_is_what_a_client_reads(case, binary):
    name, shape, values = case
    if name == "BYTES" and not binary:
        values = [value.hex() for value in values]
    tensor = Tensor("x", DATATYPES[name], shape, values)
    found = answer({"model_name": "m"}, [tensor], {"x": binary})
    length = dict(found.headers).get(b"inference-header-content-length")
    result = InferResult.from_response_body(found.body, header_length=int(length) if length else None)
    read = result.as_numpy("x")
    assert read.shape == shape
    assert read.reshape(-1).tolist() == np.array(values, dtype=triton_to_np_dtype(name)).tolist()


@given(st.sampled_from([name for name in DATATYPES if name != "BF16"]), st.data())
def test_bytes_of_every_datatype_come_back(name, data):
    values = data.draw(st.lists(elements(name), max_size=10))
    assert from_bytes(DATATYPES[name], to_bytes(DATATYPES[name], values), len(values), "x") == values


def test_a_bf16_is_the_upper_half_of_a_float():
    import ml_dtypes

    array = np.array([1.0, -2.5, 3.140625, 0.0], dtype=ml_dtypes.bfloat16)
    assert np_to_triton_dtype(array.dtype) == "BF16"
    assert from_bytes(DATATYPES["BF16"], array.tobytes(), 4, "x") == [1.0, -2.5, 3.140625, 0.0]


@settings(max_examples=100)
@given(SHAPES, st.integers(1, 30))
def test_large_tensors_are_written_in_steps_as_they_would_be_at_once(shape, step):
    flat = list(range(math.prod(shape)))
    assert json.loads(written(flat, shape, step)) == nested(flat, shape)


@settings(max_examples=100)
@given(SHAPES)
def test_nested_data_is_flattened_by_its_shape_and_nests_again(shape):
    array = np.arange(math.prod(shape)).reshape(shape)
    flat = array.reshape(-1).tolist()
    assert nested(flat, shape) == array.tolist()
    if shape:
        tensor = {"name": "x", "datatype": "INT64", "shape": list(shape), "data": array.tolist()}
        assert parse(asked(tensor), b"").tensors[0].values == flat


def test_the_request_of_the_specification_is_read():
    body = asked(
        {"name": "input0", "shape": [2, 2], "datatype": "UINT32", "data": [1, 2, 3, 4]},
        {"name": "input1", "shape": [3], "datatype": "BOOL", "data": [True, False, True]},
        id="42",
        outputs=[{"name": "output0"}],
    )
    found = parse(body, b"")
    assert found.id == "42"
    assert [(each.name, each.datatype.name, each.shape, each.values) for each in found.tensors] == [
        ("input0", "UINT32", (2, 2), [1, 2, 3, 4]),
        ("input1", "BOOL", (3,), [True, False, True]),
    ]
    assert found.outputs == {"output0": False}


def test_the_binary_request_of_the_extension_is_read():
    head = asked(
        {"name": "input0", "shape": [2, 2], "datatype": "UINT32", "parameters": {"binary_data_size": 16}},
        {"name": "input1", "shape": [3], "datatype": "BOOL", "parameters": {"binary_data_size": 3}},
        outputs=[{"name": "output0", "parameters": {"binary_data": True}}],
        model_name="mymodel",
    )
    raw = np.array([1, 2, 3, 4], dtype="<u4").tobytes() + b"\1\0\1"
    found = parse(head + raw, str(len(head)).encode())
    assert [each.values for each in found.tensors] == [[1, 2, 3, 4], [True, False, True]]
    assert found.outputs == {"output0": True}


def test_the_answer_of_the_specification_is_written():
    tensor = Tensor("output0", DATATYPES["FP32"], (3, 2), [1.0, 1.1, 2.0, 2.1, 3.0, 3.1])
    found = answer({"model_name": "mymodel", "id": "42"}, [tensor], {"output0": False})
    assert dict(found.headers)[b"content-type"] == b"application/json"
    assert json.loads(found.body) == {
        "model_name": "mymodel",
        "id": "42",
        "outputs": [{"name": "output0", "shape": [3, 2], "datatype": "FP32", "data": [1.0, 1.1, 2.0, 2.1, 3.0, 3.1]}],
    }
    assert len(answer({}, [tensor], {"output0": True}).body.rpartition(b"}]}")[2]) == 24


X = {"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}
HOSTILE = {
    "no object": b"[]",
    "no json": b"{",
    "deep": b"[" * 100_000,
    "deep data": asked({**X, "data": 0}).replace(b'"data": 0', b'"data": %b' % (b"[" * 900 + b"]" * 900)),
    "nan": b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}',
    "twice": asked(X, X),
    "no inputs": b"{}",
    "inputs of null": b'{"inputs":null}',
    "no name": asked({**X, "name": None}),
    "long name": asked({**X, "name": "x" * 1000}),
    "no datatype": asked({**X, "datatype": "INT65"}),
    "datatype of a list": asked({**X, "datatype": []}),
    "no shape": asked({**X, "shape": None}),
    "negative shape": asked({**X, "shape": [-1]}),
    "true shape": asked({**X, "shape": [True]}),
    "huge shape": asked({**X, "shape": [2**62, 2**62]}),
    "more than may be": asked({**X, "shape": [2048, 2049]}),
    "shape beyond 64 bits": asked({**X, "shape": [2**64]}),
    "many dimensions": asked({**X, "shape": [1] * 33}),
    "hollow shape": asked({**X, "shape": [10**9, 0], "data": []}),
    "too few": asked({**X, "shape": [2]}),
    "too many": asked({**X, "data": [1, 2]}),
    "nested otherwise": asked({**X, "shape": [2, 1], "data": [[1, 2]]}),
    "half nested": asked({**X, "shape": [2], "data": [1, [2]]}),
    "too deep": asked({**X, "data": [[1]]}),
    "a string": asked({**X, "data": ["1"]}),
    "a boolean": asked({**X, "data": [True]}),
    "a fraction": asked({**X, "data": [1.5]}),
    "an object": asked({**X, "data": [{}]}),
    "a null": asked({**X, "data": [None]}),
    "no array": asked({**X, "data": 1}),
    "overflow": asked({**X, "datatype": "INT8", "data": [128]}),
    "underflow": asked({**X, "datatype": "UINT8", "data": [-1]}),
    "too large a float": asked({**X, "datatype": "FP16", "data": [65505]}),
    "an endless integer": b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1%b]}]}' % (b"0" * 4000),
    "digits without end": b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1%b]}]}' % (b"0" * 9000),
    "parameters": asked({**X, "parameters": []}),
    "size without bytes": asked({**X, "parameters": {"binary_data_size": 8}}),
    "negative size": asked({**X, "parameters": {"binary_data_size": -8}}),
    "true size": asked({**X, "parameters": {"binary_data_size": True}}),
    "shared memory": asked({**X, "parameters": {"shared_memory_region": "r"}}),
    "outputs": asked(X, outputs={}),
    "output without name": asked(X, outputs=[{}]),
    "classification": asked(X, outputs=[{"name": "y", "parameters": {"classification": 3}}]),
    "binary maybe": asked(X, parameters={"binary_data_output": 1}),
    "id": asked(X, id=1),
    "bom inside": asked(X)[:5] + b"\xef\xbb\xbf",
}  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_request_that_is_none_is_refused(body):
    with pytest.raises((UsageError, InputInvalid)) as caught:
        parse(body, b"")
    assert len(caught.value.message) < 1000


BINARY = {
    "too short": ("INT64", [2], 8),
    "too long": ("INT64", [1], 16),
    "no elements": ("BYTES", [1], 0),
    "bytes and no shape for them": ("BYTES", [0], 4),
    "a length that lies": ("BYTES", [1], 4),
    "huge": ("FP64", [2**60], 8),
    "a boolean of two": ("BOOL", [1], 1),
}


@pytest.mark.parametrize(("datatype", "shape", "size"), BINARY.values(), ids=BINARY)
def test_binary_data_that_lies_is_refused(datatype, shape, size):
    head = asked({"name": "x", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}})
    with pytest.raises(InputInvalid):
        parse(head + b"\2" * size, str(len(head)).encode())


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"99999", b"9" * 30, b"10, 10"])
def test_a_header_length_that_lies_is_refused(length):
    with pytest.raises(UsageError):
        parse(asked(X), length)


def test_bytes_that_belong_to_no_tensor_are_refused():
    with pytest.raises(UsageError, match="3 bytes more"):
        parse(asked(X) + b"abc", str(len(asked(X))).encode())


def test_tensors_of_too_many_elements_together_are_refused():
    size = 3 * 1024 * 1024
    tensors = [
        {"name": name, "shape": [size], "datatype": "INT8", "parameters": {"binary_data_size": size}} for name in "xy"
    ]
    with pytest.raises(InputInvalid, match="together"):
        parse(asked(*tensors) + bytes(2 * size), str(len(asked(*tensors))).encode())


def test_data_in_both_places_is_refused():
    head = asked({**X, "parameters": {"binary_data_size": 8}})
    with pytest.raises(InputInvalid, match="both"):
        parse(head + bytes(8), str(len(head)).encode())


@settings(max_examples=100)
@given(st.binary(max_size=200), st.binary(max_size=10))
def test_no_body_makes_anything_but_our_errors(body, length):
    with suppress(NovaSpiError):
        parse(body, length)


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["inputs", "outputs", "id", "name", "shape", "datatype", "data", "parameters", "x"]),
                inner,
            )
        ),
    ),
    st.sampled_from([*DATATYPES, None, 3]),
)
def test_no_json_makes_anything_but_our_errors(value, datatype):
    for body in (
        value,
        {"inputs": value},
        {"inputs": [{"name": "x", "datatype": datatype, "shape": [1], "data": value}]},
    ):
        with suppress(NovaSpiError):
            parse(json.dumps(body).encode(), b"")


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"GZIP "])
def test_a_compressed_body_is_read_within_bounds(encoding):
    import gzip
    import zlib

    pack = gzip.compress if b"z" in encoding.lower()[:2] else zlib.compress
    assert decoded(pack(b"hello"), encoding, 5) == b"hello"
    with pytest.raises(UsageError) as caught:
        decoded(pack(bytes(100_000_000)), encoding, 1000)
    assert caught.value.error_code == "usage.too_large"
    for damaged in (pack(b"hello")[:-1], pack(b"hello") + b"x", b"hello", b""):
        with pytest.raises(UsageError):
            decoded(damaged, encoding, 100)


def test_deflate_without_its_header_is_read_too():
    import zlib

    packing = zlib.compressobj(wbits=-15)
    assert decoded(packing.compress(b"hello") + packing.flush(), b"deflate", 100) == b"hello"


def test_another_encoding_is_refused():
    with pytest.raises(UsageError) as caught:
        decoded(b"hello", b"br", 100)
    assert caught.value.error_code == "usage.media_type"


def test_outputs_are_asked_for_one_by_one():
    tensor = InferInput("x", [1], "INT64")
    tensor.set_data_from_numpy(np.array([1]))
    wanted = [InferRequestedOutput("a"), InferRequestedOutput("b", binary_data=False)]
    body, length = InferenceServerClient.generate_request_body([tensor], outputs=wanted)
    assert parse(body, str(length).encode()).outputs == {"a": True, "b": False}
