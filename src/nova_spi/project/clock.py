"""The time that is written into manifests."""

import os
from datetime import UTC, datetime

from nova_spi.errors import SettingsInvalid


def timestamp() -> str:
    """Now, in RFC 3339 and UTC, to the second; SOURCE_DATE_EPOCH where it is set, so that a build can be repeated.

    Raises:
        SettingsInvalid: SOURCE_DATE_EPOCH is not a number of seconds since 1970.
    """
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    if not fixed:
        return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    try:
        return f"{datetime.fromtimestamp(int(fixed), UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError) as error:
        raise SettingsInvalid(
            f"SOURCE_DATE_EPOCH is {fixed[:40]!r}.",
            why="It is the number of seconds since 1970-01-01.",
            mend="unset SOURCE_DATE_EPOCH",
        ) from error
