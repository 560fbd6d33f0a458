"""From the tensors of one call to the values of its inputs, and from the outputs of calls to tensors."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from nova_spi.errors import InputInvalid
from nova_spi.serving.http.v2.shapes import TensorType, stacked
from nova_spi.serving.http.v2.tensors import Tensor, written
from nova_spi_runtime.json_text import JsonInvalid, parse_json, write_json

BASE64 = {"content_type": "base64"}
"""The parameter of a BYTES tensor in JSON whose elements are base64, as MLServer has it: how a file stands there."""


def check_names(tensors: Sequence[Tensor], types: Mapping[str, TensorType]) -> None:
    """Checks that every tensor is an input, of a datatype that it takes.

    Raises:
        InputInvalid: One is not.
    """
    for tensor in tensors:
        kind = types.get(tensor.name)
        if kind is None:
            raise InputInvalid(f"There is no input '{tensor.name}'; the inputs are {', '.join(types) or 'none'}.")
        if not kind.takes(tensor.datatype):
            raise InputInvalid(
                f"The input '{tensor.name}' is {kind.datatype.name}, and the tensor is {tensor.datatype.name}."
            )


def inputs_of(tensors: Sequence[Tensor], types: Mapping[str, TensorType]) -> bytes:
    """The inputs of one call that are no files, as the JSON object that a call takes.

    Raises:
        InputInvalid: A text is not UTF-8, or one that should be JSON is not.
    """
    found = []
    for tensor in tensors:
        kind = types[tensor.name]
        if kind.content == "file":
            continue
        values = tensor.values
        if kind.content in ("text", "json"):
            values = [_text(value, tensor) for value in values]
        if kind.content == "json":
            values = [_json(value, tensor.name) for value in values]
        found.append(f'"{tensor.name}":{written(values, tensor.shape)}')
    return f"{{{','.join(found)}}}".encode("utf-8", "backslashreplace")


def contents_of(tensors: Sequence[Tensor], types: Mapping[str, TensorType]) -> dict[str, list[bytes]]:
    """The contents of the file inputs of one call.

    Raises:
        InputInvalid: One should be base64 and is not.
    """
    return {
        tensor.name: [_content(value, tensor) for value in tensor.values]
        for tensor in tensors
        if types[tensor.name].content == "file"
    }


def _text(value: Any, tensor: Tensor) -> str:
    if isinstance(value, str):
        return value
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise InputInvalid(f"The tensor '{tensor.name}' holds bytes that are no UTF-8.", why=str(error)) from None


def _json(text: str, name: str) -> Any:
    try:
        return parse_json(text)
    except JsonInvalid as error:
        raise InputInvalid(f"The tensor '{name}' must hold JSON text: {error}.") from None


def _content(value: Any, tensor: Tensor) -> bytes:
    try:
        if tensor.parameters.get("content_type") == BASE64["content_type"]:
            return base64.b64decode(value, validate=True)
        return value.encode() if isinstance(value, str) else value
    except ValueError as error:
        raise InputInvalid(f"The tensor '{tensor.name}' holds what is no content of a file.", why=str(error)) from None


def output_tensor(kind: TensorType, values: Sequence[Any], *, batch: bool, binary: bool) -> Tensor:
    """The tensor of an output.

    Args:
        kind: The output's.
        values: What each call gave; of a file the content, or the list of contents.
        batch: Whether the request was several calls.
        binary: Whether it is to stand in bytes; in JSON a file is base64.

    Raises:
        OutputInvalid: No tensor can hold it.
    """
    if kind.content == "json":
        values = [write_json(value) for value in values]
    tensor = stacked(kind, values, batch=batch)
    if kind.content == "file" and not binary:
        texts = [base64.b64encode(value).decode() for value in tensor.values]
        return Tensor(tensor.name, tensor.datatype, tensor.shape, texts, BASE64)
    return tensor
