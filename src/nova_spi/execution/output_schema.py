"""A value against the JSON Schema that the manifest gives for it, in bounded time whatever the model wrote.

Three keywords are our own. ``pattern`` runs on the automaton of `nova_spi_runtime.regular`, since `re` can take hours
and cannot be stopped. ``patternProperties`` takes the same dialect, and short keys alone. ``uniqueItems`` does not
compare each item with each.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from nova_spi_runtime.regular import MAX_VALUE_BYTES, found_in, pattern_problem

MAX_PROBLEMS = 20
MAX_KEY_LENGTH = 1024
"""Characters of a key where the schema has ``patternProperties``."""


def schema_problems(schema: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    """What is wrong with ``value``: (path such as ``.lines[0]``, message). References are never fetched."""
    # jsonschema costs some 60 ms to import: only where a schema is really there.
    import jsonschema
    import referencing
    import referencing.exceptions

    base = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        base.check_schema(schema)
        patterns = list(_patterns(schema))
        for pattern in patterns:
            if why := pattern_problem(pattern):
                return [("", f"its schema's pattern {pattern[:100]!r} cannot be used: {why}")]
        if patterns and any(len(key) > MAX_KEY_LENGTH for key in _keys(value)):
            return [("", f"it has a key of more than {MAX_KEY_LENGTH} characters, too long for its schema's patterns")]
        found = []
        for error in _bounded(base)(schema, registry=referencing.Registry()).iter_errors(value):
            found.append((_path(error.absolute_path), error.message[:500]))
            if len(found) == MAX_PROBLEMS:
                break
        return found
    except jsonschema.SchemaError as error:
        return [("", f"its schema is no JSON Schema: {error.message[:500]}")]
    except (referencing.exceptions.Unresolvable, RecursionError) as error:
        return [("", f"its schema cannot be followed: {str(error)[:200]}")]


@cache
def _bounded(base: Any) -> Any:
    import jsonschema

    extend: Any = jsonschema.validators.extend  # its types are not declared
    return extend(base, {"pattern": _pattern, "uniqueItems": _unique_items})


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Any]:
    del schema
    import jsonschema

    if not validator.is_type(value, "string"):
        return
    if len(value.encode("utf-8", "surrogatepass")) > MAX_VALUE_BYTES:
        yield jsonschema.ValidationError(f"is longer than {MAX_VALUE_BYTES // 1024} KiB, too long for its pattern")
    elif not found_in(pattern, value):
        yield jsonschema.ValidationError(f"{value[:100]!r} does not match {pattern!r}")


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    del schema
    import jsonschema

    if wanted and validator.is_type(value, "array") and len({_canonical(item) for item in value}) < len(value):
        yield jsonschema.ValidationError("has an item twice")


def _canonical(value: Any) -> str:
    """A text that two values share where JSON Schema calls them equal: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(_without_point(value), sort_keys=True)


def _without_point(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_without_point(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_point(item) for key, item in value.items()}
    return value


def _patterns(schema: Any) -> Iterator[str]:
    """Every pattern in a schema. What only looks like one, as in an ``enum``, counts too: that is the safe side."""
    for one in _every(schema):
        if isinstance(one, dict):
            if isinstance(one.get("pattern"), str):
                yield one["pattern"]
            if isinstance(one.get("patternProperties"), dict):
                yield from one["patternProperties"]


def _keys(value: Any) -> Iterator[str]:
    for one in _every(value):
        if isinstance(one, dict):
            yield from one


def _every(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        one = pending.pop()
        yield one
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)


def _path(steps: Any) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
