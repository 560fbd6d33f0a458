"""``python -m nova_spi_runtime.health``: whether a model that was started is well, asked from inside its container.

An image has no shell, and a container engine that finds a container unhealthy only says so. This program runs the
manifest's check, counts failures in a row, and with ``--end`` it ends the container's own program after so many of
them: then the engine's restart policy takes its course. ::

    python -m nova_spi_runtime.health --timeout 5 --retries 3 --end -- python check.py
    python -m nova_spi_runtime.health --timeout 5 --retries 3 --callable checks:is_well

The exit status is 0 while all is well and 1 otherwise, as Docker's ``HEALTHCHECK`` wants it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT_FILE = "/tmp/.nova-spi-health"  # noqa: S108  # the one folder that a container lets its program write
"""Holds the failures in a row, and the beginning of the program that they are about."""

LONGEST = 2000
"""Characters of a failed check's words that are passed on; Docker keeps 4096 bytes of them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check once.

    Args:
        arguments: The words after the program's name; None takes those of this process.

    Returns:
        0 while all is well, else 1; 2 where the words are wrong.
    """
    from argparse import ArgumentParser

    parser = ArgumentParser(prog="nova_spi_runtime.health", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--timeout", type=float, default=5.0, help="Seconds until a check has failed.")
    parser.add_argument("--retries", type=int, default=3, help="How many failures in a row count.")
    parser.add_argument("--end", action="store_true", help="End the container's program after so many failures.")
    parser.add_argument("--count-file", default=COUNT_FILE, help="Where failures are counted.")
    parser.add_argument("--callable", metavar="MODULE:NAME", help="A function that returns while all is well.")
    parser.add_argument("--call", metavar="MODULE:NAME", help="Call this function here, and do nothing else.")
    parser.add_argument("command", nargs="*", help="A program that exits with 0 while all is well.")
    said = parser.parse_args(arguments)
    if said.call:
        return call(said.call)
    if bool(said.callable) == bool(said.command):
        parser.error("Give --callable MODULE:NAME, or -- and a program.")
    words = said.command or [sys.executable, "-m", "nova_spi_runtime.health", "--call", said.callable]
    trouble = check(words, said.timeout)
    count = _count(said.count_file, bool(trouble))
    if not trouble:
        return 0
    sys.stdout.write(f"{trouble}\n")
    if said.end and count >= said.retries:
        words = " ".join(trouble.split())[:LONGEST]
        _say(f"spi: The health check failed {count} times in a row; the program is ended. {words}")
        _count(said.count_file, False)
        end()
    return 1


def check(words: Sequence[str], timeout: float) -> str:
    """Run a check to its end.

    Args:
        words: A program and its arguments.
        timeout: In seconds; afterwards everything that it started is killed.

    Returns:
        What is wrong; empty while all is well.
    """
    try:
        running = subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return f"The check {words[0]!r} cannot be started: {error.strerror}."
    try:
        told, _ = running.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return f"The check took longer than {timeout:g} s."
    finally:
        with suppress(OSError):
            os.killpg(running.pid, signal.SIGKILL)
        running.stdout.close()  # type: ignore[union-attr]  # it is a pipe, as asked for above
        running.wait()
    if running.returncode == 0:
        return ""
    text = told.decode("utf-8", "replace").strip()[-LONGEST:]
    ended = f"exit status {running.returncode}" if running.returncode > 0 else f"signal {-running.returncode}"
    return f"The check failed: {ended}.\n{text}".strip()


def call(reference: str) -> int:
    """Call ``module:function``; it is well where it returns anything but False."""
    from .calling import find
    from .errors import SPIError

    try:
        function = find(reference)
    except SPIError as error:
        sys.stdout.write(f"{error.message}\n")
        return 1
    trouble = trouble_of(function(), reference)
    if trouble:
        sys.stdout.write(f"{trouble}\n")
    return 1 if trouble else 0


def trouble_of(answer: object, reference: str) -> str:
    """What is wrong where a check has returned this; empty while all is well."""
    return f"{reference} returned False." if answer is False else ""


def end() -> None:
    """Kill what process 1 has started, so that the container ends with a failure whatever its program makes of SIGTERM.

    Process 1 is the engine's own small init; where it is the program itself, it gets SIGTERM, the one signal that has
    a chance: the kernel keeps all others from process 1.
    """
    children = [process for process in _processes() if _status(process)[1] == "1" and process != os.getpid()]
    for process in children:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
    if not children:
        with suppress(OSError):
            os.kill(1, signal.SIGTERM)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _status(process: int) -> tuple[str, str]:
    """When a process began, in ticks since the machine's start, and its parent (proc(5), fields 22 and 4)."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read(4096).rpartition(")")[2].split()
        return fields[19], fields[1]
    except (OSError, IndexError):
        return "", ""  # it has ended meanwhile


def _count(place: str, failed: bool) -> int:
    """The failures in a row, with this one; those of a program that has been started anew since do not count."""
    program = _status(1)[0]
    before = 0
    with suppress(OSError, ValueError), open(place, encoding="ascii") as file:
        known, _, number = file.read(64).partition(" ")
        before = int(number) if known == program else 0
    count = before + 1 if failed else 0
    if count != before:
        beside = f"{place}.{os.getpid()}"
        with suppress(OSError):
            with open(beside, "w", encoding="ascii") as file:
                file.write(f"{program} {count}")
            os.replace(beside, place)
    return count


def _say(text: str) -> None:
    """Into the container's own log, where process 1 lets us; what this program prints is shown by inspect alone."""
    with suppress(OSError):
        descriptor = os.open("/proc/1/fd/2", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            os.write(descriptor, f"{text}\n".encode("utf-8", "replace"))
        finally:
            os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
