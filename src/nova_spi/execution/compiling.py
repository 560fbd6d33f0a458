"""Compiling an image's modules by its own Python: in a sandbox, which needs no daemon, else in a container."""

from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.port import Engine, Image, Job, Limits, Mount, Recipe
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.errors import ArtifactInvalid, EngineUnavailable, EnvironmentFailed, ExtraMissing
from nova_spi.images.steps import COMPILE_INPUT, COMPILE_OUTPUT, COMPILE_PROGRAM
from nova_spi.progress import Progress, Silent

if TYPE_CHECKING:
    from nova_spi.images.base import Base

SECONDS = 1800.0
"""The largest set of packages takes some minutes."""

MEMORY_BYTES = 4 << 30
DISK_BYTES = 4 << 30
"""Of sources and of what comes out together."""

LAST_BYTES = 300
_PLACE = Path("/tmp/nova-spi")  # noqa: S108  # in the image, where every engine has an empty folder
_LEFT_OUT = "Where it can be compiled, the image has another digest."


def compile_modules(
    layout: Layout, base: "Base", platform: Platform, folder: Path, tag: str, cache_dir: Path, progress: Progress
) -> bool:
    """Runs the program that compiles; see `nova_spi.images.steps.Steps.compile_modules`.

    Args:
        layout: Where the base is.
        base: Whose Python.
        platform: Of the image.
        folder: What the program reads and writes.
        tag: Its argument.
        cache_dir: Where the sandbox has the base unpacked.
        progress: Hears of it, and why it was not done.

    Returns:
        Whether it was done.
    """
    why = _missing(base, platform) or _tried(layout, base, folder, tag, cache_dir, progress)
    if why:
        progress.warn(f"The image holds no bytecode, so it starts more slowly: {why} {_LEFT_OUT}")
    return not why


def _missing(base: "Base", platform: Platform) -> str:
    here = Platform.here()
    if not platform.fits(here) or not base.config.platform.fits(here):
        return f"it is for {platform}, and this machine is {here}."
    return ""


def _tried(layout: Layout, base: "Base", folder: Path, tag: str, cache_dir: Path, progress: Progress) -> str:
    """Runs it; why it failed, or nothing."""
    image = _image(layout, base)
    try:
        if not why_not("sandbox", cache_dir, folder):
            return _ran(ProcessEngine(cache_dir, "sandbox", folder), image, base, folder, tag, progress)
        with closing(DockerEngine()) as engine:
            return _ran(engine, image, base, folder, tag, progress)
    except (ArtifactInvalid, EngineUnavailable, EnvironmentFailed, ExtraMissing) as error:
        return f"{error.message} {error.why}".strip()


def _image(layout: Layout, base: "Base") -> Image:
    """The base under a name of its own, so that nothing else in an engine loses its name to it."""
    manifest = base.manifest.descriptor.digest
    return Image(
        f"localhost/nova-spi/base:{manifest.hex[:12]}", layout.root, str(manifest), str(base.manifest.config.digest)
    )


def _ran(engine: Engine, image: Image, base: "Base", folder: Path, tag: str, progress: Progress) -> str:
    environment = engine.provide(Recipe(folder, image=image), progress)
    log = folder.parent / "log.txt"
    program = str(_PLACE / COMPILE_INPUT / COMPILE_PROGRAM)
    job = Job(
        (base.python.path, "-I", "-S", program, tag),
        folder,
        Path("/"),
        dict(environment.variables),
        log,
        Limits(SECONDS, memory_bytes=MEMORY_BYTES, disk_bytes=DISK_BYTES, log_bytes=1 << 20),
        network="none",
        environment=environment,
        mounts=(
            Mount(folder / COMPILE_INPUT, _PLACE / COMPILE_INPUT),
            Mount(folder / COMPILE_OUTPUT, _PLACE / COMPILE_OUTPUT, writable=True),
        ),
    )
    outcome = engine.run(job, Silent())
    if outcome.exit_code == 0:
        return ""
    said = log.read_bytes()[-LAST_BYTES:].decode("utf-8", "replace").strip()
    name = PurePosixPath(base.python.path).name
    return f"its {name} could not compile ({outcome.reason}, {outcome.exit_code}): {said or 'it said nothing'}."
