"""A file of inputs: one JSON or YAML object, names to values, read as strictly as the manifest is."""

import math
from collections.abc import Mapping as Names
from pathlib import Path
from typing import Any

from nova_spi.errors import InputInvalid, UsageError
from nova_spi.interface.assembling import Text
from nova_spi.manifest.nodes import Mapping, Node, Scalar, Sequence
from nova_spi.manifest.text.scalars import resolve_core
from nova_spi.manifest.text.source import parse
from nova_spi_runtime.json_text import JsonInvalid, parse_json

MAX_JSON_BYTES = 64 * 1024 * 1024
"""Of a JSON file; a YAML file is bounded like a manifest, at 1 MiB."""

EXAMPLE = '{"prompt": "Hello, world!"}'


def read_input_file(path: Path) -> dict[str, Any]:
    """The inputs that stand in a file; ``.json`` is JSON, anything else YAML 1.2.

    A plain YAML scalar at the top is a `Text`: its parameter's type says what it means, so ``yes`` is the text where a
    string is expected and true where a boolean is.

    Raises:
        UsageError: The file cannot be read, or is too large.
        InputInvalid: It is not JSON or YAML, has a key twice, or is no object.
    """
    data = _bounded(path)
    found = _json(data, path) if path.suffix.lower() == ".json" else _yaml(data, path)
    if not isinstance(found, Names):
        raise InputInvalid(
            f"The input file {path} holds no object.", why="Inputs are names with values.", mend=f"write {EXAMPLE}"
        )
    return dict(found)


def _bounded(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UsageError(f"There is no input file {path}.", mend="name a file with one JSON or YAML object")
        with path.open("rb") as stream:
            data = stream.read(MAX_JSON_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"The input file {path} cannot be read.", why=str(error)) from error
    if len(data) > MAX_JSON_BYTES:
        raise UsageError(
            f"The input file {path} is over {MAX_JSON_BYTES // 2**20} MiB.", mend="pass it as a file input"
        )
    return data


def _json(data: bytes, path: Path) -> Any:
    try:
        return parse_json(data)
    except JsonInvalid as error:
        raise InputInvalid(f"The input file {path} is not valid JSON: {error}.", mend=f"write {EXAMPLE}") from error


def _yaml(data: bytes, path: Path) -> Any:
    parsed = parse(data)
    for finding in parsed.findings:
        place = f":{finding.span.line}:{finding.span.column}" if finding.span else ""
        raise InputInvalid(f"The input file {path}{place} cannot be read: {finding.message}.", mend=f"write {EXAMPLE}")
    if not isinstance(parsed.node, Mapping):
        return None
    return {entry.key.text: _top(entry.value, path) for entry in parsed.node}


def _top(node: Node, path: Path) -> Any:
    if isinstance(node, Scalar) and node.plain and resolve_core(node.text) is not None:
        return Text(node.text)
    return _plain(node, path)


def _plain(node: Node, path: Path) -> Any:
    if isinstance(node, Mapping):
        return {entry.key.text: _plain(entry.value, path) for entry in node}
    if isinstance(node, Sequence):
        return [_plain(item, path) for item in node.items]
    value = resolve_core(node.text) if node.plain else node.text
    if isinstance(value, float) and not math.isfinite(value):
        raise InputInvalid(
            f"The input file {path}:{node.span.line}:{node.span.column} holds {node.text}, which is no finite number.",
            mend="write a finite number",
        )
    return value
