"""The levels of isolation, and which of them this machine has: found by trying, in a child, and remembered."""

import json
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from nova_spi.engines.port import Job, Limits
from nova_spi.engines.process.isolation import landlock
from nova_spi.engines.process.isolation.system import MACHINES, machine
from nova_spi.engines.process.remembering import remember
from nova_spi.errors import EngineUnavailable, NovaSpiError
from nova_spi.progress import Silent

Level = Literal["sandbox", "landlock", "process"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the strongest on."""
LEAST_LANDLOCK, LEAST_LANDLOCK_OF_ROOT = 3, 6
_TRIAL_SECONDS = 20.0
_TRIALS = {
    "sandbox": "import os; raise SystemExit(os.getppid() != 1 or bool(os.listdir('/proc/1/fd')))",
    "landlock": "import os; os.listdir('/')",
}
"""Programs that must fail with a PermissionError, so they try the isolation and not only its start."""
_REFUSED = "PermissionError"


def why_not(level: Level, cache_dir: Path, place: Path | None = None) -> str:
    """Why this machine cannot give a level to this user; empty where it can.

    Args:
        level: The level.
        cache_dir: Where the answer is remembered.
        place: Where runs will have their folders: some file systems cannot be mapped to another user (overlayfs, say).
            None tries the temporary folder.
    """
    if level == "process":
        return ""
    return _why_not(level, cache_dir.absolute(), place.absolute() if place is not None else None)


def best(cache_dir: Path, place: Path | None = None) -> Level:
    """The strongest level that this machine gives to this user at ``place``."""
    return next(level for level in LEVELS if not why_not(level, cache_dir, place))


def require_at_least(level: Level, cache_dir: Path, place: Path | None = None) -> None:
    """Refuses where this machine gives less than a level.

    Raises:
        EngineUnavailable: As `require`.
    """
    if LEVELS.index(best(cache_dir, place)) > LEVELS.index(level):
        require(level, cache_dir, place)


def require(level: Level, cache_dir: Path, place: Path | None = None) -> None:
    """Refuses a level that this machine cannot give.

    Raises:
        EngineUnavailable: It cannot; the message says what is missing.
    """
    if reason := why_not(level, cache_dir, place):
        raise EngineUnavailable(
            f"This machine cannot isolate a model at the level '{level}'.",
            why=reason,
            mend=f"--require-isolation {best(cache_dir, place)} runs it with less protection.",
            level=level,
        )


@cache
def _why_not(level: Level, cache_dir: Path, place: Path | None) -> str:
    memory = cache_dir / "isolation.json"
    key = _key(level, place or Path(tempfile.gettempdir()))
    try:
        if json.loads(memory.read_bytes()).get(key) is True:
            return ""
    except (OSError, ValueError, AttributeError):
        pass  # nothing is remembered
    reason = _missing(level) or _tried(level, place)
    if not reason:
        _remember(memory, key)
    return reason


def _key(level: Level, place: Path) -> str:
    """What the answer depends on: this start of the machine, user, Python, container, and file system."""
    try:
        near = next(folder for folder in (place, *place.parents) if folder.exists()).stat().st_dev
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        inside = os.stat("/proc/self/ns/mnt").st_ino, os.stat("/proc/self/ns/user").st_ino  # noqa: PTH116 - two at once
    except OSError:
        return ""
    return f"{level} {boot} {os.geteuid()} {sys.executable} {inside} {near}"


def _missing(level: Level) -> str:
    """What is known to be missing without trying."""
    if sys.platform != "linux":
        return f"It needs Linux; this is {sys.platform}. On Windows, use WSL 2."
    if machine() not in MACHINES:
        return f"The system calls of {machine()} are not known; {' and '.join(MACHINES)} are."
    if level == "landlock":
        wanted = LEAST_LANDLOCK_OF_ROOT if os.geteuid() == 0 else LEAST_LANDLOCK
        found = landlock.version()
        if found < wanted:
            root = " for root" if os.geteuid() == 0 else ""
            return f"It needs version {wanted} of the kernel's Landlock{root}; this kernel has {found or 'none'}."
    return ""


def _tried(level: Level, place: Path | None) -> str:
    """Runs a program at the level that tries to get out of it; empty where it was hindered."""
    from nova_spi.engines.process.running import run

    try:
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="nova-spi-level-", dir=place) as name:
            folder = Path(name)
            log = folder / "log.txt"
            run_folder = folder / "run"
            run_folder.mkdir()
            program = (sys.executable, "-I", "-S", "-c", _TRIALS[level])
            job = Job(program, run_folder, run_folder, {"PATH": os.defpath}, log, Limits(_TRIAL_SECONDS))
            outcome = run(job, Silent(), level=level)
            said = log.read_text(encoding="utf-8", errors="replace")
    except NovaSpiError as error:
        return f"{error.message} {error.why}"
    except OSError as error:
        return f"It could not be tried: {error}."
    if _REFUSED in said and outcome.exit_code == 1:
        return ""
    return f"A trial program was not hindered, or did not run: {said[-200:].strip() or outcome.reason}"


def _remember(place: Path, key: str) -> None:
    """Keeps what works; what does not is tried again, since the machine may have been mended."""
    if not key:
        return
    try:
        known = json.loads(place.read_bytes())
    except (OSError, ValueError):
        known = {}
    remember(place, (known if isinstance(known, dict) else {}) | {key: True})
