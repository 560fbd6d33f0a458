"""An execution's result on the terminal, and as JSON."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.cli import failures, style
from nova_spi.cli.state import State

if TYPE_CHECKING:
    from nova_spi.execution.records import ExecutionResult

SHOWN_CHARACTERS = 2000
"""Of one output's value on the terminal; the whole stands in output.json."""


def to_dict(result: "ExecutionResult") -> dict[str, Any]:
    """The stable JSON shape of one execution."""
    return {
        "schema_version": style.SCHEMA_VERSION,
        "ok": result.ok,
        "id": result.id,
        "command": result.command,
        "outputs": _plain(result.outputs),
        "error": result.error.to_dict() if result.error else None,
        "warnings": list(result.warnings),
        "folder": str(result.folder),
        "log": str(result.log),
        "timings": result.record.get("timings", {}),
    }


def show(result: "ExecutionResult", state: State, title: str) -> None:
    """Prints what came out, or the error with its log."""
    if state.machine:
        style.print_json(to_dict(result))
        return
    if result.error is not None:
        failures.print_error(result.error.to_dict())
        return
    if state.silent:
        return
    paint = style.Paint(sys.stdout)
    style.say(f"{paint.green('✓')} {title}")
    style.say("Output:")
    for name, value in result.outputs.items():
        style.say(f"  {name}: {_short(value)}")
    style.say(paint.dim(f"Evidence: {result.folder}"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _short(value: Any) -> str:
    import json

    if isinstance(value, list) and value and all(isinstance(item, Path) for item in value):
        return ", ".join(str(item) for item in value)
    text = json.dumps(_plain(value), ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}... (the whole is in output.json)"
