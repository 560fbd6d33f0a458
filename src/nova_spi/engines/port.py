"""The port: what an engine is asked to do, and what it answers. One adapter a folder beside this file."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from nova_spi.progress import Progress

Reason = Literal["exited", "signalled", "timeout", "out_of_memory", "out_of_disk", "cancelled"]
Network = Literal["none", "egress", "full"]
Images = Literal["never", "may", "must"]

CHANNEL = 3
"""The number that `Job.channel` has in the program."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. None means no limit of ours.

    Attributes:
        timeout_seconds: Wall-clock deadline of the run itself; ``math.inf`` where something else ends it.
        cpu_cores: Cores, may be fractional.
        memory_bytes: Resident memory of the whole process tree.
        disk_bytes: Bytes below ``Job.folder``.
        log_bytes: What of the log is kept; the rest is read and thrown away, with one line saying so.
        grace_seconds: Between SIGTERM and SIGKILL at the deadline.
    """

    timeout_seconds: float
    cpu_cores: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    log_bytes: int = 10 * 1024 * 1024
    grace_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Image:
    """An image in an OCI layout of this machine.

    Attributes:
        name: ``docker.io/library/my-model:1.0.0``.
        layout: The layout's folder.
        manifest: Digest of its manifest, ``sha256:...``: what it is pinned by.
        config: Digest of its config: the id that Docker calls it by.
    """

    name: str
    layout: Path
    manifest: str
    config: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model's environment is made from.

    Attributes:
        project: The project's root.
        requirements: The requirements file, absolute, or None.
        python_version: ``3.12`` or ``3.12.4``; None takes the interpreter that runs nova-spi.
        image: The image that holds the environment; then the two above do not count.
    """

    project: Path
    requirements: Path | None = None
    python_version: str | None = None
    image: Image | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """A model's environment, ready.

    Attributes:
        python: Its interpreter, as the model sees it.
        version: Its Python version, e.g. ``3.11.7``.
        digest: ``sha256:...`` of what it was made from; of an image, its manifest's.
        variables: What the model's process gets of it (PATH, VIRTUAL_ENV); of an image, all that its config says.
        cached: True where nothing had to be installed, unpacked or loaded.
        image: The image that it is in, None where it stands on this machine.
        root: Where the process engine has unpacked ``image``, perhaps without its working folder; None in an engine
            that keeps images itself.
        user: The user number that ``image`` says its program runs as.
    """

    python: Path
    version: str
    digest: str
    variables: Mapping[str, str] = field(default_factory=dict)
    cached: bool = False
    image: Image | None = None
    root: Path | None = None
    user: int = 1000


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or a file of this machine that a program in an image sees.

    Attributes:
        source: Where it stands on this machine, absolute, links resolved.
        target: Where the program sees it, absolute.
        writable: Whether it may write there.
    """

    source: Path
    target: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Gpus:
    """What a job wants of the machine's GPUs.

    Attributes:
        count: How many.
        vendor: ``nvidia``, ``amd``, ... in lower case; empty where the manifest does not say.
    """

    count: int
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One program to run to its end.

    Attributes:
        argv: The program and its arguments; the first word is looked up on the job's own PATH.
        folder: The folder of the run's own; the program works below it and `Limits.disk_bytes` counts it.
        work_dir: The current folder of the program: below ``folder``, or in an image the folder that it sees.
        variables: Its whole environment; nothing else is passed.
        log: Where its standard output and error go, together.
        limits: See `Limits`.
        network: What of the network it sees: ``none``, ``egress`` or ``full``; enforced above level ``process``.
        base_work_dir: Where an isolated program sees ``work_dir`` a second time, as the manifest names it.
        writable: Where an isolated program may write; none is ``folder``.
        readable: What an isolated program may read beside that, its environment and the machine's own libraries.
        devices: Device files that an isolated program may use beside ``/dev/null`` and its like.
        gpus: The GPUs that it wants; None is none.
        environment: What `Engine.provide` gave, where that is an image: the program runs in it, and every path of
            ``argv``, ``work_dir`` and ``variables`` is one that the program sees. ``base_work_dir``, ``writable`` and
            ``readable`` are empty then, and ``mounts`` says what of this machine is in it.
        mounts: In an image alone: what is put into it beside its own read-only files, an empty writable ``/tmp`` and
            ``/dev/shm``. A mount may lie in another one.
        labels: What an engine that keeps containers tells of this one, e.g. ``dev.nova-spi.execution``.
        channel: A descriptor of ours that the program gets as its descriptor `CHANNEL`; only where `Engine.inherits`.
            A program without it gets none but the standard three.
    """

    argv: tuple[str, ...]
    folder: Path
    work_dir: Path
    variables: Mapping[str, str]
    log: Path
    limits: Limits
    network: Network = "full"
    base_work_dir: Path | None = None
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    gpus: Gpus | None = None
    environment: Environment | None = None
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        reason: Why it ended.
        exit_code: Its status, where it exited by itself.
        signal: The signal that ended it, where one did.
        wall_seconds: From its start to its end.
        cpu_seconds: User and system time of the whole tree, as far as it was waited for.
        peak_memory_bytes: Of the whole tree, as sampled; None where nothing was seen.
        log_truncated: True where the log was longer than `Limits.log_bytes`.
        leftovers: How many processes it left behind; they have been ended.
    """

    reason: Reason
    exit_code: int | None
    signal: int | None
    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int | None
    log_truncated: bool = False
    leftovers: int = 0


@dataclass(frozen=True, slots=True)
class Protection:
    """What an engine does about one kind of harm, for the evidence.

    Attributes:
        what: memory, cpu, pids, network, files, time, disk, log; where it is isolated, processes and kernel too.
        limit: The limit in words, e.g. ``2147483648 bytes``; empty where there is none.
        by: What enforces it (rlimit, watchdog, deadline, ...), or ``nothing``.
        hard: True where the model cannot get past it.
    """

    what: str
    limit: str
    by: str
    hard: bool


class Engine(Protocol):
    """A place where models run."""

    @property
    def name(self) -> str:
        """``process``, ``docker`` or ``ray``."""
        ...

    @property
    def level(self) -> str:
        """How far a run is isolated: ``container``, ``sandbox``, ``landlock`` or ``process`` (not at all)."""
        ...

    @property
    def images(self) -> Images:
        """Whether it runs images: docker must have one, the process engine may, at level ``sandbox``."""
        ...

    @property
    def inherits(self) -> bool:
        """Whether a program may be given a descriptor of ours; into a container only files and sockets reach."""
        ...

    def provide(self, recipe: Recipe, progress: Progress) -> Environment:
        """Makes the model's environment or finds it in the cache; an image is unpacked or loaded.

        Raises:
            ArtifactInvalid: The image is missing or damaged.
            EngineUnavailable: The Python version is not on this machine; the message names those that are.
            EnvironmentFailed: Installing failed; the details hold the installer's last lines.
        """
        ...

    def run(self, job: Job, progress: Progress, cancel: threading.Event | None = None) -> Outcome:
        """Runs a program to its end, whatever it does; afterwards nothing of it is running.

        Raises:
            EngineUnavailable: It could not be started at all (the program is not on its PATH).
        """
        ...

    def protection(
        self, limits: Limits, network: Network = "full", *, image: Image | None = None
    ) -> tuple[Protection, ...]:
        """What this engine enforces on this machine, and what it does not protect.

        Args:
            limits: What a run may use.
            network: What of the network it sees.
            image: What it runs in, where that is known.
        """
        ...
