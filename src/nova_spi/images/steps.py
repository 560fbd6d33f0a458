"""What a project asks for that only a program inside the image can do.

An image that is made without running anything refuses it; an engine's own build does it.
"""

from typing import TYPE_CHECKING

from nova_spi.errors import BuildFailed
from nova_spi.images import debian

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution

CODE = "build.needs_step"


def check_steps(execution: "Execution", base: str) -> None:
    """Refuses what cannot be done on a base without running anything.

    Args:
        execution: Of the manifest.
        base: What the image is built from, as it was chosen.

    Raises:
        BuildFailed: With the code ``build.needs_step``.
    """
    if not execution.system_packages or base == debian.NAME:
        return
    raise needs_step(
        "execution.system_packages needs a step that runs inside the image.",
        f"It names {', '.join(execution.system_packages)[:200]}, and on {base} only its own package manager adds them.",
        "Use a base image that has them, and leave system_packages out; or --base-image debian.",
    )


def needs_step(message: str, why: str, mend: str) -> BuildFailed:
    """The error for a project that needs a step inside the image."""
    return BuildFailed(message, why=why, mend=mend, code=CODE)
