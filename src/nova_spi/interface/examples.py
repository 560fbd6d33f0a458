"""A value that a parameter would take, to show the right form in messages and in documents for machines."""

from typing import Any

from nova_spi_runtime.parameters import MISSING, Parameter
from nova_spi_runtime.values import ValueInvalid, from_json, to_json, to_text

_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/*": "png",
    "video/*": "mp4",
    "audio/*": "wav",
    "audio/mpeg": "mp3",
    "text/plain": "txt",
    "text/csv": "csv",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "text/*": "txt",
}


def example_value(parameter: Parameter) -> Any:
    """A JSON value that the parameter takes, as far as one can be guessed: its default, its first choice, a bound.

    Where a pattern or odd constraints make guessing hopeless, the answer only has the right type.
    """
    if parameter.default is not MISSING and parameter.default is not None:
        return parameter.default
    if parameter.enum:
        return to_json(parameter, parameter.enum[0])
    made = _MAKERS[parameter.type](parameter)
    for candidate in (made, parameter.constraints.get("min_value"), parameter.constraints.get("max_value")):
        if candidate is not None and _is_taken(parameter, candidate):
            return candidate
    return made


def _is_taken(parameter: Parameter, value: Any) -> bool:
    try:
        from_json(parameter, value)
    except ValueInvalid:
        return False
    return True


def _string(parameter: Parameter) -> str:
    least, most = parameter.constraints.get("min_length") or 0, parameter.constraints.get("max_length")
    text = "some text".ljust(min(least, 200), ".")
    return text if most is None else text[:most]


def _object(parameter: Parameter) -> dict[str, Any]:
    known = parameter.properties
    wanted = {key: inner for key, inner in known.items() if inner.required} or dict(list(known.items())[:1])
    return {key: example_value(inner) for key, inner in wanted.items()}


def _array(parameter: Parameter) -> list[Any]:
    element = example_value(parameter.items) if parameter.items else "some text"
    return [element] * max(1, min(parameter.constraints.get("min_items") or 1, 10))


def _map(parameter: Parameter) -> dict[str, Any]:
    return {"key": example_value(parameter.values) if parameter.values else "some text"}


def _file(parameter: Parameter) -> str:
    mime = parameter.mime_types[0] if parameter.mime_types else ""
    subtype = mime.partition("/")[2]
    extension = _EXTENSIONS.get(mime, subtype if subtype.isalnum() else "")
    return f"{parameter.name}.{extension}" if extension else f"{parameter.name}-file"


_MAKERS = {
    "string": _string,
    "enum": _string,
    "integer": lambda _parameter: 1,
    "float": lambda _parameter: 0.5,
    "decimal": lambda _parameter: "10.25",
    "boolean": lambda _parameter: True,
    "array": _array,
    "map": _map,
    "object": _object,
    "file": _file,
}


def example_option(parameter: Parameter) -> str:
    """The example as words of a command line: ``--input steps=20``."""
    value = example_value(parameter)
    if parameter.secret:
        return f"--input {parameter.name}=@FILE"
    text = str(value) if parameter.type == "file" else to_text(parameter, value)
    plain = text.replace("-", "").replace(".", "").replace("_", "").replace("/", "").isalnum()
    quoted = text if plain else "'" + text.replace("'", "'\\''") + "'"
    return f"--input {parameter.name}={quoted}"
