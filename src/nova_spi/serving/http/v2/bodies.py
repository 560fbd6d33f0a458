"""The body of an inference request and of its answer: JSON, and behind it the bytes of the tensors that are not in it.

Formats: Open Inference Protocol, REST, "Inference"; Triton's "Binary Tensor Data Extension", where the header
``Inference-Header-Content-Length`` says how long the JSON is.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nova_spi.errors import InputInvalid, UsageError
from nova_spi.serving.accepting.json_bodies import json_object
from nova_spi.serving.http.messages import Headers, Response, too_large
from nova_spi.serving.http.statuses import MEDIA_TYPE
from nova_spi.serving.http.v2.datatypes import to_bytes
from nova_spi.serving.http.v2.tensors import AS_A_FILE, MAX_ELEMENTS, Tensor, from_binary, from_json
from nova_spi_runtime.json_text import write_json

HEADER_LENGTH = b"inference-header-content-length"
_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_MAX_NAME = 200
_SHARED_MEMORY = "shared_memory_region"


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a request asks for.

    Attributes:
        id: To be given back; None where there was none.
        tensors: The inputs.
        outputs: The outputs that are wanted, each with whether it is to be binary; None for all.
        binary: Whether outputs that do not say otherwise are to be binary.
    """

    id: str | None
    tensors: list[Tensor]
    outputs: Mapping[str, bool] | None
    binary: bool


def decoded(body: bytes, encoding: bytes, limit: int) -> bytes:
    """A body without its Content-Encoding: gzip, deflate (RFC 9110, section 8.4.1) or none.

    Raises:
        UsageError: The encoding is another one, the body is cut short or something else, or it grows over ``limit``.
    """
    encoding = encoding.strip().lower()
    if encoding in (b"", b"identity"):
        return body
    window = _WINDOWS.get(encoding)
    if window is None:
        raise UsageError("The Content-Encoding must be gzip or deflate, or none.", code=MEDIA_TYPE)
    if encoding == b"deflate" and not _is_zlib(body):
        window = -15
    inflating = zlib.decompressobj(window)
    try:
        found = inflating.decompress(body, limit + 1)
    except zlib.error as error:
        raise UsageError("The body is not what its Content-Encoding says.", why=str(error)) from None
    if len(found) > limit:
        raise too_large(limit)
    if not inflating.eof or inflating.unused_data:
        raise UsageError("The body is not what its Content-Encoding says: it is cut short, or goes on after its end.")
    return found


def _is_zlib(body: bytes) -> bool:
    """Whether there is the header of RFC 1950; some send deflate without it."""
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def parse(body: bytes, header_length: bytes) -> InferRequest:
    """Reads a request.

    Args:
        body: Decoded.
        header_length: The header ``Inference-Header-Content-Length``; empty where there is none.

    Raises:
        UsageError: The body is no request of the protocol.
        InputInvalid: A tensor is not what it says.
    """
    end = _json_end(body, header_length)
    found = json_object(body if end == len(body) else body[:end])
    parameters = _parameters(found, "the request")
    tensors = _tensors(found.get("inputs"), memoryview(body)[end:])
    binary = _flag(parameters, "binary_data_output", default=False)
    name = found.get("id")
    if name is not None and not isinstance(name, str):
        raise UsageError("The id of the request must be a string.")
    return InferRequest(name, tensors, _wanted(found.get("outputs"), binary), binary)


def _json_end(body: bytes, header_length: bytes) -> int:
    if not header_length:
        return len(body)
    if not header_length.isdigit() or len(header_length) > 20 or int(header_length) > len(body):
        raise UsageError("The header Inference-Header-Content-Length is not a length within the body.")
    return int(header_length)


def _parameters(found: Mapping[str, Any], whose: str) -> Mapping[str, Any]:
    parameters = found.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise UsageError(f"The parameters of {whose} must be an object.")
    return parameters or {}


def _flag(parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise UsageError(f"The parameter '{name}' must be true or false.")
    return value


def _named(found: Any, what: str) -> str:
    name = found.get("name") if isinstance(found, dict) else None
    if not isinstance(name, str) or len(name) > _MAX_NAME:
        raise UsageError(f"Each of the {what} must be an object with a name.")
    return name


def _tensors(found: Any, raw: memoryview) -> list[Tensor]:
    if not isinstance(found, list):
        raise UsageError("The request must have 'inputs', an array of tensors.")
    tensors: list[Tensor] = []
    seen: set[str] = set()
    elements = 0
    for each in found:
        name = _named(each, "inputs")
        if name in seen:
            raise InputInvalid(f"The tensor '{name}' is given twice.")
        seen.add(name)
        tensor, raw = _tensor(each, name, raw)
        tensors.append(tensor)
        elements += len(tensor.values)
        if elements > MAX_ELEMENTS:
            raise InputInvalid(f"The tensors have more than {MAX_ELEMENTS} elements together.", mend=AS_A_FILE)
    if len(raw):
        raise UsageError(f"Behind the tensors there are {len(raw)} bytes more.", mend="give 'binary_data_size' right")
    return tensors


def _tensor(found: Mapping[str, Any], name: str, raw: memoryview) -> tuple[Tensor, memoryview]:
    parameters = _parameters(found, f"the tensor '{name}'")
    if _SHARED_MEMORY in parameters:
        raise UsageError("Tensors in shared memory are not taken.", mend="send them in the body")
    size = parameters.get("binary_data_size")
    if size is None:
        return from_json(found, name, parameters), raw
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(raw):
        raise InputInvalid(f"The 'binary_data_size' of the tensor '{name}' is not a size within the body.")
    return from_binary(found, name, parameters, bytes(raw[:size])), raw[size:]


def _wanted(found: Any, binary: bool) -> dict[str, bool] | None:
    if found is not None and not isinstance(found, list):
        raise UsageError("The request's 'outputs' must be an array.")
    wanted: dict[str, bool] = {}
    for each in found or ():
        name = _named(each, "outputs")
        parameters = _parameters(each, f"the output '{name}'")
        if _SHARED_MEMORY in parameters or parameters.get("classification"):
            raise UsageError(
                "Outputs are given as tensors in the answer; shared memory and classification are not done."
            )
        wanted[name] = _flag(parameters, "binary_data", default=binary)
    return wanted or None


def answer(head: dict[str, Any], tensors: Sequence[Tensor], binary: Mapping[str, bool]) -> Response:
    """The answer that holds these tensors.

    Args:
        head: What stands before them, e.g. the model's name.
        tensors: The outputs; of BYTES that are a file's the parameters say ``content_type: base64``.
        binary: Which of them are to stand behind the JSON.
    """
    outputs, pieces = [], []
    for tensor in tensors:
        found: dict[str, Any] = {
            "name": tensor.name,
            "shape": list(tensor.shape),
            "datatype": tensor.datatype.name,
        }
        if binary[tensor.name]:
            raw = to_bytes(tensor.datatype, tensor.values)
            pieces.append(raw)
            found["parameters"] = {"binary_data_size": len(raw)}
        else:
            if tensor.parameters:
                found["parameters"] = dict(tensor.parameters)
            found["data"] = tensor.values
        outputs.append(found)
    text = write_json(head | {"outputs": outputs}).encode("utf-8", "backslashreplace")
    if not pieces:
        return Response(200, text)
    headers: Headers = ((b"content-type", b"application/octet-stream"), (HEADER_LENGTH, b"%d" % len(text)))
    return Response(200, b"".join((text, *pieces)), headers)
