"""How a parameter stands as a tensor, and whether the tensors of a request are one call or several."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

from nova_spi.errors import InputInvalid, OutputInvalid
from nova_spi.serving.http.v2.datatypes import DATATYPES, Datatype
from nova_spi.serving.http.v2.tensors import Tensor
from nova_spi_runtime.parameters import Parameter

Content = Literal["value", "text", "json", "file"]

MAX_CALLS = 4096
"""Calls of one request."""

_SCALARS = {"integer": "INT64", "boolean": "BOOL"}
_TEXTS = ("string", "enum", "decimal")


@dataclass(frozen=True, slots=True)
class TensorType:
    """How a parameter stands as a tensor.

    Attributes:
        parameter: What it is in the model's own words.
        datatype: What is written; several more are read (`takes`).
        depth: Dimensions of one value: 0 for a scalar, 1 for an array of scalars or several files.
        content: What an element is: a number or a boolean, text, text that is JSON, or the content of a file.
    """

    parameter: Parameter
    datatype: Datatype
    depth: int
    content: Content

    @classmethod
    def of(cls, parameter: Parameter) -> "TensorType":
        """The tensor of a parameter: see docs and runtime.md for the table."""
        if parameter.type == "file":
            return cls(parameter, DATATYPES["BYTES"], 0 if parameter.single_file else 1, "file")
        depth, leaf = 0, parameter
        while leaf.type == "array" and leaf.items is not None:
            depth, leaf = depth + 1, leaf.items
        if leaf.type == "float":
            return cls(parameter, DATATYPES["FP64" if leaf.precision == 64 else "FP32"], depth, "value")
        if leaf.type in _SCALARS:
            return cls(parameter, DATATYPES[_SCALARS[leaf.type]], depth, "value")
        if leaf.type in _TEXTS:
            return cls(parameter, DATATYPES["BYTES"], depth, "text")
        return cls(parameter, DATATYPES["BYTES"], 0, "json")

    @property
    def metadata(self) -> dict[str, Any]:
        """What the model's metadata say; a scalar may come alone or as one of several calls, so its one size varies."""
        return {
            "name": self.parameter.name,
            "datatype": self.datatype.name,
            "shape": [-1] * (self.depth or 1),
        }

    def takes(self, datatype: Datatype) -> bool:
        """Whether a tensor of this datatype can be read: integers of any width, and for a float any number."""
        kinds = ("int", "float") if self.datatype.kind == "float" else (self.datatype.kind,)
        return datatype.kind in kinds


def split(tensors: Sequence[Tensor], types: Mapping[str, TensorType]) -> tuple[list[list[Tensor]], bool]:
    """The calls that a request's tensors are, each with its own tensors, and whether they came as a batch.

    A scalar of shape [], [1] or [1, 1] is one call; where every tensor has one dimension more than its value, of the
    same size, the request is as many calls.

    Raises:
        InputInvalid: A shape fits neither, or the tensors do not agree how many calls they are.
    """
    sizes = {tensor.name: _calls(tensor, types[tensor.name]) for tensor in tensors}
    counts = {size for size in sizes.values() if size}
    if not counts:
        return [[_single(tensor, types[tensor.name]) for tensor in tensors]], False
    if counts == {1}:
        return [[_single(tensor, types[tensor.name]) for tensor in tensors]], True
    if len(counts) > 1 or 0 in sizes.values():
        told = ", ".join(f"{name} is {size or 1}" for name, size in sizes.items())
        raise InputInvalid(
            "The tensors do not agree how many calls they are.",
            why=f"By their shapes, {told}.",
            mend="give every tensor the same first dimension, or each one value",
        )
    count = counts.pop()
    if count > MAX_CALLS:
        raise InputInvalid(f"The request is {count} calls at once; {MAX_CALLS} are the most.")
    return [[_part(tensor, types[tensor.name], at, count) for tensor in tensors] for at in range(count)], True


def _calls(tensor: Tensor, kind: TensorType) -> int:
    """How many calls the tensor is, by its first dimension; 0 where it has none for that."""
    shape = tensor.shape
    if kind.depth == 0:
        if math.prod(shape) == 1:
            return 0
        if shape[1:] in ((), (1,)) and shape[0]:
            return shape[0]
    elif len(shape) == kind.depth:
        return 0
    elif len(shape) == kind.depth + 1 and shape[0]:
        return shape[0]
    wanted = "[1]" if kind.depth == 0 else f"{kind.depth} dimensions"
    raise InputInvalid(
        f"The tensor '{tensor.name}' has the shape {list(shape)}.",
        why=f"One value of '{tensor.name}' has {wanted}; several calls at once have one dimension before.",
    )


def _single(tensor: Tensor, kind: TensorType) -> Tensor:
    return replace(tensor, shape=tensor.shape[len(tensor.shape) - kind.depth :])


def _part(tensor: Tensor, kind: TensorType, at: int, count: int) -> Tensor:
    size = len(tensor.values) // count
    return replace(_single(tensor, kind), values=tensor.values[at * size : (at + 1) * size])


def stacked(kind: TensorType, values: Sequence[Any], *, batch: bool) -> Tensor:
    """The tensor of an output, of one call or of several.

    Args:
        kind: The output's.
        values: What each call gave, as JSON has it; for a file the content.
        batch: Whether the request was several calls, whatever their number.

    Raises:
        OutputInvalid: The arrays are ragged, or of several calls not all of one shape; or a number is too large.
    """
    name = kind.parameter.name
    alone = not batch and kind.depth > 0
    level: list[Any] = list(values[0] if alone else values)
    shape = [len(level)]
    for _ in range(kind.depth - alone):
        sizes = {len(part) for part in level}
        if len(sizes) > 1:
            raise OutputInvalid(
                f"The output '{name}' is made of arrays of different lengths, which no tensor can hold.",
                mend="POST /v1/commands/NAME gives it as JSON; of several calls at once, ask for one at a time",
            )
        shape.append(sizes.pop() if sizes else 0)
        level = list(chain.from_iterable(level))
    _check_range(kind, level, name)
    return Tensor(name, kind.datatype, tuple(shape), level)


def _check_range(kind: TensorType, values: Sequence[Any], name: str) -> None:
    datatype = kind.datatype
    bounded = kind.content == "value" and datatype.kind != "bool"
    if bounded and any(not datatype.low <= value <= datatype.high for value in values):
        raise OutputInvalid(
            f"The output '{name}' holds a number that is out of the range of {datatype.name}.",
            mend="POST /v1/commands/NAME gives it as JSON, whatever its size",
        )
