"""What apt says when it fails, as an error that says what mends it."""

import re

from nova_spi.errors import BuildFailed

_FULL = ("No space left on device", "Disk quota exceeded", "don't have enough free space")
_OFFLINE = ("Could not resolve", "Temporary failure resolving", "Could not connect", "Connection failed", "timed out")
_NO_PACKAGE = re.compile(
    r"(?:Unable to locate package|Package '?|package '?)([a-z0-9][a-z0-9+.:-]*)'?(?:$| has no inst)"
)
_NO_VERSION = re.compile(r"Version '([^']+)' for '([^']+)' was not found")
LAST_LINES = 10


def no_package(name: str, why: str) -> BuildFailed:
    """The error for a package that apt does not know."""
    return BuildFailed(f"apt knows no package {name}.", why=why, mend="apt-get update", code="build.no_package")


def failed(program: str, verb: str, told: str) -> BuildFailed:
    """The error for a call of apt that failed.

    Args:
        program: ``apt-get``.
        verb: What it was asked for.
        told: Its standard error, without passwords.
    """
    lines = [line for line in told.splitlines() if line.strip()][-LAST_LINES:]
    errors = [line.removeprefix("E:").strip() for line in lines if line.startswith("E:")]
    why = next(iter(errors), lines[-1] if lines else "It said nothing.")
    if any(words in told for words in _FULL):
        return BuildFailed(
            "The packages of the base debian cannot be fetched: the disk is full.",
            mend="Make room, or set NOVA_SPI_CACHE_DIR to a larger one.",
            code="artifact.disk_full",
            lines=lines,
        )
    if gone := _NO_VERSION.search(told):
        return BuildFailed(
            f"{gone[2]} {gone[1]} is not to be had from this machine's sources.",
            why="They hold another version by now, or are of another release.",
            mend="apt-get update; where nova-spi.lock pins it, --base-image debian chooses anew and rewrites the lock.",
            code="build.no_package",
            lines=lines,
        )
    if missing := next(filter(None, map(_NO_PACKAGE.search, errors)), None):
        return no_package(missing[1], why)
    # A mirror has forgotten what the machine's older lists name: newer lists mend that too.
    offline = any(words in told for words in _OFFLINE)
    return BuildFailed(
        f"{program} {verb} failed.",
        why=why[:500],
        mend="Check the network and the machine's sources." if offline else "apt-get update",
        code="build.packages",
        lines=lines,
    )
