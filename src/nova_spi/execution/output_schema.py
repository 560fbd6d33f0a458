"""A value against the JSON Schema that the manifest gives for it."""

from typing import Any

MAX_PROBLEMS = 20


def schema_problems(schema: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    """What is wrong with ``value``: (path such as ``.lines[0]``, message). References are never fetched."""
    # jsonschema costs some 60 ms to import: only where a schema is really there.
    import jsonschema
    import referencing
    import referencing.exceptions

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        checker = kind(schema, registry=referencing.Registry())
        found = []
        for error in checker.iter_errors(value):
            found.append((_path(error.absolute_path), error.message[:500]))
            if len(found) == MAX_PROBLEMS:
                break
        return found
    except jsonschema.SchemaError as error:
        return [("", f"its schema is no JSON Schema: {error.message[:500]}")]
    except (referencing.exceptions.Unresolvable, RecursionError) as error:
        return [("", f"its schema cannot be followed: {str(error)[:200]}")]


def _path(steps: Any) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
