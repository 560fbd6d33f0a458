"""Points in time as RFC 3339 writes them: ``2025-04-23T10:00:00Z``."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

TIMESTAMP = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
    r"(?:\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
)
_LEAP_SECOND = re.compile(r":60(?=[.Zz+-])")


def parse_time(text: str) -> datetime | None:
    """The moment that ``text`` names, or None where the calendar has no such day. A leap second counts as the 59th."""
    try:
        return datetime.fromisoformat(_LEAP_SECOND.sub(":59", text.upper()))
    except ValueError:
        return None


def _checked(text: str) -> str:
    if re.match(TIMESTAMP, text) is None or parse_time(text) is None:
        mend = "write date, T, time and offset, as in 2025-04-23T10:00:00Z"
        raise PydanticCustomError(
            "SPI-M241", "{shown} is not a time in RFC 3339", {"shown": repr(text[:80]), "mend": mend}
        )
    return text


Timestamp = Annotated[
    str, Field(json_schema_extra={"format": "date-time", "pattern": TIMESTAMP}), AfterValidator(_checked)
]
"""A point in time, kept as it was written."""
