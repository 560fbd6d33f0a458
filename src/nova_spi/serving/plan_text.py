"""A plan as a file: JSON that a lean process reads back exactly, written by us and for us alone.

Every value is written as its declared type says, so nothing in the file chooses what is made of it. The interfaces of
commands stand in it; secrets do not.
"""

import dataclasses
import json
import math
import os
import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from nova_spi.errors import UsageError
from nova_spi.serving.plan import Plan
from nova_spi_runtime.parameters import Parameter

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024


def write(plan: Plan, path: Path) -> None:
    """Writes the plan, readable by its owner alone; what stood there is replaced as a whole.

    Raises:
        OSError: It cannot be written.
    """
    text = json.dumps({"nova_spi_plan": VERSION, "plan": _plain(plan)}, allow_nan=False)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(text.encode("ascii"))
    fresh.replace(path)


def read(path: Path) -> Plan:
    """The plan of a file.

    Raises:
        UsageError: There is none, or it is damaged.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _damaged(path, f"{error.strerror}.") from error
    if len(text) > MAX_BYTES:
        raise _damaged(path, f"It is longer than {MAX_BYTES} bytes.")
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("nova_spi_plan") != VERSION:
            raise _damaged(path, "It is no plan of this version of nova-spi.")
        plan = _made(Plan, found.get("plan"))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, f"{error}"[:300]) from error
    if not isinstance(plan, Plan) or not plan.commands:
        raise _damaged(path, "It has no commands.")
    return plan


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError(
        f"The plan {path} cannot be read.", why=why, mend="nova-spi serve PATH makes a new one.", code="usage.invalid"
    )


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Parameter):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}


def _made(kind: Any, value: Any) -> Any:
    """A value of JSON as its declared type."""
    origin = typing.get_origin(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        (inner,) = (each for each in typing.get_args(kind) if each is not types.NoneType)
        return None if value is None else _made(inner, value)
    if origin is tuple:
        return tuple(_made(typing.get_args(kind)[0], inner) for inner in _a(list, value))
    if origin is Mapping:
        return {key: _made(typing.get_args(kind)[1], inner) for key, inner in _a(dict, value).items()}
    if origin is typing.Literal:
        if value not in typing.get_args(kind):
            raise ValueError(f"{value!r} is not one of {typing.get_args(kind)}")
        return value
    if kind is Parameter:
        return Parameter.from_dict(_a(dict, value))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _record(kind, _a(dict, value))
    return _scalar(kind, value)


def _record(kind: type, value: dict[str, Any]) -> Any:
    fields = _fields(kind)
    if value.keys() != fields.keys():
        raise ValueError(f"a {kind.__name__} has not the fields {sorted(value.keys() ^ fields.keys())}")
    return kind(**{name: _made(each, value[name]) for name, each in fields.items()})


def _scalar(kind: Any, value: Any) -> Any:
    if kind is float:
        if isinstance(value, str) and value in ("inf", "-inf"):
            return float(value)
        return float(_a((int, float), value))
    if kind is Path:
        return Path(_a(str, value))
    return _a(kind, value)


def _a(kind: Any, value: Any) -> Any:
    """The value, which must be of a kind; a truth is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{str(value)[:60]!r} is no {getattr(kind, '__name__', kind)}")
    return value
