"""The Open Inference Protocol over HTTP, with Triton's own client."""

import json
import time
from http.client import HTTPConnection

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def server(serve):
    return serve("tensors")


@pytest.fixture
def client(server):
    with InferenceServerClient(f"{server.host}:{server.port}") as client:
        yield client


def given(name, values, datatype, shape=None, *, binary=True):
    array = np.array(values, dtype=np.object_ if datatype == "BYTES" else None)
    if datatype != "BYTES":
        kinds = {"INT": "int", "UINT": "uint", "FP": "float"}
        kind = next((f"{kinds[each]}{datatype[len(each) :]}" for each in kinds if datatype.startswith(each)), "bool")
        array = array.astype(kind)
    array = array.reshape(shape if shape is not None else array.shape)
    tensor = InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def post(server, path, body, **headers):
    connection = HTTPConnection(server.host, server.port, timeout=60)
    try:
        connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_server_and_model_say_that_they_are_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tensors")
    assert client.is_model_ready("tensors", "1.0.0")
    assert not client.is_model_ready("tensors", "2")
    assert not client.is_model_ready("other")


def test_the_server_lists_only_what_it_does(client):
    found = client.get_server_metadata()
    assert found["name"] == "nova-spi"
    assert found["extensions"] == ["binary_tensor_data"]


def test_a_model_says_what_it_takes_and_every_command_is_one(client):
    found = client.get_model_metadata("tensors", "1.0.0")
    assert found["versions"] == ["1.0.0"]
    assert {each["name"]: each["datatype"] for each in found["inputs"]} == {
        "text": "BYTES",
        "whole": "INT64",
        "small": "FP32",
        "large": "FP64",
        "flag": "BOOL",
        "exact": "BYTES",
        "colour": "BYTES",
        "options": "BYTES",
        "row": "FP32",
        "table": "INT64",
        "words": "BYTES",
        "fault": "BYTES",
    }
    assert {each["name"]: each["shape"] for each in found["inputs"]}["table"] == [-1, -1]
    join = client.get_model_metadata("tensors.join")
    assert [each["name"] for each in join["outputs"]] == ["joined", "sizes", "parts"]
    with pytest.raises(InferenceServerException, match="no model other"):
        client.get_model_metadata("other")


CASES = {
    "text": ("BYTES", ["Grüße"], ["Grüße".encode()]),
    "empty text": ("BYTES", [""], [b""]),
    "whole": ("INT64", [-(2**63)], [-(2**63)]),
    "small": ("FP32", [0.5], [0.5]),
    "large": ("FP64", [1e300], [1e300]),
    "flag": ("BOOL", [True], [True]),
    "exact": ("BYTES", ["0.10"], [b"0.10"]),
    "colour": ("BYTES", ["green"], [b"green"]),
    "options": ("BYTES", ['{"a": [1, null]}'], [b'{"a":[1,null]}']),
    "row": ("FP32", [1.5, -2.0, 0.0], [1.5, -2.0, 0.0]),
    "empty row": ("FP32", [], []),
    "table": ("INT64", [[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, 6]]),
    "words": ("BYTES", ["a", "", "c"], [b"a", b"", b"c"]),
}


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("case", "datatype", "values", "back"), [(key, *each) for key, each in CASES.items()], ids=CASES
)
def test_a_value_of_every_type_comes_back(client, case, datatype, values, back, binary):
    name = case.split()[-1]
    wanted = [InferRequestedOutput(name, binary_data=binary)]
    result = client.infer("tensors", [given(name, values, datatype, binary=binary)], outputs=wanted, request_id="7")
    found = result.as_numpy(name)
    read = found.tolist()
    if datatype == "BYTES" and not binary:
        back = [each.decode() for each in back]
    assert read == back
    assert result.get_output(name)["datatype"] == datatype
    assert result.get_response()["id"] == "7"
    assert result.get_response()["model_name"] == "tensors"
    assert result.get_response()["model_version"] == "1.0.0"


def test_narrower_and_wider_numbers_are_read(client):
    result = client.infer(
        "tensors",
        [given("whole", [200], "UINT8"), given("small", [3], "INT32", [1, 1]), given("large", [0.5], "FP16", [])],
    )
    assert result.as_numpy("whole").tolist() == [200]
    assert result.as_numpy("small").tolist() == [3.0]
    assert result.as_numpy("large").tolist() == [0.5]


def test_a_picture_as_a_tensor_goes_through_and_back(client):
    row = np.linspace(0, 1, 500_000, dtype=np.float32)
    tensor = InferInput("row", [len(row)], "FP32")
    tensor.set_data_from_numpy(row)
    assert (client.infer("tensors", [tensor]).as_numpy("row") == row).all()


def test_only_outputs_that_are_asked_for_are_given(client):
    inputs = [given("whole", [1], "INT64"), given("text", ["a"], "BYTES")]
    found = client.infer("tensors", inputs, outputs=[InferRequestedOutput("text")]).get_response()
    assert [each["name"] for each in found["outputs"]] == ["text"]
    with pytest.raises(InferenceServerException, match="no output 'other'"):
        client.infer("tensors", inputs, outputs=[InferRequestedOutput("other")])


def test_an_output_that_the_model_did_not_give_is_left_out(client):
    assert client.infer("tensors", [given("whole", [1], "INT64")]).as_numpy("text") is None


def test_several_calls_at_once_come_back_in_their_order(client):
    count = 50
    result = client.infer(
        "tensors",
        [
            given("whole", list(range(count)), "INT64"),
            given("text", [f"t{at}" for at in range(count)], "BYTES", [count, 1]),
            given("row", [[at, at + 0.5] for at in range(count)], "FP32"),
        ],
    )
    assert result.as_numpy("whole").tolist() == list(range(count))
    assert result.as_numpy("text").tolist() == [f"t{at}".encode() for at in range(count)]
    assert result.as_numpy("row").tolist() == [[at, at + 0.5] for at in range(count)]


def test_one_call_of_several_that_fails_is_the_failure_of_all(client):
    with pytest.raises(InferenceServerException, match="Asked to fail: no") as caught:
        client.infer("tensors", [given("whole", [1, 2], "INT64"), given("fault", ["", "no"], "BYTES")])
    assert caught.value.status() == "500"
    assert client.infer("tensors", [given("whole", [3], "INT64")]).as_numpy("whole").tolist() == [3]


def test_files_go_in_and_come_out_as_bytes(client):
    contents = [bytes(range(256)), b"second", b""]
    result = client.infer(
        "tensors.join", [given("first", contents[:1], "BYTES"), given("others", contents[1:], "BYTES")]
    )
    assert result.as_numpy("joined").tolist() == [b"".join(contents)]
    assert result.as_numpy("sizes").tolist() == [256, 6, 0]
    assert result.as_numpy("parts").tolist() == contents


def test_files_in_json_are_base64_and_say_so(server):
    body = {
        "inputs": [
            {
                "name": "first",
                "shape": [1],
                "datatype": "BYTES",
                "parameters": {"content_type": "base64"},
                "data": ["AP8="],
            }
        ]
    }
    status, found = post(server, "/v2/models/tensors.join/infer", json.dumps(body))
    assert status == 200
    assert found["outputs"][0] == {
        "name": "joined",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": ["AP8="],
    }


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_read(client, algorithm):
    inputs = [given("row", [0.25] * 1000, "FP32")]
    result = client.infer("tensors", inputs, request_compression_algorithm=algorithm)
    assert result.as_numpy("row").tolist() == [0.25] * 1000


REFUSED = {
    "no input": ([("nothing", [1], "INT64")], "no input 'nothing'"),
    "no width of its kind": ([("whole", [1.5], "FP32")], "INT64"),
    "not among the choices": ([("colour", ["blue"], "BYTES")], "red"),
    "two shapes": ([("whole", [1, 2], "INT64"), ("small", [1, 2, 3], "FP32")], "agree"),
    "not finite": ([("small", [float("nan")], "FP32")], "finite|JSON"),
    "no json": ([("options", ["{"], "BYTES")], "JSON"),
}


@pytest.mark.parametrize(("tensors", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_400_and_told(client, tensors, told):
    with pytest.raises(InferenceServerException, match=told) as caught:
        client.infer("tensors", [given(*each) for each in tensors])
    assert caught.value.status() == "400"


def test_a_failing_model_is_500_with_its_words(client):
    with pytest.raises(InferenceServerException, match="Asked to fail: now") as caught:
        client.infer("tensors", [given("fault", ["now"], "BYTES")])
    assert caught.value.status() == "500"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"{}", {"Inference_Header_Content_Length": "99"}, 400),
        (b'{"inputs":[]}', {"Content_Encoding": "gzip"}, 400),
        (b'{"inputs":[]}', {"Content_Encoding": "br"}, 415),
        (b'{"inputs":[{"name":"row","shape":[4611686018427387904],"datatype":"FP32","data":[]}]}', {}, 400),
    ],
)
def test_a_hostile_body_is_refused_in_the_shape_of_the_protocol(server, body, headers, status):
    found, answer = post(server, "/v2/models/tensors/infer", body, **headers)
    assert found == status
    assert list(answer) == ["error"]
    assert isinstance(answer["error"], str)


def test_a_bomb_is_refused_before_it_grows(server):
    import gzip

    status, answer = post(
        server, "/v2/models/tensors/infer", gzip.compress(bytes(200_000_000)), Content_Encoding="gzip"
    )
    assert (status, list(answer)) == (413, ["error"])


def test_what_is_not_there_is_told_in_the_shape_of_the_protocol(server):
    for path in ("/v2/models/other/infer", "/v2/models/tensors/versions/9/infer", "/v2/nothing"):
        status, answer = post(server, path, b"{}")
        assert status == 404
        assert isinstance(answer["error"], str)


@pytest.mark.parametrize("prompts", [["sleep 15"], ["sleep 15", "sleep 15", "sleep 15"]])
def test_a_client_that_goes_away_cancels_all_that_it_asked_for(serve, prompts):
    writer = serve("writer")
    body = {"inputs": [{"name": "prompt", "shape": [len(prompts)], "datatype": "BYTES", "data": prompts}]}
    connection = HTTPConnection(writer.host, writer.port, timeout=0.5)
    connection.request("POST", "/v2/models/writer/infer", json.dumps(body))
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    began = time.monotonic()
    body["inputs"][0] |= {"shape": [1], "data": ["one"]}
    status, found = post(writer, "/v2/models/writer/infer", json.dumps(body))
    assert (status, found["outputs"][0]["data"]) == (200, ["one "])
    assert time.monotonic() - began < 12


def test_a_model_that_needs_nothing_needs_no_tensor(server):
    status, found = post(server, "/v2/models/tensors/infer", b'{"inputs":[]}')
    assert (status, found) == (200, {"model_name": "tensors", "model_version": "1.0.0", "outputs": []})


def test_no_file_of_a_request_is_left_behind(server, client):
    client.infer("tensors.join", [given("first", [b"a"], "BYTES")])
    with pytest.raises(InferenceServerException):
        client.infer("tensors.join", [given("first", [b"a"], "BYTES"), given("others", [b"b"], "BYTES", [1, 1, 1])])
    assert not list(server.folder.glob("tensors-*"))
