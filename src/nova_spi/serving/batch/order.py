"""What a batch is asked to do, in the words of a caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Image
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.project.folder import Folder

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Order:
    """A batch to be done.

    Attributes:
        folder: The project, or an image opened as one.
        inputs: A file of JSON Lines, a folder of files, or ``-`` for lines from standard input.
        output: Where the results go.
        settings: The caller's; ``settings.engine`` says where it runs.
        image: The image that it runs in, if it is one.
        command: One of the project's; None is the default one.
        shared: Inputs of all items, as `nova_spi.execution.run.execute` takes them.
        secrets: Values by name, over those in the caller's environment.
        workers: How many; None is the manifest's, and on a cluster as many as it has room for.
        timeout: Of one item, in seconds; None is the command's.
        isolation: The least level to run at.
        address: Of a Ray cluster.
        max_failures: So many failures end the batch; None is never.
        restart: What is recorded already is taken away.
        retry_failed: Items that are recorded as failed run again.
    """

    folder: "Folder"
    inputs: Path
    output: Path
    settings: Settings
    image: Image | None = None
    command: str | None = None
    shared: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None
    timeout: float | None = None
    isolation: "Level | None" = None
    address: str | None = None
    max_failures: int | None = None
    restart: bool = False
    retry_failed: bool = False
