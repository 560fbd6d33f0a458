"""What one execution is asked to do."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Engine, Image, Limits
from nova_spi.errors import UsageError
from nova_spi.progress import Progress
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.interface.compiled import CompiledCommand, Interface
    from nova_spi.manifest.models import Execution, Manifest
    from nova_spi.project.folder import Folder


@dataclass(frozen=True)
class Request:
    """One call, with everything that it needs.

    Attributes:
        folder: The project.
        manifest: Of the project, without errors.
        interface: Compiled from it.
        command: The chosen command.
        inputs: Raw values by name.
        secrets: Values by name, of those that have one.
        timeout: The caller's own deadline in seconds, or None.
        engine: Where it runs.
        settings: The caller's.
        progress: Hears what is going on.
        output: Receives copies of what comes out, or None.
        keep: The working folder stays.
        cancel: Ends the execution where it is set.
        image: What it runs in; None leaves that to the engine.
    """

    folder: "Folder"
    manifest: "Manifest"
    interface: "Interface"
    command: "CompiledCommand"
    inputs: Mapping[str, Any]
    secrets: Mapping[str, str]
    timeout: float | None
    engine: Engine
    settings: Settings
    progress: Progress
    output: Path | None = None
    keep: bool = False
    cancel: threading.Event | None = None
    image: Image | None = None

    @property
    def execution(self) -> "Execution":
        """The manifest's section, with its defaults where it has none."""
        if self.manifest.execution is not None:
            return self.manifest.execution
        from nova_spi.manifest.models import Execution

        return Execution()

    @property
    def timeout_seconds(self) -> float:
        """The deadline: the caller's, else the command's, else the manifest's."""
        if self.timeout is not None:
            return self.timeout
        return float(self.command.timeout_seconds or self.execution.timeout_seconds)

    def limits(self, staged_bytes: int = 0) -> Limits:
        """What the run may use; what we have put into its folder does not count against its disk."""
        disk = self._resource("disk_bytes")
        return Limits(
            timeout_seconds=self.timeout_seconds,
            cpu_cores=self._resource("cpu"),
            memory_bytes=self._resource("memory_bytes"),
            disk_bytes=disk + staged_bytes if disk is not None else None,
        )

    def _resource(self, name: str) -> Any:
        for resources in (self.command.resources, self.execution.resources):
            if resources is not None and (found := getattr(resources, name)) is not None:
                return found
        return None


def checked_timeout(seconds: float | None) -> float | None:
    """The caller's deadline, if it is one.

    Raises:
        UsageError: It is not a positive number.
    """
    if seconds is None or (0 < seconds < math.inf):
        return seconds
    raise UsageError(f"A timeout of {seconds} seconds is none.", mend="Give a positive number of seconds: --timeout 60")
