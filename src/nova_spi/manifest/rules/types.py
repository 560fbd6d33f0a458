"""Types and the keys that belong to each."""

from collections.abc import Iterator

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import shown
from nova_spi.manifest.rules.scope import Scope, Typed

_NUMBERS = ("integer", "float", "decimal")
KEYS: dict[str, tuple[str, ...]] = {
    "enum": ("string", "integer", "float", "enum"),
    "precision": ("float",),
    "properties": ("object",),
    "items": ("array",),
    "values": ("map",),
    "mime_types": ("file",),
    "file_pattern": ("file",),
    "mount_path": ("file",),
    "index_padding": ("file",),
    "domain_specific": ("file",),
}
_CONSTRAINTS: dict[str, tuple[str, ...]] = {
    "min_value": _NUMBERS,
    "max_value": _NUMBERS,
    "multiple_of": _NUMBERS,
    "min_length": ("string", "enum"),
    "max_length": ("string", "enum"),
    "pattern": ("string", "enum"),
    "min_items": ("array", "map"),
    "max_items": ("array", "map"),
    "unique_items": ("array",),
    "min_files": ("file",),
    "max_files": ("file",),
    "min_size_bytes": ("file",),
    "max_size_bytes": ("file",),
}
_DEEPEST = 5


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Keys by type, enums, depth, files inside others, secrets."""
    for typed in scope.types:
        yield from _belonging(scope, typed)
        yield from _enum(scope, typed)
        yield from _nesting(scope, typed)
        yield from _secret(scope, typed)
        yield from _direction(scope, typed)


def _belonging(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    if not typed.kind:
        return
    constraints = typed.data.get("constraints") or {}
    groups = ((typed.data, (), KEYS), (constraints, ("constraints",), _CONSTRAINTS))
    for holder, inner, table in groups:
        for key in holder:
            kinds = table.get(key)
            if kinds and typed.kind not in kinds:
                message = f"{key} is for {_listed(kinds)}; this is of type {typed.kind}"
                mend = f"remove {key}, or correct the type"
                yield scope.at_key("SPI-M303", message, (*typed.path, *inner, key), mend)


def _listed(words: tuple[str, ...]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _enum(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    values = typed.data.get("enum")
    if values is None:
        if typed.kind == "enum" and "enum" not in scope.keys_at(typed.path):
            yield scope.at_value("SPI-M304", "enum without values", (*typed.path, "type"), "add enum: [...]")
        return
    seen = set()
    for index, value in enumerate(values):
        if value is None or isinstance(value, list | dict):
            continue
        key = (isinstance(value, bool), value)
        if key in seen:
            yield scope.at_value(
                "SPI-M305", f"{shown(value)} is there already", (*typed.path, "enum", index), "remove it"
            )
        seen.add(key)


def _nesting(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    if typed.depth == _DEEPEST + 1:
        message = f"types stand in each other more than {_DEEPEST} deep"
        yield scope.at_key("SPI-M312", message, typed.path, "make the type flatter, or take a map without values")
    if typed.depth and typed.kind == "file":
        message = "a file cannot stand inside another type"
        yield scope.at_value("SPI-M313", message, (*typed.path, "type"), "make it a parameter of type file")


def _secret(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    if typed.data.get("secret") is not True:
        return
    place = (*typed.path, "secret")
    if typed.kind != "string" or typed.side != "inputs" or typed.depth:
        yield scope.at_key("SPI-M314", "secret is for inputs of type string", place, "remove secret")
    elif "default" in typed.data:
        message = "a secret has a default, which everybody who has the manifest can read"
        yield scope.at_key("SPI-M322", message, (*typed.path, "default"), "remove the default")


def _direction(scope: Scope, typed: Typed) -> Iterator[Diagnostic]:
    if "default" in typed.data and (typed.side == "outputs" or typed.kind == "file"):
        what = "an output" if typed.side == "outputs" else "a file"
        yield scope.at_key("SPI-M315", f"{what} has no default", (*typed.path, "default"), "remove it")
    if "index_padding" in typed.data and typed.kind == "file" and typed.side == "inputs":
        message = "index_padding is for file outputs; this is an input"
        yield scope.at_key("SPI-M303", message, (*typed.path, "index_padding"), "remove it")
