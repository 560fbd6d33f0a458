"""An execution as JSON: the worker's own bytes between ours, wherever no file has to be named."""

import json
import time
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from nova_spi.serving.calls import Execution, OutputFile
from nova_spi.serving.http.keeping import Kept

_TEMPLATE = (
    b'{"id":"%b","command":%b,"status":"%b","outputs":%b,"error":%b,"created_at":%b,"started_at":%b,"finished_at":%b%b}'
)


def document(kept: Kept) -> bytes:
    """The JSON object that is given of an execution."""
    execution = kept.execution
    outputs, error = execution.outputs, execution.error
    if outputs is None:
        outputs = b"null"
    elif execution.files:
        outputs = compact(with_files(execution))
    return _TEMPLATE % (
        execution.call.id.encode(),
        _text(execution.call.command),
        execution.status.encode(),
        outputs,
        b"null" if error is None else compact(error.to_dict()),
        _moment(execution.created_at),
        _moment(execution.started_at),
        _moment(execution.finished_at),
        b',"warnings":' + compact(kept.warnings) if kept.warnings else b"",
    )


def with_files(execution: Execution) -> dict[str, Any]:
    """The outputs, with every file as {name, url, size_bytes, media_type}; to be asked for after success."""
    found = execution.value()
    for name, files in execution.files.items():
        found[name] = [_described(execution.id, file) for file in files]
    return found


def _described(identifier: str, file: OutputFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "url": f"/v1/executions/{identifier}/files/{quote(file.name)}",
        "size_bytes": file.size,
        "media_type": file.media_type,
    }


def compact(value: Any) -> bytes:
    """``value`` as JSON without spaces; what is no text in UTF-8 is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=str).encode()


@lru_cache(maxsize=256)
def _text(value: str) -> bytes:
    return compact(value)


@lru_cache(maxsize=4)
def _second(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()


def _moment(seconds: float | None) -> bytes:
    """A moment as RFC 3339 in UTC, to the millisecond."""
    if seconds is None:
        return b"null"
    whole = int(seconds)
    return b'"%b.%03dZ"' % (_second(whole), (seconds - whole) * 1000)
