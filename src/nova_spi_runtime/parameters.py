"""What one input or output of a command is: its name, its type and the rules for its value.

`Parameter` is written by hand rather than as a dataclass: `dataclasses` costs every start of a model some ten
milliseconds. It is frozen all the same, compares by value, and `Parameter.replace` copies it with changes.
"""

from __future__ import annotations

from types import MappingProxyType

from .rules import check_rules

TYPE_CHECKING = False  # `typing` is dear to import, and type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Optional

TYPES = ("string", "integer", "float", "decimal", "boolean", "array", "map", "object", "file", "enum")
"""The ten types, in the order of manifest.md."""

SPELLINGS = {
    "int": "integer",
    "number": "float",
    "bool": "boolean",
    "str": "string",
    "list": "array",
    "dict": "map",
}
"""Other names of the types, read because a manifest that nobody compiled may use them."""

MAX_DEPTH = 32
"""How deep `properties`, `items` and `values` may stand in each other; the manifest's own rule is stricter."""


class _Missing:
    """The type of `MISSING`: there is one value of it, and it counts as false."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""Stands where a parameter has no default; ``None`` would be a value."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})

_DEFAULTS: dict[str, Any] = {
    "description": "",
    "required": False,
    "default": MISSING,
    "enum": None,
    "precision": None,
    "constraints": _EMPTY,
    "properties": _EMPTY,
    "items": None,
    "values": None,
    "mime_types": (),
    "file_pattern": "*",
    "mount_path": None,
    "index_padding": None,
    "domain_specific": _EMPTY,
    "schema": None,
    "secret": False,
}


class Parameter:
    """One input or output, as manifest.md's "Parameters" describes it.

    Args:
        name: The name; empty for the element of an array or a map.
        type: One of `TYPES`.
        description: For people.
        required: Whether a value must be there.
        default: The value where none is given; `MISSING` if there is none.
        enum: The allowed values.
        precision: 32 or 64, of a float.
        constraints: Rules by their manifest names, e.g. ``min_value``.
        properties: An object's keys; empty means that any are allowed.
        items: An array's element; None means any JSON value.
        values: A map's value; None means any JSON value.
        mime_types: A file's allowed content, e.g. ``image/*``; empty means any.
        file_pattern: The glob that a file's name must match.
        mount_path: The folder of the files, relative to the work folder; None means the default.
        index_padding: Digits of the counter in an output's name.
        domain_specific: Rules for media, checked by the caller of a model, not beside it.
        schema: A JSON Schema for an output, checked by the caller.
        secret: Whether the value must stay out of logs and of the environment.
    """

    __slots__ = ("name", "type", *_DEFAULTS)

    name: str
    type: str
    description: str
    required: bool
    default: Any
    enum: Optional[tuple[Any, ...]]
    precision: Optional[int]
    constraints: Mapping[str, Any]
    properties: Mapping[str, Parameter]
    items: Optional[Parameter]
    values: Optional[Parameter]
    mime_types: tuple[str, ...]
    file_pattern: str
    mount_path: Optional[str]
    index_padding: Optional[int]
    domain_specific: Mapping[str, Any]
    schema: Optional[Mapping[str, Any]]
    secret: bool

    def __init__(self, name: str, type: str, **fields: Any) -> None:
        unknown = fields.keys() - _DEFAULTS.keys()
        if unknown:
            raise TypeError(f"a Parameter has no field {', '.join(sorted(unknown))}")
        put = object.__setattr__
        put(self, "name", name)
        put(self, "type", type)
        for field, default in _DEFAULTS.items():
            put(self, field, fields.get(field, default))

    def __setattr__(self, field: str, value: Any) -> None:
        raise AttributeError(f"a Parameter is frozen; use replace({field}=...)")

    def __delattr__(self, field: str) -> None:
        raise AttributeError("a Parameter is frozen")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parameter):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.name, self.type))

    def __repr__(self) -> str:
        return f"Parameter.from_dict({self.to_dict()!r})"

    def __reduce__(self) -> Any:
        return Parameter.from_dict, (self.to_dict(),)

    @property
    def variable(self) -> str:
        """The environment variable that carries the value: ``INPUT_<NAME>``."""
        return "INPUT_" + self.name.upper()

    @property
    def single_file(self) -> bool:
        """Whether a program is handed one path rather than a list of them."""
        return bool(self.constraints.get("max_files") == 1)

    def replace(self, **changes: Any) -> Parameter:
        """A copy with some fields changed.

        Raises:
            TypeError: There is no such field.
        """
        fields = {field: getattr(self, field) for field in self.__slots__}
        return Parameter(**{**fields, **changes})

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], name: Optional[str] = None) -> Parameter:
        """Read a parameter from the manifest's own keys; unknown keys are left aside.

        Args:
            mapping: One entry of ``inputs``, ``outputs``, ``properties``, or ``items`` or ``values``.
            name: The name where ``mapping`` has none, as under ``properties``.

        Raises:
            ValueError: The mapping is no usable parameter; the message says where and why.
        """
        return _read(mapping, name, name or "", 0)

    def to_dict(self) -> dict[str, Any]:
        """The parameter under the manifest's own keys, without what was not set; `from_dict` reads it back."""
        found: dict[str, Any] = {"name": self.name} if self.name else {}
        found["type"] = self.type
        for field, default in _DEFAULTS.items():
            value = getattr(self, field)
            if value is default or value == default:
                continue
            found[field] = _plain(field, value)
        return found


def _plain(field: str, value: Any) -> Any:
    if field == "properties":
        return {key: {k: v for k, v in item.to_dict().items() if k != "name"} for key, item in value.items()}
    if isinstance(value, Parameter):
        return value.to_dict()
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if field in ("constraints", "domain_specific", "schema") else value


def _read(mapping: Any, name: Optional[str], path: str, depth: int) -> Parameter:
    if depth > MAX_DEPTH:
        raise ValueError(f"{path}: parameters stand in each other more than {MAX_DEPTH} deep")
    if not hasattr(mapping, "keys"):
        raise ValueError(f"{path or 'a parameter'} must be an object with a type")
    name = mapping.get("name") if name is None else name
    name = "" if name is None else name
    kind = mapping.get("type", "")
    kind = SPELLINGS.get(kind, kind) if isinstance(kind, str) else kind
    path = path or (name if isinstance(name, str) else "")
    if not isinstance(name, str) or kind not in TYPES:
        raise ValueError(f"{path or 'a parameter'}: the type must be one of {', '.join(TYPES)}, not {kind!r}")
    fields = {field: mapping[field] for field in _DEFAULTS if field in mapping and mapping[field] is not None}
    if "default" in mapping:
        fields["default"] = mapping["default"]
    for field in ("items", "values"):
        if field in fields:
            fields[field] = _read(fields[field], None, f"{path}.{field}", depth + 1)
    if "properties" in fields:
        fields["properties"] = MappingProxyType(_properties(fields["properties"], path, depth))
    check_rules(path, kind, fields)
    for field in ("constraints", "domain_specific", "schema"):
        if field in fields:
            fields[field] = MappingProxyType(dict(fields[field]))
    return Parameter(name, kind, **fields)


def _properties(mapping: Any, path: str, depth: int) -> dict[str, Parameter]:
    if not hasattr(mapping, "items"):
        raise ValueError(f"{path}.properties must be an object")
    return {str(key): _read(item, str(key), f"{path}.{key}", depth + 1) for key, item in mapping.items()}
