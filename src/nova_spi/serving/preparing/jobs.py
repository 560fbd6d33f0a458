"""The job of each worker: that of a run, but with our own program, without a deadline, and with a way to us."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.labels import EXECUTION, WORKER
from nova_spi.engines.port import CHANNEL, Environment, Job, Mount
from nova_spi.execution.jobs import job_of
from nova_spi.execution.places import RunFolder
from nova_spi.execution.request import Request
from nova_spi.interface.binding import BoundInputs
from nova_spi.serving.plan import Slot
from nova_spi.serving.preparing.folders import ServerFolder
from nova_spi_runtime import frames

if TYPE_CHECKING:
    from nova_spi.execution.staging import Stage

PROGRAM = ("python", "-m", "nova_spi_runtime.worker")
PER_CALL = "SPI_WORKER_PROCESS_PER_CALL"
"""Set to 1, each call runs in a fork of the loaded worker."""
SOCKETS_SEEN, CALLS_SEEN = Path("/run/nova-spi"), Path("/run/nova-spi-calls")
"""Where a worker in an image sees its socket, and the input files of calls. It can write in neither."""
SOCKET = "worker.sock"


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that workers share.

    Attributes:
        request: With the image, where there is one.
        server: The server's folders.
        stage: The model's folder as it was prepared.
        environment: The model's.
        secrets: The folder of the secrets, None where there are none.
    """

    request: Request
    server: ServerFolder
    stage: "Stage"
    environment: Environment
    secrets: Path | None


def slots_of(prepared: Prepared, count: int) -> tuple[Slot, ...]:
    """So many places for workers, each with folders of its own."""
    sockets = None if prepared.request.engine.inherits else prepared.server.sockets()
    return tuple(_slot(prepared, number, sockets) for number in range(count))


def _slot(prepared: Prepared, number: int, sockets: Path | None) -> Slot:
    root = prepared.server.root
    run = RunFolder(f"{prepared.server.id}-{number}", root / "workers" / str(number))
    calls = root / "calls" / str(number)
    for folder in (run.root, calls):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    job = job_of(
        prepared.request,
        run,
        prepared.stage,
        BoundInputs({}, {}),
        prepared.environment,
        prepared.secrets or run.scratch / "secrets",
    )
    in_image = prepared.environment.image is not None
    socket = sockets / str(number) / SOCKET if sockets is not None else None
    seen = CALLS_SEEN if in_image else calls
    return Slot(
        job=_of_worker(prepared, job, run, calls, socket),
        pristine=prepared.stage.work,
        work=run.work,
        calls=calls,
        calls_seen=str(seen),
        socket=socket,
    )


def _of_worker(prepared: Prepared, job: Job, run: RunFolder, calls: Path, socket: Path | None) -> Job:
    """A run's job as one of a worker's."""
    concurrency = prepared.request.execution.concurrency
    variables = dict(job.variables) | {
        frames.VARIABLE: str(SOCKETS_SEEN / SOCKET) if socket is not None else str(CHANNEL)
    }
    if concurrency is not None and concurrency.process_per_call:
        variables[PER_CALL] = "1"
    mounts, readable = job.mounts, job.readable
    if prepared.environment.image is None:
        readable = (*readable, calls)
    else:
        mounts = (*mounts, Mount(calls, CALLS_SEEN))
    if socket is not None:
        mounts = (*mounts, Mount(socket.parent, SOCKETS_SEEN))
    # A container is named by its execution: each life of a worker is a container of its own.
    labels = {name: value for name, value in job.labels.items() if name != EXECUTION}
    return replace(
        job,
        argv=PROGRAM,
        variables=variables,
        limits=replace(job.limits, timeout_seconds=math.inf),
        readable=readable,
        mounts=mounts,
        labels=labels | {WORKER: run.id} if labels else {},
    )
