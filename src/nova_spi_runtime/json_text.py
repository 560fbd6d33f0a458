"""JSON read strictly: no key twice, no NaN, no bottomless nesting, and never another error than one."""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder, JSONEncoder, dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

MAX_BYTES = 256 * 1024 * 1024
"""Size of a document that is read at all."""


class JsonInvalid(ValueError):
    """A text that is not JSON as we take it; the message is short and says where."""


def parse_json(text: str | bytes) -> Any:
    """Read one JSON document.

    Raises:
        JsonInvalid: It is none, has a key twice, holds NaN or infinity, a number that Python refuses, or is too deep.
    """
    if len(text) > MAX_BYTES:
        raise JsonInvalid(f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return _DECODER.decode(text)
    except JsonInvalid:
        raise
    except JSONDecodeError as problem:
        raise JsonInvalid(f"{problem.msg} at line {problem.lineno}, column {problem.colno}") from None
    except UnicodeDecodeError as problem:
        raise JsonInvalid(f"it is not UTF-8 at byte {problem.start}") from None
    except RecursionError:
        raise JsonInvalid("it is nested too deep") from None
    except ValueError:
        raise JsonInvalid("a number in it has too many digits") from None


def write_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text of a value that holds nothing but JSON's own types."""
    if indent is None:
        return _ENCODER.encode(value)
    return dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=(",", ": "))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = ""
        for key, _ in pairs:  # one pass: a model may write millions of keys
            if key in seen:
                twice = key
                break
            seen.add(key)
        raise JsonInvalid(f"the key '{twice[:40]}' stands twice")
    return found


def _constant(name: str) -> NoReturn:
    raise JsonInvalid(f"{name} is no number of JSON")


_DECODER = JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)  # making one takes as long as reading
_ENCODER = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
