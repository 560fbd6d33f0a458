"""The examinations: each looks at one thing and answers with one finding; none changes anything."""

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nova_spi.engines.process.interpreters import available
from nova_spi.errors import NovaSpiError
from nova_spi.settings import Settings
from nova_spi.version import __version__

State = Literal["ok", "missing", "off", "problem"]
LOW_DISK_BYTES = 2 * 1024**3
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examination saw.

    Attributes:
        name: What was looked at.
        state: ok; missing (an optional part is not there); off (comes with a later version); problem (must be mended).
        detail: What was seen.
        mend: The command or change that mends it.
    """

    name: str
    state: State
    detail: str
    mend: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        found = {"name": self.name, "state": self.state, "detail": self.detail}
        return found | {"mend": self.mend} if self.mend else found


def examine(settings: Settings) -> Iterator[Finding]:
    """Looks at this machine, one finding after the other."""
    examinations: tuple[Callable[[Settings], Finding], ...] = (
        _program,
        _process_engine,
        _docker_engine,
        _pythons,
        _installer,
        _media,
        _gpu,
        _cache,
        _disk,
        _proxies,
        _registry,
    )
    for look in examinations:
        yield look(settings)


def _program(_: Settings) -> Finding:
    return Finding(
        "nova-spi",
        "ok",
        f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.release()}, "
        f"{platform.machine()}, {os.cpu_count()} processors",
    )


def _process_engine(settings: Settings) -> Finding:
    """Runs a real program through the engine: what is only looked up may still not work."""
    from nova_spi.engines.port import Job, Limits
    from nova_spi.engines.process.engine import ProcessEngine
    from nova_spi.progress import Silent

    with tempfile.TemporaryDirectory(prefix="nova-spi-doctor-") as place:
        folder = Path(place)
        job = Job((sys.executable, "-c", "pass"), folder, folder, {}, folder / "log.txt", Limits(timeout_seconds=20))
        try:
            outcome = ProcessEngine(settings.cache_dir).run(job, Silent())
        except (NovaSpiError, OSError) as error:
            return Finding("engine process", "problem", str(error))
    if outcome.exit_code != 0:
        return Finding("engine process", "problem", f"a trial program ended with {outcome.reason}")
    return Finding(
        "engine process",
        "ok",
        f"a trial program ran in {outcome.wall_seconds * 1000:.0f} ms; models run at the level {_level(settings)}",
    )


def _level(settings: Settings) -> str:
    """The level of isolation, and why it is no higher."""
    from nova_spi.engines.process.isolation.levels import LEVELS, best, why_not

    found = best(settings.cache_dir)
    above = [(level, why_not(level, settings.cache_dir)) for level in LEVELS[: LEVELS.index(found)]]
    kept = "files and network are isolated" if not above else "it is no sandbox"
    if found == "process":
        kept = "neither files nor network are isolated"
    return "; ".join([f"'{found}': {kept}", *(f"'{level}' is not to be had: {reason}" for level, reason in above)])


def _docker_engine(_: Settings) -> Finding:
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    socket = Path(address.removeprefix("unix://"))
    seen = "a Docker socket is there" if socket.exists() else "no Docker socket is there"
    return Finding("engine docker", "off", f"{seen}; this version of nova-spi runs models by the process engine only")


def _pythons(settings: Settings) -> Finding:
    found = ", ".join(available(settings.cache_dir / "envs" / "interpreters.json"))
    return Finding("interpreters", "ok", f"{found} (execution.python_version takes one of them)")


def _installer(_: Settings) -> Finding:
    if importlib.util.find_spec("ensurepip") is None and importlib.util.find_spec("pip") is None:
        return Finding(
            "pip",
            "problem",
            "neither pip nor ensurepip is there: models with requirements cannot get their environment",
            "apt-get install python3-venv",
        )
    return Finding("pip", "ok", "models with requirements get an environment of their own")


def _media(_: Settings) -> Finding:
    absent = [name for name, module in (("Pillow", "PIL"), ("PyAV", "av")) if importlib.util.find_spec(module) is None]
    if absent:
        return Finding(
            "media", "missing", f"{', '.join(absent)} not installed: no media facts", "pip install 'nova-spi[media]'"
        )
    return Finding("media", "ok", "images, video and audio are checked before a model runs")


def _gpu(_: Settings) -> Finding:
    driver = Path("/proc/driver/nvidia/version")
    devices = sorted(Path("/dev").glob("nvidia[0-9]*"))
    if devices:
        kind = driver.read_text("utf-8").splitlines()[0] if driver.exists() else "driver version unknown"
        return Finding("gpu", "ok", f"{len(devices)} NVIDIA: {kind}")
    if Path("/dev/kfd").exists():
        return Finding("gpu", "ok", "an AMD GPU (ROCm)")
    return Finding("gpu", "missing", "none seen; models that need none run all the same")


def _cache(settings: Settings) -> Finding:
    """Writes there: what the permissions say and what the file system does are two things."""
    place = settings.cache_dir
    try:
        with tempfile.TemporaryFile(dir=_nearest(place)) as stream:
            stream.write(b"nova-spi")
    except OSError as error:
        detail = f"{place} cannot be written: {error.strerror}"
        return Finding("cache", "problem", detail, "export NOVA_SPI_CACHE_DIR=FOLDER")
    return Finding("cache", "ok", str(place))


def _nearest(place: Path) -> Path:
    return next((parent for parent in (place, *place.parents) if parent.exists()), Path("/"))


def _disk(settings: Settings) -> Finding:
    place = settings.cache_dir
    free = shutil.disk_usage(_nearest(place)).free
    detail = f"{free / 1024**3:.1f} GiB free for the cache"
    if free < LOW_DISK_BYTES:
        return Finding("disk", "problem", detail, f"free some space, or move the cache: {place}")
    return Finding("disk", "ok", detail)


def _proxies(_: Settings) -> Finding:
    """Names the variables that are set, never their values: a proxy's address may hold a password."""
    names = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    return Finding("proxies", "ok", f"set: {', '.join(names)}" if names else "none set")


def _registry(settings: Settings) -> Finding:
    named = settings.registry or "none set"
    return Finding("registry", "off", f"{named}; pushing and pulling come with a later version")


def describe(settings: Settings) -> list[dict[str, Any]]:
    """Every setting, its value and where that comes from."""
    from nova_spi.settings import SETTINGS

    return [
        {"name": name, "value": _shown(getattr(settings, name)), "from": settings.origin(name)} for name in SETTINGS
    ]


def _shown(value: Any) -> str | None:
    return None if value is None else str(value)
