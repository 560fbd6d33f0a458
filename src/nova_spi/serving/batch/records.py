"""One line of results.jsonl: what became of an item.

=============  =========================================================================================================
``index``      of the item, from 0
``status``     succeeded or failed; these two stand first, so that a line can be told by its beginning
``line``       where the item stands in the file of inputs, from 1; of a folder there is ``file``, its path there
``custom_id``  what the line of inputs called it, where it did
``seconds``    that the call took
``outputs``    name -> value, where it succeeded; a file output is a list of paths, from the folder of the results
``error``      {code, message, why, mend, details} where it failed; ``details.log`` is the end of what the model wrote
=============  =========================================================================================================
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nova_spi.errors import NovaSpiError
from nova_spi.serving.batch.items import Item

LOG_CHARACTERS = 4096
"""Of a failed item's log: its end."""

MAX_RECORD_BYTES = 320 * 1024 * 1024
"""Of one line; a worker's frame holds less."""

_BEGINNING = re.compile(rb'\{"index":(\d{1,15}),"status":"(succeeded|failed)",')


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one item.

    Attributes:
        outputs: The JSON object of the outputs where it succeeded.
        error: Why it failed, else None.
        seconds: How long its call took.
        log: What the model wrote.
    """

    outputs: bytes | None
    error: NovaSpiError | None = None
    seconds: float = 0.0
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None


def write_record(item: Item, custom_id: str | None, done: Done) -> bytes:
    """The line, with its end."""
    head: dict[str, Any] = {"index": item.index, "status": "succeeded" if done.ok else "failed"}
    if item.line is not None:
        head["line"] = item.line
    if item.file is not None:
        head["file"] = item.file
    if custom_id is not None:
        head["custom_id"] = custom_id
    head["seconds"] = round(done.seconds, 6)
    rest = _outputs(done.outputs) if done.error is None else b'"error":' + _dumped(_error(done.error, done.log))
    return _dumped(head)[:-1] + b"," + rest + b"}\n"


def _outputs(outputs: bytes | None) -> bytes:
    """Spliced in as they came; an end of a line may stand in JSON between two values, and there is none in a record."""
    return b'"outputs":' + (outputs or b"{}").replace(b"\n", b" ").replace(b"\r", b" ")


def _error(error: NovaSpiError, log: str) -> dict[str, Any]:
    found = error.to_dict()
    details = {name: value for name, value in error.details.items() if name != "log"}
    tail = (log or str(error.details.get("log", "")))[-LOG_CHARACTERS:]
    details |= {"log": tail} if tail else {}
    found.pop("details", None)
    return found | ({"details": details} if details else {})


def _dumped(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    return text.encode("utf-8", "backslashreplace")


def glance(line: bytes) -> tuple[int, bool] | None:
    """Index and success of a line, by its beginning alone; None for what does not begin as a line of ours."""
    found = _BEGINNING.match(line)
    return (int(found[1]), found[2] == b"succeeded") if found else None


def read_record(line: bytes) -> tuple[int, bool] | None:
    """Index and success of a whole line; None for one that is torn, or was never ours."""
    found = glance(line)
    if found is None or not line.endswith(b"}\n"):
        return None
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found
