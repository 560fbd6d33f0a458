"""What one works on a project in, once it is there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nova_spi.engines.docker.services import Service

Done = Literal["made", "started", "there"]


@dataclass(frozen=True, slots=True)
class DevelopmentContainer:
    """A container that runs.

    Attributes:
        service: As the engine tells of it.
        engine: ``docker`` or ``podman``.
        host: The engine's address.
        folder: Where the project is seen: base_work_dir.
        base: What its image is made from and why; empty where it was there already.
        done: ``made``, ``started`` where it was stopped, or ``there``.
        jupyter: The address of JupyterLab; empty where there is none.
        token_file: Where the token for that stands.
    """

    service: Service
    engine: str
    host: str
    folder: str
    base: str
    done: Done
    jupyter: str = ""
    token_file: Path | None = None

    @property
    def name(self) -> str:
        """The container's."""
        return self.service.name

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape."""
        return {
            "id": self.service.id,
            "name": self.name,
            "engine": self.engine,
            "host": self.host,
            "folder": self.folder,
            "image": self.service.image,
            "base": self.base or None,
            "done": self.done,
            "jupyter": {"url": self.jupyter, "token_file": str(self.token_file)} if self.jupyter else None,
        }
