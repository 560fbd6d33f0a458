"""The JSON object that a body holds: read in one place for every face of a served model."""

from typing import Any

from nova_spi.errors import UsageError
from nova_spi.serving.accepting.beside import without_collections
from nova_spi_runtime.json_text import JsonInvalid, parse_json

LARGE = 256 * 1024
"""Bytes of a body that is read in a thread, so that other callers do not wait for it."""


def json_object(body: bytes, mend: str = "") -> dict[str, Any]:
    """Reads a body.

    Args:
        body: Its bytes, in UTF-8.
        mend: What mends one that is none.

    Raises:
        UsageError: It is no JSON, or something else than an object.
    """
    try:
        found = parse_json(body) if len(body) <= LARGE else without_collections(parse_json, body)
    except JsonInvalid as error:
        raise UsageError(f"The body is not JSON: {error}.", mend=mend) from None
    if not isinstance(found, dict):
        raise UsageError("The body is no JSON object.", mend=mend)
    return found
