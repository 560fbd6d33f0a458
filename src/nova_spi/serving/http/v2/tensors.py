"""A tensor of a request or an answer: a name, a datatype, a shape and a flat list of elements, in JSON or in bytes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from nova_spi.errors import InputInvalid
from nova_spi.serving.http.v2.datatypes import DATATYPES, Datatype, from_bytes
from nova_spi_runtime.json_text import write_json

MAX_RANK = 32
"""Dimensions of a tensor."""

MAX_ELEMENTS = 4 * 1024 * 1024
"""Elements of a request: in memory and as JSON each of them takes many times what it takes in a body."""

AS_A_FILE = "give large data as the content of a file"

MAX_EMPTY = 65_536
"""Arrays that an empty tensor may hold, such as the ten of shape [10, 0]."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor.

    Attributes:
        name: Of the input or output.
        datatype: What its elements are.
        shape: Its dimensions.
        values: Its elements in row-major order; of BYTES text as JSON has it, or bytes.
        parameters: What a request says of it beside.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: list[Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def from_json(found: Mapping[str, Any], name: str, parameters: Mapping[str, Any]) -> Tensor:
    """A tensor whose data stands in the request: flat, or nested as its shape is.

    Raises:
        InputInvalid: It has no data, or what does not fit the datatype or the shape.
    """
    datatype, shape = _head(found, name)
    data = found.get("data")
    if not isinstance(data, list):
        raise InputInvalid(f"The tensor '{name}' has no data: an array, or 'binary_data_size' and bytes.")
    values = _flat(data, shape, name)
    return Tensor(name, datatype, shape, [_element(datatype, value, name) for value in values], parameters)


def from_binary(found: Mapping[str, Any], name: str, parameters: Mapping[str, Any], raw: bytes) -> Tensor:
    """A tensor whose data stands behind the request's JSON.

    Raises:
        InputInvalid: The data does not fit the datatype or the shape, or there is data in the JSON too.
    """
    datatype, shape = _head(found, name)
    if "data" in found:
        raise InputInvalid(f"The tensor '{name}' has data both in the JSON and behind it.")
    return Tensor(name, datatype, shape, from_bytes(datatype, raw, math.prod(shape), name), parameters)


def _head(found: Mapping[str, Any], name: str) -> tuple[Datatype, tuple[int, ...]]:
    written = found.get("datatype")
    datatype = DATATYPES.get(written) if isinstance(written, str) else None
    if datatype is None:
        raise InputInvalid(f"The tensor '{name}' has no datatype of the protocol: {', '.join(DATATYPES)}.")
    return datatype, _shape(found.get("shape"), name)


def nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    """The elements as arrays in arrays; of no dimension, the one element."""
    if not shape:
        return values[0]
    if 0 in shape:
        return _empty(shape)
    for size in reversed(shape[1:]):
        values = [values[at : at + size] for at in range(0, len(values), size)]
    return values


def written(values: list[Any], shape: tuple[int, ...], step: int = 65_536) -> str:
    """The JSON text of `nested`, of so many elements at a time: in between, other threads get their turn."""
    if len(values) <= step or not shape:
        return write_json(nested(values, shape))
    size = len(values) // shape[0]
    rows = step // size
    if not rows and len(shape) > 1:
        parts = [written(values[at : at + size], shape[1:], step) for at in range(0, len(values), size)]
    else:
        taken = max(rows, 1) * size
        groups = (values[at : at + taken] for at in range(0, len(values), taken))
        parts = [write_json(nested(group, (len(group) // size, *shape[1:])))[1:-1] for group in groups]
    return f"[{','.join(parts)}]"


def _empty(shape: tuple[int, ...]) -> list[Any]:
    return [_empty(shape[1:]) for _ in range(shape[0])]


def _shape(found: Any, name: str) -> tuple[int, ...]:
    if not isinstance(found, list) or any(isinstance(size, bool) or not isinstance(size, int) for size in found):
        raise InputInvalid(f"The shape of the tensor '{name}' must be an array of integers.")
    if len(found) > MAX_RANK or any(not 0 <= size < 1 << 63 for size in found):
        raise InputInvalid(
            f"The shape of the tensor '{name}' has more than {MAX_RANK} dimensions, or a size out of range."
        )
    if math.prod(found) > MAX_ELEMENTS:
        raise InputInvalid(
            f"The tensor '{name}' has more than {MAX_ELEMENTS} elements.",
            mend="give large data as the content of a file",
        )
    if 0 in found and math.prod(found[: found.index(0)]) > MAX_EMPTY:
        raise InputInvalid(f"The tensor '{name}' is empty, and its shape holds more than {MAX_EMPTY} arrays.")
    return tuple(found)


def _flat(data: list[Any], shape: tuple[int, ...], name: str) -> list[Any]:
    count = math.prod(shape)
    if not any(isinstance(value, list) for value in data):
        if len(data) != count:
            raise InputInvalid(f"The tensor '{name}' has {len(data)} elements; its shape asks for {count}.")
        return data
    level: list[Any] = [data]
    for size in shape:
        if any(not isinstance(part, list) or len(part) != size for part in level):
            raise InputInvalid(f"The data of the tensor '{name}' is nested otherwise than its shape says.")
        level = list(chain.from_iterable(level))
    return level


def _element(datatype: Datatype, value: Any, name: str) -> Any:
    kind = datatype.kind
    if kind == "bytes" and isinstance(value, str):
        return value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind in ("int", "float") and not isinstance(value, bool) and isinstance(value, (int, float)):
        if not datatype.low <= value <= datatype.high:
            raise InputInvalid(f"The tensor '{name}' holds a number out of the range of {datatype.name}.")
        if kind == "float" or isinstance(value, int):
            return value
        if value.is_integer():
            return int(value)
    raise InputInvalid(f"The tensor '{name}' holds an element that is no {datatype.name}.")
