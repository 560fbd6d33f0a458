"""JSON Schemas inside the manifest: of outputs, and of what a test case expects."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Scope, entries

_LONGEST = 200
_DATA = frozenset({"const", "default", "enum", "examples"})
"""Keywords whose values are data, where ``$ref`` means nothing."""


def check(scope: Scope) -> Iterator[Diagnostic]:
    """``schema`` of outputs, ``expect.json_schema``."""
    for typed in scope.types:
        schema = typed.data.get("schema")
        if not isinstance(schema, dict):
            continue
        place = (*typed.path, "schema")
        if typed.side == "inputs":
            yield scope.at_key("SPI-M317", "schema is for outputs; this is an input", place, "remove it")
        elif typed.kind == "file":
            yield scope.at_key("SPI-M303", "schema is for values; this is of type file", place, "remove it")
        yield from _schema(scope, schema, place)
    for index, case in entries(scope.data.get("test_cases")):
        for output, schema in ((case.get("expect") or {}).get("json_schema") or {}).items():
            yield from _schema(scope, schema, ("test_cases", index, "expect", "json_schema", output))


def _schema(scope: Scope, schema: dict[str, Any], place: Path) -> Iterator[Diagnostic]:
    problem = schema_problem(schema)
    if problem:
        path, said = problem
        yield scope.at_value("SPI-M316", said, (*place, *path), "correct the schema")


def schema_problem(schema: dict[str, Any]) -> tuple[Path, str] | None:
    """Where and why ``schema`` is no JSON Schema that can be used here, or None."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    dialect = schema.get("$schema", "")
    if not isinstance(dialect, str):
        return ("$schema",), "$schema is a text"
    outside = _reference_outside(schema, ())
    if outside:
        return outside
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        return tuple(error.absolute_path), f"not a JSON Schema: {error.message[:_LONGEST]}"
    except RecursionError:
        return (), "the schema is nested too deep"
    return _reference_nowhere(schema, schema, ())


def _reference_nowhere(root: dict[str, Any], value: Any, path: Path) -> tuple[Path, str] | None:
    """The first reference by a path within the schema that leads to nothing: it would fail at the first value."""
    inside: Iterable[tuple[Any, Any]] = enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        if path and "$id" in value:
            return None  # a schema of its own, whose references start there
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith("#/") and not _leads_somewhere(root, target):
            return (*path, "$ref"), f"$ref leads to {target}, and nothing stands there"
        inside = [(key, inner) for key, inner in value.items() if key not in _DATA]
    found = (_reference_nowhere(root, inner, (*path, step)) for step, inner in inside)
    return next((problem for problem in found if problem), None)


def _leads_somewhere(value: Any, target: str) -> bool:
    """Whether a JSON pointer in a fragment (RFC 6901, chapter 6) names a part of ``value``."""
    for step in unquote(target[2:]).split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return False
    return True


def _reference_outside(value: Any, path: Path) -> tuple[Path, str] | None:
    """The first reference that leads out of the schema: it is never fetched."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(inner, str) and not inner.startswith("#"):
                return (*path, key), f"{key} leads out of the schema, and is never fetched"
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (_reference_outside(inner, (*path, step)) for step, inner in inside)
    return next((problem for problem in found if problem), None)
