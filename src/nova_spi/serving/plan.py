"""All that a supervisor needs to know of a model: plain data, which a lean process reads without the manifest's models.

`nova_spi.serving.preparing.prepare` makes it of a project. It holds no secrets; what stands in its folder is the
server's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nova_spi.engines.port import Image, Job
from nova_spi_runtime.parameters import Parameter


@dataclass(frozen=True, slots=True)
class ServedCommand:
    """One command.

    Attributes:
        name: Its name.
        description: For people.
        default: True for the one that runs when none is named.
        inputs: What it takes.
        outputs: What it gives.
        timeout_seconds: Its deadline.
        warm: Whether workers answer it; else each call is an execution of its own (a program in any language).
        schemas: By output, the JSON Schema that it must meet beside its type.
    """

    name: str
    description: str
    default: bool
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    timeout_seconds: float
    warm: bool
    schemas: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_inputs(self) -> tuple[Parameter, ...]:
        """The inputs that are files."""
        return tuple(parameter for parameter in self.inputs if parameter.type == "file")

    @property
    def file_outputs(self) -> tuple[Parameter, ...]:
        """The outputs that are files."""
        return tuple(parameter for parameter in self.outputs if parameter.type == "file")


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one worker; each of its lives begins with a fresh copy of the model's folder.

    Attributes:
        job: What the engine runs, for as long as the worker lives.
        pristine: The model's folder as it was prepared.
        work: Its copy, which the worker sees as ``SPI_WORK_DIR``; below it stand ``calls/NUMBER`` with output files.
        calls: Where the supervisor puts the input files of calls, ``NUMBER/NAME/...``; the worker reads it alone.
        calls_seen: The same folder as the worker sees it.
        socket: Where the supervisor listens for a worker that inherits no descriptor; None where it does.
    """

    job: Job
    pristine: Path
    work: Path
    calls: Path
    calls_seen: str
    socket: Path | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How often a worker that has nothing to do is asked whether the model is well.

    Attributes:
        interval_seconds: Between two questions.
        timeout_seconds: Until a question has failed.
        retries: So many failures in a row end the worker.
    """

    interval_seconds: float
    timeout_seconds: float
    retries: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is served, and how.

    Attributes:
        name, version, description, domain: The model's.
        project: Its root; of an image, where it is unpacked.
        folder: The server's own: plan, workers, files of calls. It goes when serving ends.
        store: Where the files of executions stand, below ``folder``.
        commands: By name, the default one first.
        engine: ``process`` or ``docker``.
        level: How far a worker is isolated.
        protections: What the engine does about harm, as run.json says it.
        cache_dir: Of the settings.
        data_dir: Of the settings: where volumes are; None is as usual.
        workers: How many calls are answered at once: as many as there are slots, or executions of a cold command.
        image: What the workers run in, or None.
        slots: One for each worker.
        secrets: The folder that holds the secrets as files; their values are taken out of logs.
        start_timeout_seconds: A worker that is not ready by then is ended.
        queue_size: How many calls may wait.
        max_batch_size: How many calls a worker takes together.
        max_batch_delay_seconds: How long a batch waits to fill.
        max_retries: So many starts in a row may fail before the model counts as broken.
        backoff_seconds: The pause after the first of them; it doubles.
        idle_seconds: After so long without a call the workers end, until the next one; None is never.
        grace_seconds: What a call gets to end by itself, and its worker to end after SIGTERM.
        health: From ``execution.health_check``, where it has a callable or a command.
        openapi: The description of the HTTP interface.
        in_place: The environment is that of the container that we are in (``process`` alone).
    """

    name: str
    version: str
    description: str
    domain: str
    project: Path
    folder: Path
    store: Path
    commands: Mapping[str, ServedCommand]
    engine: str
    level: str
    protections: tuple[Mapping[str, Any], ...]
    cache_dir: Path
    image: Image | None
    slots: tuple[Slot, ...]
    secrets: Path | None = None
    start_timeout_seconds: float = 600.0
    queue_size: int = 1000
    max_batch_size: int = 1
    max_batch_delay_seconds: float = 0.0
    max_retries: int = 3
    backoff_seconds: float = 1.0
    idle_seconds: float | None = None
    grace_seconds: float = 1.0
    health: Health | None = None
    openapi: Mapping[str, Any] = field(default_factory=dict)
    in_place: bool = False
    data_dir: Path | None = None
    workers: int = 1

    @property
    def default(self) -> ServedCommand:
        """The default command."""
        return next(command for command in self.commands.values() if command.default)
