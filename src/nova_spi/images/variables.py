"""The variables of an image: the base's, the manifest's, and ours over both."""

from typing import TYPE_CHECKING

from nova_spi.images.wheels import ENVIRONMENT

if TYPE_CHECKING:
    from nova_spi.images.base import Base
    from nova_spi.manifest.models import Execution


def variables(base: "Base", execution: "Execution") -> dict[str, str]:
    """What every program in an image finds in its environment, as where there is no container.

    Args:
        base: The image's base; its PATH stays behind ours.
        execution: Of the manifest.
    """
    work = execution.base_work_dir.rstrip("/")
    theirs = execution.environment or {}
    paths = [f"/{ENVIRONMENT}/bin", base.config.environment.get("PATH", ""), theirs.get("PATH", "")]
    ours = {
        "HOME": "/tmp",  # noqa: S108  # in the image, and the one folder that a hardened container lets it write
        "LANG": "C.UTF-8",
        "PATH": ":".join(path for path in paths if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONPATH": ":".join(path for path in (work, f"{work}/spi", theirs.get("PYTHONPATH", "")) if path),
        "PYTHONUNBUFFERED": "1",
        "SPI_MANIFEST": f"{work}/spi/manifest.json",
        "SPI_WORK_DIR": work,
        "USER": "model",
        "VIRTUAL_ENV": f"/{ENVIRONMENT}",
    }
    return dict(base.config.environment) | theirs | ours
