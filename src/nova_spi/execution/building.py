"""Building a project's image, with somebody to run the steps that must run inside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.port import Image
from nova_spi.errors import BuildFailed, EngineUnavailable, ExtraMissing
from nova_spi.images.approval import approve
from nova_spi.images.build import BuiltImage, build_image
from nova_spi.images.steps import OWN, needs_step
from nova_spi.progress import Progress, Silent
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from nova_spi.artifacts.references import Reference
    from nova_spi.engines.docker.connecting import Connection
    from nova_spi.images.base import Base
    from nova_spi.project.folder import Folder


def build(
    folder: "Folder",
    layout: Layout,
    settings: Settings,
    *,
    base: str | None = None,
    platform: Platform | None = None,
    name: "Reference | None" = None,
    cached: bool = True,
    progress: Progress | None = None,
    serving: bool = False,
) -> BuiltImage:
    """Builds a project's image into a layout; arguments and errors are those of `nova_spi.images.build.build_image`.

    Raises:
        EngineUnavailable: A container engine went away in the middle of a step.
    """
    steps = EngineSteps(folder, cached=cached, progress=progress or Silent(), settings=settings)
    return build_image(
        folder,
        layout,
        base=base,
        platform=platform,
        name=name,
        cached=cached,
        settings=settings,
        progress=progress,
        steps=steps,
        serving=serving,
    )


class EngineSteps:
    """Docker or Podman, asked for a base that needs a step, and only then; see `nova_spi.images.steps.Steps`.

    Modules are compiled in a sandbox where this machine has one, else by the container engine too.

    Args:
        folder: The project.
        cached: Whether earlier builds count.
        progress: Hears the steps.
        settings: Where images are unpacked; by default the project's.
    """

    def __init__(self, folder: "Folder", *, cached: bool, progress: Progress, settings: Settings | None = None) -> None:
        self._settings = settings or Settings.load(folder.root)
        self._folder = folder
        self._cached = cached
        self._progress = progress

    def with_packages(self, layout: Layout, base: "Base", packages: Sequence[str], platform: Platform) -> str:
        """Adds packages of the base's own package manager, once for each base and list of them."""
        from nova_spi.engines.docker.building import build_with_packages, kept_base

        manifest = base.manifest
        image = Image(base.name, layout.root, str(manifest.descriptor.digest), str(manifest.config.digest))
        if self._cached and (found := kept_base(layout, image, packages)):
            return found
        why = f"execution.system_packages names {', '.join(packages)[:200]}"
        with self._engine(why, platform) as connection:
            return build_with_packages(
                connection, layout, image, packages, progress=self._progress, cached=self._cached
            )

    def own(self, layout: Layout, platform: Platform) -> str:
        """Builds the project's own Dockerfile, whose bases must be approved as any other."""
        from nova_spi.artifacts.references import Reference
        from nova_spi.engines.docker.building import build_own
        from nova_spi.engines.docker.dockerfiles import bases, own_dockerfile

        text = own_dockerfile(self._folder.root)
        if text is None:
            raise BuildFailed(
                f"The base image is the project's own {OWN}, and there is none.",
                mend=f"Write {self._folder.root / OWN}, or name another base.",
                code="build.no_base",
            )
        for named in bases(text):
            approve(Reference.parse(named))
        with self._engine(f"the base image is the project's own {OWN}", platform) as connection:
            return build_own(connection, layout, text, self._folder.root, progress=self._progress, cached=self._cached)

    def compile_modules(self, layout: Layout, base: "Base", platform: Platform, folder: "Path", tag: str) -> bool:
        """Compiles in a sandbox or in a container; see `nova_spi.execution.compiling.compile_modules`."""
        from nova_spi.execution.compiling import compile_modules

        return compile_modules(layout, base, platform, folder, tag, self._settings.cache_dir, self._progress)

    def _engine(self, why: str, platform: Platform) -> "Connection":
        if platform.architecture != Platform.here().architecture:
            raise needs_step(
                f"A step must run inside the image, which is for {platform}; this machine is {Platform.here()}.",
                f"{why[0].upper()}{why[1:]}.",
                "Build it on such a machine, or --base-image debian.",
            )
        from nova_spi.engines.docker.connecting import connect

        try:
            return connect()
        except (EngineUnavailable, ExtraMissing) as error:
            raise needs_step(
                f"A step must run inside the image, and there is no container engine to run it: {why}.",
                f"{error.message} {error.why}".strip(),
                f"{error.mend} Or without one: --base-image debian.".strip(),
            ) from error
