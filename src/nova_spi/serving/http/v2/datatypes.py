"""The datatypes of the Open Inference Protocol, and how their elements stand in bytes.

Binary data is little-endian, row-major, without padding; an element of BYTES is a length of four bytes and its content
(Open Inference Protocol, "Tensor Data Types"; Triton's "Binary Tensor Data Extension").
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nova_spi.errors import InputInvalid

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype.

    Attributes:
        name: As the protocol writes it.
        kind: What its elements are in Python: bool, int, float, or text and bytes.
        code: Of `struct`; empty for BYTES, and for BF16, which `struct` does not know.
        size: Of an element, in bytes; 0 for BYTES.
        low, high: The range of a number that fits in.
    """

    name: str
    kind: Literal["bool", "int", "float", "bytes"]
    code: str = ""
    size: int = 0
    low: float = 0
    high: float = 0


def _integer(name: str, code: str, bits: int, *, signed: bool) -> Datatype:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return Datatype(name, "int", code, bits // 8, low, high)


def _float(name: str, code: str, size: int, high: float) -> Datatype:
    return Datatype(name, "float", code, size, -high, high)


_ALL = (
    Datatype("BOOL", "bool", "?", 1),
    *(_integer(f"INT{bits}", code, bits, signed=True) for bits, code in ((8, "b"), (16, "h"), (32, "i"), (64, "q"))),
    *(_integer(f"UINT{bits}", code, bits, signed=False) for bits, code in ((8, "B"), (16, "H"), (32, "I"), (64, "Q"))),
    _float("FP16", "e", 2, 65504.0),
    _float("FP32", "f", 4, 3.4028234663852886e38),
    _float("FP64", "d", 8, 1.7976931348623157e308),
    _float("BF16", "", 2, 3.3895313892515355e38),
    Datatype("BYTES", "bytes"),
)
DATATYPES: dict[str, Datatype] = {datatype.name: datatype for datatype in _ALL}
"""Every datatype that a request may bring, by name."""


def from_bytes(datatype: Datatype, raw: bytes, count: int, name: str) -> list[Any]:
    """The elements of a tensor's binary data.

    Args:
        datatype: What they are.
        raw: The data.
        count: How many there are, as the shape says.
        name: The tensor's, for messages.

    Raises:
        InputInvalid: The size is not that of so many elements, a number is not finite, or a boolean is neither 0 nor 1.
    """
    if datatype.kind == "bytes":
        return _strings(raw, count, name)
    if len(raw) != count * datatype.size:
        raise InputInvalid(
            f"The tensor '{name}' has {len(raw)} bytes of data; its shape and {datatype.name} ask for "
            f"{count * datatype.size}."
        )
    if datatype.kind == "float":
        return _floats(datatype, raw, count, name)
    if datatype.kind == "bool" and raw.strip(b"\0\1"):
        raise InputInvalid(f"The tensor '{name}' holds a BOOL that is neither 0 nor 1.")
    return list(struct.unpack(f"<{count}{datatype.code}", raw))


def to_bytes(datatype: Datatype, values: Sequence[Any]) -> bytes:
    """The binary data of elements that fit the datatype; BF16 is not written."""
    if datatype.kind == "bytes":
        pieces = [value.encode("utf-8", "backslashreplace") if isinstance(value, str) else value for value in values]
        return b"".join(part for piece in pieces for part in (_LENGTH.pack(len(piece)), piece))
    return struct.pack(f"<{len(values)}{datatype.code}", *values)


def _strings(raw: bytes, count: int, name: str) -> list[Any]:
    found: list[bytes] = []
    at, end = 0, len(raw)
    while at < end and len(found) < count:
        start = at + _LENGTH.size
        if start > end:
            break
        at = start + _LENGTH.unpack_from(raw, at)[0]
        if at > end:
            raise InputInvalid(f"An element of the tensor '{name}' says that it is longer than the data that came.")
        found.append(raw[start:at])
    if len(found) != count or at != end:
        raise InputInvalid(f"The data of the tensor '{name}' does not hold the {count} elements that its shape says.")
    return found


def _floats(datatype: Datatype, raw: bytes, count: int, name: str) -> list[Any]:
    code = datatype.code
    if not code:  # a BF16 is the upper half of an FP32
        wide = bytearray(4 * count)
        wide[2::4], wide[3::4] = raw[0::2], raw[1::2]
        code, raw = "f", bytes(wide)
    found = list(struct.unpack(f"<{count}{code}", raw))
    if not all(map(math.isfinite, found)):
        raise InputInvalid(f"The tensor '{name}' holds a number that is not finite, which no input takes.")
    return found
