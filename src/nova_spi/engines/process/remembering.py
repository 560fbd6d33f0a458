"""What was found out about this machine, kept in the cache so that it need not be found out again."""

import json
import os
from pathlib import Path
from typing import Any


def remember(place: Path, known: dict[str, Any]) -> None:
    """Writes it as JSON, as a whole. A cache that cannot be written costs time, no more: the next one looks again."""
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(place)
    except OSError:
        return
