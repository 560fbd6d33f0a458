"""The job that an engine is given: the program, its whole environment, what it may use."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.labels import EXECUTION, MODEL, PROJECT
from nova_spi.engines.port import Environment, Gpus, Job, Limits, Mount
from nova_spi.execution.beside import lay_runtime
from nova_spi.execution.places import RunFolder
from nova_spi.execution.request import Request
from nova_spi.execution.staging import Stage
from nova_spi.execution.variables import in_image, input_variables, joined, private_variables
from nova_spi.project.identity import project_mark
from nova_spi.project.starting import starting_words

if TYPE_CHECKING:
    from nova_spi.interface.binding import BoundInputs

GPU_DEVICES = ("nvidia*", "nvidia-caps/*", "dri/renderD*", "kfd")
"""Below ``/dev``: what NVIDIA's and AMD's drivers are spoken to by."""

SECRETS = Path("/run/secrets")
"""Where a program in an image finds its secrets."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where the model sees its folders."""

    work: Path
    secrets: Path


def make_job(
    request: Request, run: RunFolder, stage: Stage, bound: "BoundInputs", environment: Environment, secrets: Path
) -> Job:
    """The program to run, with its whole environment; our runtime is laid beside it where it is in no image."""
    if environment.image is None:
        lay_runtime(stage, environment, request.settings.cache_dir)
    return job_of(request, run, stage, bound, environment, secrets)


def job_of(
    request: Request, run: RunFolder, stage: Stage, bound: "BoundInputs", environment: Environment, secrets: Path
) -> Job:
    """The same where all that the model needs has been laid; ``run`` may be another place than the stage's."""
    if environment.image is not None:
        return _job_in_image(request, run, stage, bound, environment, secrets)
    limits = request.limits(stage.bytes)
    ours = (
        input_variables(request.command.inputs, bound.values)
        | private_variables(run.scratch)
        | _spi_variables(request, run, _Seen(run.work, secrets), limits)
    )
    base = request.execution.base_work_dir
    own = {name: _moved(value, base, run.work) for name, value in (request.execution.environment or {}).items()}
    gpus = gpus_of(request)
    return Job(
        program(request, run.work),
        run.root,
        run.work,
        joined(environment.variables, own, ours, run.work),
        run.log,
        limits,
        network=request.execution.network,
        base_work_dir=Path(base),
        devices=_gpu_devices() if gpus else (),
        gpus=gpus,
        writable=(run.work, run.scratch, *(Path(place) for place in sorted(stage.volumes))),
        readable=(secrets, *(Path(place) for place in sorted((stage.linked - stage.volumes) | stage.beside))),
    )


def _job_in_image(
    request: Request, run: RunFolder, stage: Stage, bound: "BoundInputs", environment: Environment, secrets: Path
) -> Job:
    """The same in an image: the work folder stands at base_work_dir, and the secrets where containers have them."""
    limits = request.limits(stage.bytes)
    base = Path(request.execution.base_work_dir)
    ours = input_variables(request.command.inputs, bound.values) | _spi_variables(
        request, run, _Seen(base, SECRETS), limits
    )
    gpus = gpus_of(request)
    return Job(
        program(request, base),
        run.root,
        base,
        in_image(environment.variables, ours),
        run.log,
        limits,
        network=request.execution.network,
        devices=_gpu_devices() if gpus else (),
        gpus=gpus,
        environment=environment,
        mounts=(
            Mount(run.work, base, writable=True),
            *((Mount(secrets, SECRETS),) if secrets.exists() else ()),
            *(Mount(source, base / relative, writable) for source, relative, writable in stage.mounts),
        ),
        labels={
            EXECUTION: run.id,
            PROJECT: project_mark(request.folder.root),
            MODEL: f"{request.manifest.model.name}:{request.manifest.model.version}",
        },
    )


def gpus_of(request: Request) -> Gpus | None:
    """What the command, or the manifest, asks for."""
    for resources in (request.command.resources, request.execution.resources):
        if resources is not None and resources.gpu is not None:
            gpu = resources.gpu
            if isinstance(gpu, int):
                return Gpus(gpu) if gpu else None
            return Gpus(gpu.count, (gpu.vendor or "").lower()) if gpu.count else None
    return None


def _gpu_devices() -> tuple[Path, ...]:
    """The device files of this machine's GPUs."""
    return tuple(sorted(path for name in GPU_DEVICES for path in Path("/dev").glob(name) if not path.is_dir()))


def _spi_variables(request: Request, run: RunFolder, seen: _Seen, limits: Limits) -> dict[str, str]:
    seconds = limits.timeout_seconds

    def placed(path: Path) -> str:
        return str(seen.work / path.relative_to(run.work))

    return {
        "SPI_COMMAND": request.command.name,
        "SPI_EXECUTION_ID": run.id,
        "SPI_MANIFEST": placed(run.spi / "manifest.json"),
        "SPI_WORK_DIR": str(seen.work),
        "SPI_INPUT_DIR": placed(run.work / "inputs"),
        "SPI_INPUT_FILE": placed(run.inputs_file),
        "SPI_OUTPUT_DIR": placed(run.output_file.parent),
        "SPI_OUTPUT_FILE": placed(run.output_file),
        "SPI_ERROR_FILE": placed(run.error_file),
        "SPI_SECRETS_DIR": str(seen.secrets),
        "SPI_TIMEOUT_SECONDS": str(int(seconds) if seconds == int(seconds) else seconds),
    }


def program(request: Request, work: Path) -> tuple[str, ...]:
    """The program and its arguments.

    A word that is base_work_dir, or a path below it, becomes the same path below ``work``: the same manifest runs in a
    container and without one.

    Raises:
        ExecutionError: The manifest has no entry point, and there is no run.py.
    """
    words = starting_words(request.command.entry_point or request.execution.entry_point, request.folder.root)
    return tuple(_placed(word, request.execution.base_work_dir, work) for word in words)


def _moved(value: str, base: str, work: Path) -> str:
    """A variable of the manifest, which may be a list of paths; each is treated as a word of the program is."""
    return os.pathsep.join(_placed(part, base, work) for part in value.split(os.pathsep))


def _placed(word: str, base: str, work: Path) -> str:
    base = base.rstrip("/")
    below = bool(base) and (word == base or word.startswith(f"{base}/"))
    return str(work) + word[len(base) :] if below else word
