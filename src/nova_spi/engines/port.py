"""The port: what an engine is asked to do, and what it answers. One adapter a folder beside this file."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from nova_spi.progress import Progress

Reason = Literal["exited", "signalled", "timeout", "out_of_memory", "out_of_disk", "cancelled"]
Network = Literal["none", "egress", "full"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. None means no limit of ours.

    Attributes:
        timeout_seconds: Wall-clock deadline of the run itself.
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
class Recipe:
    """What a model's environment is made from.

    Attributes:
        project: The project's root.
        requirements: The requirements file, absolute, or None.
        python_version: ``3.12`` or ``3.12.4``; None takes the interpreter that runs nova-spi.
    """

    project: Path
    requirements: Path | None = None
    python_version: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """A model's environment, ready.

    Attributes:
        python: Its interpreter.
        version: Its Python version, e.g. ``3.11.7``.
        digest: ``sha256:...`` of what it was made from.
        variables: What the model's process gets of it (PATH, VIRTUAL_ENV).
        cached: True where nothing had to be installed.
    """

    python: Path
    version: str
    digest: str
    variables: Mapping[str, str] = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One program to run to its end.

    Attributes:
        argv: The program and its arguments; the first word is looked up on the job's own PATH.
        folder: The folder of the run's own; the program works below it and `Limits.disk_bytes` counts it.
        work_dir: The current folder of the program, below ``folder``.
        variables: Its whole environment; nothing else is passed.
        log: Where its standard output and error go, together.
        limits: See `Limits`.
        network: What of the network it sees: ``none``, ``egress`` or ``full``; enforced above level ``process``.
        base_work_dir: Where an isolated program sees ``work_dir`` a second time, as the manifest names it.
        writable: Where an isolated program may write; none is ``folder``.
        readable: What an isolated program may read beside that, its environment and the machine's own libraries.
        devices: Device files that an isolated program may use beside ``/dev/null`` and its like.
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
        """How far a run is isolated from the machine: ``sandbox``, ``landlock`` or ``process`` (not at all)."""
        ...

    def provide(self, recipe: Recipe, progress: Progress) -> Environment:
        """Makes the model's environment or finds it in the cache.

        Raises:
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

    def protection(self, limits: Limits, network: Network = "full") -> tuple[Protection, ...]:
        """What this engine enforces of ``limits`` and ``network`` on this machine, and what it does not protect."""
        ...
