r"""A command's interface as JSON Schema: draft 2020-12, or draft-07 for older readers.

What the schema takes, `nova_spi_runtime.values.from_json` takes, and the other way round, but for these:

- The schema is the narrower one where a value has two forms: a decimal is a string without spaces (an integer is read
  too), a top-level input that is not given is left out (null is read as not given).
- JSON Schema cannot say it, so only the runtime checks it: bounds and steps of decimals, their 34 digits and
  their range (``x-nova-spi`` shows the bounds), the range of a 32-bit float (``format: float``) and its rounding by
  ``precision: 32``, and sizes that no honest value reaches (4,300 digits, 64 KiB for a pattern).
- ``pattern`` is ECMA-262 with the flag u, as JSON Schema recommends; a validator that uses its own language's
  expressions may differ on ``$`` before a last newline and on ``\d`` beyond ASCII. ``multipleOf`` of fractions is
  exact in the runtime, and rounded in validators that compute in binary.
- A file is a path here; that it exists and is what it should be is seen when inputs are bound.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

from nova_spi.interface.compiled import CompiledCommand
from nova_spi_runtime.parameters import MISSING, Parameter
from nova_spi_runtime.values import ValueInvalid, from_json, to_json

Draft = Literal["2020-12", "draft-07"]
FileForm = Literal["path", "base64", "binary"]
"""How a file stands in a document: a path beside the caller, base64 in JSON, or the bytes of a part of a form."""

DIALECTS = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft-07": "http://json-schema.org/draft-07/schema#",
}
DECIMAL = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
BASE64 = (
    r"^(?:data:(?:[\w.+-]+/[\w.+-]+)?(?:;[\w-]+=[\w.%-]*)*;base64,)?"
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
)
"""Base64 (RFC 4648, section 4), or a ``data:`` URI (RFC 2397) of it."""
EXTENSION = "x-nova-spi"
"""The key under which stands what JSON Schema has no word for."""

Schema = dict[str, Any]


class Outputs(Protocol):
    """What has a name and outputs: a command."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def outputs(self) -> tuple[Parameter, ...]:
        """What it gives."""
        ...


def inputs_schema(command: CompiledCommand, draft: str = "2020-12") -> Schema:
    """The object of a command's inputs.

    Raises:
        KeyError: There is no such draft.
    """
    return {"$schema": DIALECTS[draft], "title": f"{command.name} inputs"} | object_schema(command.inputs)


def outputs_schema(command: Outputs, draft: str = "2020-12") -> Schema:
    """The object of a command's outputs; a file output is the list of its paths.

    Raises:
        KeyError: There is no such draft.
    """
    found: Schema = {"$schema": DIALECTS[draft], "title": f"{command.name} outputs"}
    found |= object_schema(command.outputs)
    for parameter in command.outputs:
        if parameter.type == "file":
            found["properties"][parameter.name] = _described(parameter, _list_of_files(parameter, "path"))
        elif parameter.schema is not None:
            own = {"$id": f"urn:nova-spi:{command.name}:{parameter.name}"} | dict(parameter.schema)
            found["properties"][parameter.name]["allOf"] = [own]
    return found


def object_schema(parameters: Iterable[Parameter], files: FileForm = "path") -> Schema:
    """The object whose keys are the parameters, and no others."""
    listed = list(parameters)
    found: Schema = {
        "type": "object",
        "properties": {parameter.name: parameter_schema(parameter, files) for parameter in listed},
        "additionalProperties": False,
    }
    required = [parameter.name for parameter in listed if parameter.required and not _has_default(parameter)]
    return found | {"required": required} if required else found


def _has_default(parameter: Parameter) -> bool:
    return parameter.default is not MISSING and parameter.default is not None


def parameter_schema(parameter: Parameter, files: FileForm = "path") -> Schema:
    """The schema of one parameter, with its description and default."""
    if parameter.type == "file":
        one = parameter.single_file
        return _described(parameter, _file(parameter, files) if one else _list_of_files(parameter, files))
    found = _SHAPES[parameter.type](parameter)
    if parameter.enum is not None:
        found["enum"] = [to_json(parameter, choice) for choice in parameter.enum]
    return _described(parameter, found)


def _described(parameter: Parameter, schema: Schema) -> Schema:
    """Description first, as people read it; default and secrecy last."""
    found: Schema = {"description": parameter.description} if parameter.description else {}
    found |= schema
    if _has_default(parameter):
        found["default"] = _json_default(parameter)
    if parameter.secret:
        found |= {"writeOnly": True, "format": "password"}
    return found


def _json_default(parameter: Parameter) -> Any:
    try:
        return to_json(parameter, from_json(parameter, parameter.default))
    except ValueInvalid:  # a manifest that nobody validated; the schema only shows what stands there
        return parameter.default


def _picked(constraints: Mapping[str, Any], names: Mapping[str, str]) -> Schema:
    return {key: constraints[name] for name, key in names.items() if constraints.get(name) is not None}


def _string(parameter: Parameter) -> Schema:
    names = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
    return {"type": "string"} | _picked(parameter.constraints, names)


_NUMBERS = {"min_value": "minimum", "max_value": "maximum", "multiple_of": "multipleOf"}


def _bounds(parameter: Parameter) -> Schema:
    found = _picked(parameter.constraints, _NUMBERS)
    return {key: _number(value) for key, value in found.items()}


def _number(value: Any) -> Any:
    """A bound as a JSON number; it may stand as text in the manifest."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value)


def _integer(parameter: Parameter) -> Schema:
    return {"type": "integer"} | _bounds(parameter)


def _float(parameter: Parameter) -> Schema:
    return {"type": "number", "format": "double" if parameter.precision == 64 else "float"} | _bounds(parameter)


def _decimal(parameter: Parameter) -> Schema:
    bounds = _picked(parameter.constraints, {name: name for name in _NUMBERS})
    found: Schema = {"type": "string", "format": "decimal", "pattern": DECIMAL}
    return found | {EXTENSION: {"type": "decimal"} | {name: str(value) for name, value in bounds.items()}}


def _boolean(_parameter: Parameter) -> Schema:
    return {"type": "boolean"}


def _array(parameter: Parameter) -> Schema:
    found: Schema = {"type": "array"}
    if parameter.items is not None:
        found["items"] = parameter_schema(parameter.items)
    names = {"min_items": "minItems", "max_items": "maxItems", "unique_items": "uniqueItems"}
    return found | _picked(parameter.constraints, names)


def _map(parameter: Parameter) -> Schema:
    found: Schema = {"type": "object"}
    if parameter.values is not None:
        found["additionalProperties"] = parameter_schema(parameter.values)
    return found | _picked(parameter.constraints, {"min_items": "minProperties", "max_items": "maxProperties"})


def _object(parameter: Parameter) -> Schema:
    return object_schema(parameter.properties.values()) if parameter.properties else {"type": "object"}


_SHAPES = {
    "string": _string,
    "enum": _string,
    "integer": _integer,
    "float": _float,
    "decimal": _decimal,
    "boolean": _boolean,
    "array": _array,
    "map": _map,
    "object": _object,
}


def _file(parameter: Parameter, form: FileForm) -> Schema:
    found: Schema = {"type": "string"}
    exact = [mime for mime in parameter.mime_types if "*" not in mime]
    if form == "binary":
        found["contentMediaType"] = exact[0] if len(exact) == 1 else "application/octet-stream"
    elif len(exact) == 1 == len(parameter.mime_types):
        found["contentMediaType"] = exact[0]
    if form == "base64":
        found |= {"contentEncoding": "base64", "pattern": BASE64, "minLength": 1}
    return found | {EXTENSION: _file_facts(parameter)}


def _file_facts(parameter: Parameter) -> Schema:
    found: Schema = {"type": "file"}
    if parameter.mime_types:
        found["mime_types"] = list(parameter.mime_types)
    found["file_pattern"] = parameter.file_pattern
    if parameter.mount_path:
        found["mount_path"] = parameter.mount_path
    sizes = {name: name for name in ("min_size_bytes", "max_size_bytes")}
    found |= _picked(parameter.constraints, sizes)
    if parameter.domain_specific:
        limits = parameter.domain_specific.items()
        found["domain_specific"] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in limits}
    return found


def _list_of_files(parameter: Parameter, form: FileForm) -> Schema:
    found: Schema = {"type": "array", "items": _file(parameter, form)}
    found |= _picked(parameter.constraints, {"min_files": "minItems", "max_files": "maxItems"})
    if parameter.required:
        found["minItems"] = max(1, found.get("minItems", 0))
    return found
