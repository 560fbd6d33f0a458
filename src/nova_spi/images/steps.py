"""What only a program inside the image can do, and who does it.

An image that is made without running anything cannot do it; a container engine's own build can, where there is one. It
makes the base alone: packages, runtime and app come on top as always. Compiling modules needs less: somebody who runs
the base's Python.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images import debian

if TYPE_CHECKING:
    from nova_spi.images.base import Base
    from nova_spi.manifest.models import Execution

CODE = "build.needs_step"
OWN = "Dockerfile"
"""Named as the base image: the project's own file of this name makes it."""

COMPILE_INPUT, COMPILE_OUTPUT, COMPILE_PROGRAM = "in", "out", "program.py"
"""Of the folder that `Steps.compile_modules` takes: what the program reads, what it writes, the program itself."""


class Steps(Protocol):
    """Somebody who can run programs while an image is built."""

    def with_packages(self, layout: Layout, base: "Base", packages: Sequence[str], platform: Platform) -> str:
        """Adds packages of the base's own package manager.

        Returns:
            What was made of it, as `nova_spi.images.base.open_base` takes it.

        Raises:
            BuildFailed: There is nobody, or a step failed.
        """
        ...

    def own(self, layout: Layout, platform: Platform) -> str:
        """Builds the project's own Dockerfile; as `with_packages`."""
        ...

    def compile_modules(self, layout: Layout, base: "Base", platform: Platform, folder: Path, tag: str) -> bool:
        """Runs the program of `nova_spi.images.bytecode_program` with the base's Python, without a network.

        Args:
            layout: Where the base is.
            base: Whose Python, which gets ``-I -S``.
            platform: Of the image.
            folder: With `COMPILE_INPUT`, which the program may read, and `COMPILE_OUTPUT`, which it may write. It sees
                them beside each other. What it leaves there is not to be trusted.
            tag: Its argument.

        Returns:
            Whether it ran to its good end. Where it did not, or nobody can run it, the user has been told.
        """
        ...


class NoSteps:
    """Nobody: what needs a step is refused, and nothing is compiled."""

    def with_packages(self, layout: Layout, base: "Base", packages: Sequence[str], platform: Platform) -> str:
        """Refuses; see `Steps.with_packages`."""
        del layout, platform
        raise needs_step(
            "execution.system_packages needs a step that runs inside the image.",
            f"It names {', '.join(packages)[:200]}, and on {base.name} only its own package manager adds them.",
            "Use a base image that has them, and leave system_packages out; or --base-image debian.",
        )

    def own(self, layout: Layout, platform: Platform) -> str:
        """Refuses; see `Steps.own`."""
        del layout, platform
        raise needs_step(
            f"The base image is the project's own {OWN}, which needs steps that run inside the image.",
            "Nothing runs while an image is built without a container engine.",
            "Start Docker or Podman, or name another base: --base-image debian.",
        )

    def compile_modules(self, layout: Layout, base: "Base", platform: Platform, folder: Path, tag: str) -> bool:
        """Does nothing, and says nothing: who passes no steps wants no program run; see `Steps.compile_modules`."""
        del layout, base, platform, folder, tag
        return False


def packages_for_engine(execution: "Execution", base: str) -> tuple[str, ...]:
    """The system packages that somebody must install inside the image; on ``debian`` they are laid out from outside."""
    return () if base == debian.NAME else tuple(sorted(set(execution.system_packages)))


def needs_step(message: str, why: str, mend: str) -> BuildFailed:
    """The error for a project that needs a step inside the image."""
    return BuildFailed(message, why=why, mend=mend, code=CODE)
