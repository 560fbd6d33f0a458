"""Errors on the terminal: what happened, why, and the command that mends it; as JSON where a program reads."""

import sys
import traceback
from typing import Any

import click

from nova_spi.cli import style
from nova_spi.cli.state import State
from nova_spi.errors import NovaSpiError

MOST_PROBLEMS = 20
LAST_FRAMES = 20
"""Lines of a model's traceback or of its log's end; the whole stands in its log."""


def usage(error: click.ClickException, state: State) -> int:
    """A wrong call: exit status 2."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    mend = f"{context.command_path} --help" if context is not None else "nova-spi --help"
    _tell({"code": "usage.invalid", "message": message, "mend": mend}, state)
    return 2


def interrupted(state: State) -> int:
    """Ctrl-C: exit status 130."""
    _tell({"code": "run.cancelled", "message": "Interrupted."}, state)
    return 130


def expected(error: NovaSpiError, state: State) -> int:
    """An error of our tree: its own exit status."""
    if state.verbosity >= 2:
        traceback.print_exception(error)
    _tell(error.to_dict(), state)
    return error.exit_status


def unexpected(error: Exception, state: State) -> int:
    """A bug of ours: one line, and the traceback with -vv."""
    if state.verbosity >= 2:
        traceback.print_exception(error)
    _tell(
        {
            "code": "nova_spi.internal",
            "message": f"nova-spi met an error that it did not expect: {type(error).__name__}: {error}",
            "why": "This is a defect of nova-spi, not of your project.",
            "mend": "run the same command with -vv and report what it prints",
        },
        state,
    )
    return 1


def unwritable(error: OSError) -> int:
    """Standard output takes nothing any more, a full disk for one: told on standard error, whatever was asked for."""
    what = {
        "code": "run.system",
        "message": "The output could not be written.",
        "why": error.strerror or str(error),
        "mend": "free some space, or send it elsewhere",
    }
    print_error(what)
    return 1


def _tell(error: dict[str, Any], state: State) -> None:
    if state.machine:
        style.print_json({"schema_version": style.SCHEMA_VERSION, "ok": False, "error": error})
        return
    print_error(error)


def print_error(error: dict[str, Any]) -> None:
    """Writes an error's dictionary to standard error, as people read it."""
    paint = style.Paint(sys.stderr)
    head = f"{paint.red('✗')} {error['message']} {paint.dim('[' + error['code'] + ']')}"
    style.write(sys.stderr, "\n".join([head, *reasons(error, paint)]))


def reasons(error: dict[str, Any], paint: style.Paint) -> list[str]:
    """The lines below an error's message: each problem, why, the model's frames or its log's end, the log, its mend."""
    details = error.get("details", {})
    problems = details.get("problems", [])
    lines = [f"  {problem['path'] or 'inputs'}: {problem['message']}" for problem in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        lines.append(f"  and {len(problems) - MOST_PROBLEMS} more")
    if error.get("why"):
        lines.append(f"  why: {style.folded(error['why'], 7, paint.stream)}")
    quoted = str(details.get("traceback") or "").rstrip().splitlines() or details.get("lines", [])
    lines += [f"  {paint.dim('|')} {line}" for line in quoted[-LAST_FRAMES:]]
    if details.get("log"):
        lines.append(f"  log: {details['log']}")
    if error.get("mend"):
        lines.append(f"  mend: {paint.bold(error['mend'])}")
    return lines
