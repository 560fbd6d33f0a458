"""How a container ended: from what the engine says, what the control group said, and what we did ourselves."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nova_spi.engines.docker.resources import Meter
from nova_spi.engines.port import Limits, Outcome, Reason

SIGNALLED = 128
"""An exit status above it is the number of a signal with it added, as shells, runc and the init processes have it."""


@dataclass(frozen=True, slots=True)
class End:
    """What is known of a container that has ended.

    Attributes:
        state: The engine's ``State``; empty where it did not say in time.
        reason: Why we ended it; None where we did not.
        seconds: By our own clock.
        full: The run's folder is over its limit, as the last walk says.
        truncated: Something of the log was thrown away.
    """

    state: Mapping[str, Any]
    reason: Reason | None
    seconds: float
    full: bool = False
    truncated: bool = False


def outcome_of(end: End, meter: Meter | None, limits: Limits) -> Outcome:
    """The outcome of a run.

    A program that exits by itself with a status above 128 looks like one that a signal ended; the engine tells no more.
    """
    code = end.state.get("ExitCode") if end.state else None
    number = _signal(code)
    if not end.state:
        number = int(signal.SIGKILL)
    reason = _reason(end, meter, limits, code, number)
    peak = meter.peak_bytes if meter is not None else None
    if reason == "out_of_memory" and meter is not None:
        peak = max(peak or 0, meter.mark_bytes) or None  # what the samples have missed is what ended it
    return Outcome(
        reason=reason,
        exit_code=code if number is None else None,
        signal=number,
        wall_seconds=_wall(end),
        cpu_seconds=meter.cpu_seconds if meter is not None else 0.0,
        peak_memory_bytes=peak,
        log_truncated=end.truncated,
    )


def _signal(code: int | None) -> int | None:
    if code is None or code <= SIGNALLED or code - SIGNALLED not in signal.valid_signals():
        return None
    return code - SIGNALLED


def _reason(end: End, meter: Meter | None, limits: Limits, code: int | None, number: int | None) -> Reason:
    if end.reason is not None:
        return end.reason
    if end.state.get("OOMKilled") or (meter is not None and meter.killed):
        return "out_of_memory"
    if number == signal.SIGKILL and meter is not None and 0 < (limits.memory_bytes or 0) <= meter.mark_bytes:
        return "out_of_memory"  # Podman did not notice, and the group was gone before its events could be read
    if number == signal.SIGXFSZ or end.full:
        return "out_of_disk"
    return "exited" if number is None else "signalled"


def _wall(end: End) -> float:
    """By the engine's clock, from the program's start to its end; by ours where it does not say."""
    started, finished = (moment(str(end.state.get(name, ""))) for name in ("StartedAt", "FinishedAt"))
    if started is None or finished is None:
        return end.seconds
    seconds = finished - started
    return seconds if 0 <= seconds <= end.seconds + 1 else end.seconds


def moment(text: str) -> float | None:
    """A time of RFC 3339 in seconds since 1970; Go writes nanoseconds, and year 1 for never."""
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:
        found = datetime.fromisoformat(head + rest[len(digits) :] if dot else text)
    except ValueError:
        return None
    if found.year < 1970 or found.tzinfo is None:
        return None
    return found.timestamp() + (float(f"0.{digits}") if digits else 0.0)
