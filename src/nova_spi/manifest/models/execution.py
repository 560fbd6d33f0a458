"""How the model runs: ``execution`` and ``commands``."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from nova_spi.manifest.models.fields import (
    AbsolutePath,
    AnyPath,
    Argv,
    AtLeastOne,
    CallablePath,
    Count,
    CudaVersion,
    ImageReference,
    Many,
    ModulePath,
    NotNegative,
    PackageName,
    Pause,
    Positive,
    PythonVersion,
    Quantity,
    RelativePath,
    Seconds,
    Short,
    Text,
    Title,
    VariableName,
)
from nova_spi.manifest.models.parameter import Parameter
from nova_spi.manifest.models.quantities import to_bytes
from nova_spi.manifest.models.record import Record


class EntryPoint(Record):
    """Where an execution begins: exactly one of the three."""

    command: Argv | None = Field(None, description="A program and its arguments; a string is split, no shell sees it.")
    module: ModulePath | None = Field(None, description="A Python module that is run: package.module.")
    callable: CallablePath | None = Field(None, description="A Python function or class: package.module:name.")


class Gpu(Record):
    """Which GPUs an execution needs."""

    count: Count = Field(1, description="How many.")
    memory: Quantity | None = Field(None, description="Memory of each, as in 24Gi.")
    vendor: Text | None = Field(None, description="Who made it: nvidia, amd, intel.")
    type: Text | None = Field(None, description="The kind, as in a100-80gb.")

    @property
    def memory_bytes(self) -> int | None:
        """The memory of each in bytes."""
        return to_bytes(self.memory) if self.memory else None


def _gpu(value: Any) -> Any:
    return {"count": value} if type(value) is int else value


class Resources(Record):
    """What an execution needs of the machine."""

    cpu: Positive | None = Field(None, description="Cores; a part of one is allowed.")
    memory: Quantity | None = Field(None, description="Memory, as in 24Gi.")
    disk: Quantity | None = Field(None, description="Room for files, as in 10Gi.")
    gpu: Annotated[Gpu, BeforeValidator(_gpu, json_schema_input_type=Count | Gpu), Short("count", int)] | None = Field(
        None, description="GPUs: how many, or what kind."
    )

    @property
    def memory_bytes(self) -> int | None:
        """The memory in bytes."""
        return to_bytes(self.memory) if self.memory else None

    @property
    def disk_bytes(self) -> int | None:
        """The disk in bytes."""
        return to_bytes(self.disk) if self.disk else None


class Volume(Record):
    """Storage that is kept between executions."""

    name: Title = Field(description="Its name; unique.")
    mount_path: AnyPath = Field(description="Where it stands.")
    read_only: bool = Field(False, description="Executions only read it.")
    size: Quantity | None = Field(None, description="How large it may grow, as in 10Gi.")

    @property
    def size_bytes(self) -> int | None:
        """The size in bytes."""
        return to_bytes(self.size) if self.size else None


class Restart(Record):
    """What happens when something that is served or started ends."""

    policy: Literal["no", "on-failure", "always"] = Field("no", description="When to start it again.")
    max_retries: Count = Field(3, description="How often at most.")
    backoff_seconds: Pause = Field(1.0, description="The first pause before a new start, in seconds.")


class HealthCheck(Record):
    """How to ask something that is served or started whether it is well."""

    command: Argv | None = Field(None, description="A program that exits with 0 while all is well.")
    callable: CallablePath | None = Field(None, description="A Python function that returns while all is well.")
    interval_seconds: Seconds = Field(30.0, description="Seconds between two checks.")
    timeout_seconds: Seconds = Field(5.0, description="Seconds until a check has failed.")
    retries: AtLeastOne = Field(3, description="How many failures in a row count.")


class Concurrency(Record):
    """How many calls are served at once."""

    workers: AtLeastOne = Field(1, description="Workers, each with the model loaded.")
    max_batch_size: AtLeastOne = Field(1, description="Calls that one worker takes together.")
    max_batch_delay_ms: NotNegative = Field(0.0, description="How long a batch waits to fill, in milliseconds.")
    process_per_call: bool = Field(False, description="Each call runs in a process of its own, forked from the worker.")


class Execution(Record):
    """How the model runs."""

    base_work_dir: AbsolutePath = Field("/app", description="Where the project stands while it runs.")
    entry_point: EntryPoint | None = Field(None, description="Where it begins; else run.py where there is one.")
    resources: Resources | None = Field(None, description="What it needs of the machine.")
    environment: dict[VariableName, str] | None = Field(
        None, description="Environment variables. INPUT_* and SPI_* are reserved; secrets do not belong here."
    )
    secrets: Many[VariableName] = Field((), description="Names of secrets; their values come from the caller.")
    timeout_seconds: Seconds = Field(600.0, description="The deadline of one execution in seconds.")
    network: Literal["none", "egress", "full"] = Field("none", description="What of the network it sees.")
    volumes: Many[Volume] = Field((), description="Storage that is kept between executions.")
    config: dict[str, Any] | None = Field(None, description="Settings that are no inputs: inputs/config/config.json.")
    restart: Restart | None = Field(None, description="What happens when it ends, where it is served or started.")
    health_check: HealthCheck | None = Field(None, description="How to ask whether it is well.")
    concurrency: Concurrency | None = Field(None, description="How many calls are served at once.")
    base_image: ImageReference | None = Field(None, description="The image to build from, with its digest.")
    python_version: PythonVersion | None = Field(None, description="The model's own Python, as in 3.11.")
    cuda_version: CudaVersion | None = Field(None, description="The version of CUDA in the image, as in 12.4.")
    requirements: RelativePath | None = Field(None, description="A requirements file of the project.")
    system_packages: Many[PackageName] = Field((), description="Packages of the image's own package manager.")


class Command(Record):
    """A further named command with its own interface, or, with ``default: true``, another name for the default one."""

    description: str | None = Field(None, description="What it does.")
    default: bool = Field(False, description="This entry only names the default command.")
    entry_point: EntryPoint | None = Field(None, description="Where it begins; else execution.entry_point.")
    inputs: Many[Parameter] = Field((), description="What it takes.")
    outputs: Many[Parameter] = Field((), description="What it gives.")
    resources: Resources | None = Field(None, description="What it needs, where that differs.")
    timeout_seconds: Seconds | None = Field(None, description="Its own deadline in seconds.")
