"""The machine itself: Python, the media libraries, the GPU, the cache and its disk, the network's settings."""

import importlib.util
import os
import platform
import shutil
import tempfile
from pathlib import Path

from nova_spi.checks.machine.finding import Finding
from nova_spi.engines.process.interpreters import available
from nova_spi.settings import Settings
from nova_spi.version import __version__

LOW_DISK_BYTES = 2 * 1024**3
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def program() -> Finding:
    """This nova-spi, and what it runs on."""
    return Finding(
        "nova-spi",
        "ok",
        f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.release()}, "
        f"{platform.machine()}, {os.cpu_count()} processors",
    )


def interpreters(settings: Settings) -> Finding:
    """The Pythons that a model can ask for."""
    found = ", ".join(available(settings.cache_dir / "envs" / "interpreters.json"))
    return Finding("interpreters", "ok", f"{found} (execution.python_version takes one of them)")


def installer(_: Settings) -> Finding:
    """What installs a model's packages."""
    if importlib.util.find_spec("ensurepip") is None and importlib.util.find_spec("pip") is None:
        return Finding(
            "pip",
            "problem",
            "neither pip nor ensurepip is there: models with requirements cannot get their environment",
            "apt-get install python3-venv",
        )
    return Finding("pip", "ok", "models with requirements get an environment of their own")


def media(_: Settings) -> Finding:
    """The libraries that look into images, video and audio."""
    absent = [name for name, module in (("Pillow", "PIL"), ("PyAV", "av")) if importlib.util.find_spec(module) is None]
    if absent:
        return Finding(
            "media", "missing", f"{', '.join(absent)} not installed: no media facts", "pip install 'nova-spi[media]'"
        )
    return Finding("media", "ok", "images, video and audio are checked before a model runs")


def serving(_: Settings) -> Finding:
    """The libraries that a server stands on."""
    needed = ("uvicorn", "httptools", "uvloop", "python_multipart")
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        named = ", ".join(absent).replace("_", "-")
        return Finding(
            "serving", "missing", f"{named} not installed: no nova-spi serve", "pip install 'nova-spi[serve]'"
        )
    return Finding("serving", "ok", "models can be served over HTTP")


def gpu(_: Settings) -> Finding:
    """The GPUs that the kernel shows."""
    driver = Path("/proc/driver/nvidia/version")
    devices = sorted(Path("/dev").glob("nvidia[0-9]*"))
    if devices:
        kind = driver.read_text("utf-8").splitlines()[0] if driver.exists() else "driver version unknown"
        return Finding("gpu", "ok", f"{len(devices)} NVIDIA: {kind}")
    if Path("/dev/kfd").exists():
        return Finding("gpu", "ok", "an AMD GPU (ROCm)")
    return Finding("gpu", "missing", "none seen; models that need none run all the same")


def cache(settings: Settings) -> Finding:
    """Writes there: what the permissions say and what the file system does are two things."""
    place = settings.cache_dir
    try:
        with tempfile.TemporaryFile(dir=_nearest(place)) as stream:
            stream.write(b"nova-spi")
    except OSError as error:
        detail = f"{place} cannot be written: {error.strerror}"
        return Finding("cache", "problem", detail, "export NOVA_SPI_CACHE_DIR=FOLDER")
    return Finding("cache", "ok", str(place))


def disk(settings: Settings) -> Finding:
    """The room that the cache has."""
    place = settings.cache_dir
    free = shutil.disk_usage(_nearest(place)).free
    detail = f"{free / 1024**3:.1f} GiB free for the cache"
    if free < LOW_DISK_BYTES:
        return Finding("disk", "problem", detail, f"free some space, or move the cache: {place}")
    return Finding("disk", "ok", detail)


def proxies(_: Settings) -> Finding:
    """Names the variables that are set, never their values: a proxy's address may hold a password."""
    names = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    return Finding("proxies", "ok", f"set: {', '.join(names)}" if names else "none set")


def _nearest(place: Path) -> Path:
    return next((parent for parent in (place, *place.parents) if parent.exists()), Path("/"))
