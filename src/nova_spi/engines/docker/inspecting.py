"""Asking an engine for all that it knows of a container, also in the moment when its program ends."""

import re
import time
from collections.abc import Mapping
from typing import Any

ENDING_SECONDS = 5.0
"""How long a container may be about to end; what is left of it then is an error."""
PAUSE_SECONDS = 0.03

_ENDING = re.compile(r"/proc/\d+/cgroup: no such process")
"""Podman looks at the first process of a container that it thinks is running, and gives up where that has just ended.

A program that the kernel has killed for want of memory is asked for in that very moment.
"""


def inspected(api: Any, name: str) -> Mapping[str, Any]:
    """What ``GET /containers/NAME/json`` says, asked again while the engine stumbles over an end.

    Args:
        api: The SDK's.
        name: Or id.

    Raises:
        APIError: Of the SDK: the engine refuses, or there is no such container.
    """
    from docker.errors import APIError

    until = time.monotonic() + ENDING_SECONDS
    while True:
        try:
            found: Mapping[str, Any] = api.inspect_container(name)
            return found
        except APIError as error:
            if not _ENDING.search(str(error.explanation or error)) or time.monotonic() > until:
                raise
        time.sleep(PAUSE_SECONDS)
