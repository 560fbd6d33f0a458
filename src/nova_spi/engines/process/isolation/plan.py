"""From a job to its `Isolation`: what of this machine its program needs to see, and nothing else."""

import os
from pathlib import Path

from nova_spi.engines.port import Job, Limits, Mount
from nova_spi.engines.process.isolation.inside import Inside
from nova_spi.engines.process.isolation.order import Isolation

USER = 65_533
"""Whom root becomes: a user that owns nothing on the usual machine."""
PROCESSES = 4096
LEAST_MEMORY, USUAL_MEMORY = 64 << 20, 1 << 30
_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives",
    "ca-certificates",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "pki/tls/certs",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
_ETC_OF_NETWORK = ("hosts", "resolv.conf", "services", "protocols", "gai.conf")
_FILES_OF_NETWORK = ("/etc/hosts", "/etc/resolv.conf")
"""What of this machine an image with a network needs; without one it has its own, see `artifacts.trees`."""
_KERNEL_FACTS = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_PROCESS_FACTS = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems")
"""At level ``landlock``: the files of ``/proc`` that tell nothing of other processes."""
_DEVICE_FACTS = ("/sys/bus/pci", "/sys/devices", "/sys/class/drm", "/sys/module/nvidia")
"""What the drivers of GPUs look into; seen only where a run has devices."""
_DEVICES = ("null", "zero", "full", "random", "urandom")
_MOST_LINKS = 20


def isolation(job: Job, program: str, level: str) -> Isolation:
    """What the launcher needs to know to run a job at ``sandbox`` or ``landlock``.

    Args:
        job: The job.
        program: Its program's absolute path.
        level: The level.

    Raises:
        EngineUnavailable: Something cannot be put into the job's image.
    """
    found = Isolation(level.encode())
    found.network = job.network.encode()
    found.user = USER if os.geteuid() == 0 else 0
    found.processes = PROCESSES
    found.memory = files_in_memory(job.limits)
    if job.environment is not None and job.environment.root is not None:
        _into_image(found, job, job.environment.root, job.environment.user)
        return found
    folders = [Path(name) for name in _FOLDERS]
    found.links = [os.fsencode(path) for path in folders if path.is_symlink() and level == "sandbox"]
    system = [path for path in folders if path.is_dir() and not (path.is_symlink() and level == "sandbox")]
    system += [Path("/etc", name) for name in _etc(job, level)]
    system += [Path(name) for name in (*_KERNEL_FACTS, *(_PROCESS_FACTS if level == "landlock" else ()))]
    devices = [*(Path("/dev", name) for name in _DEVICES), *job.devices]
    found.devices = [os.fsencode(path) for path in devices if path.exists()]
    system += [Path(name) for name in _DEVICE_FACTS if job.devices]
    system = [path for path in system if path.exists()]
    writable = list(dict.fromkeys(_plain(path) for path in job.writable or (job.folder,) if path.exists()))
    links, readable = _programs(job, program)
    shown = [*system, *writable]
    readable = [path for path in dict.fromkeys(readable) if path.exists() and not _below(path, shown)]
    readable = [path for path in readable if not _below(path, [other for other in readable if other != path])]
    found.system, found.writable = _bytes(system), _bytes(writable)
    found.readable = _bytes(readable)
    found.links += [os.fsencode(link) for link in links if not _below(link, [*shown, *readable])]
    found.base = os.fsencode(_base(job, [*shown, *readable]))
    return found


def _into_image(found: Isolation, job: Job, root: Path, user: int) -> None:
    """What is in an image's root beside the image: the run's own folders, devices, facts of the machine."""
    found.root, found.inside = os.fsencode(root), user
    facts = (*_KERNEL_FACTS, *(_DEVICE_FACTS if job.devices else ()))
    found.system = _bytes([path for path in map(Path, facts) if path.exists()])
    devices = [*(Path("/dev", name) for name in _DEVICES), *job.devices]
    found.devices = _bytes([path for path in devices if path.exists() and path.is_relative_to("/dev")])
    inside = Inside(root)
    files = [Mount(path.resolve(), path) for path in map(Path, _FILES_OF_NETWORK) if path.is_file()]
    for mount in [*(files if job.network != "none" else ()), *inside.ordered(job.mounts)]:
        target, made = inside.hang(mount)
        letter = b"m" if mount in files else b"w" if mount.writable else b"r"
        found.sources.append(os.fsencode(mount.source))
        found.targets.append(letter + target)
        if made:
            found.made.append(target)
        if mount.writable:
            found.writable.append(target)


def files_in_memory(limits: Limits) -> int:
    """Bytes that each of ``/tmp`` and ``/dev/shm`` of a sandbox may hold."""
    return USUAL_MEMORY if limits.memory_bytes is None else max(LEAST_MEMORY, limits.memory_bytes // 2)


def _etc(job: Job, level: str) -> tuple[str, ...]:
    own = ("passwd", "group", "nsswitch.conf") if level == "landlock" else ()
    network = _ETC_OF_NETWORK if job.network != "none" or level == "landlock" else ()
    resolving = ("nsswitch.conf",) if job.network != "none" and level != "landlock" else ()
    return (*_ETC, *own, *network, *resolving)


def _programs(job: Job, program: str) -> tuple[list[Path], list[Path]]:
    """The links on the way to the programs of a job, and the files and folders that these programs are made of."""
    links: list[Path] = []
    readable = [_plain(path) for path in job.readable]
    starts = [Path(program)]
    if venv := job.variables.get("VIRTUAL_ENV"):
        starts.append(Path(venv, "bin", "python"))
        readable.append(_plain(Path(venv)))
    for start in starts:
        real = _follow(start, links)
        readable.append(_installation(real) or real)
    return links, readable


def _follow(path: Path, links: list[Path]) -> Path:
    """The file at the end of a chain of links; the links themselves are added."""
    for _ in range(_MOST_LINKS):
        if not path.is_symlink():
            break
        links.append(_plain(path))
        path = path.parent / path.readlink()
    return path.resolve()


def _installation(program: Path) -> Path | None:
    """The folder of a Python's whole installation, where the program is one; never a folder that merely has a bin."""
    prefix = program.parent.parent
    library = [*prefix.glob("lib*/python3*/os.py")] if program.parent.name == "bin" else []
    return prefix if library and prefix != Path("/") else None


def _base(job: Job, shown: list[Path]) -> str:
    """The work folder's second place, where it covers nothing and lies in nothing that is shown; else empty."""
    base = job.base_work_dir
    if base is None or not base.is_absolute() or base == Path("/"):
        return ""
    base = _plain(base)
    taken = [*shown, job.work_dir, *(Path(name) for name in ("/proc", "/dev", "/sys", "/etc"))]
    if _below(base, taken) or any(path.is_relative_to(base) for path in taken) or base == Path("/tmp"):  # noqa: S108
        return ""
    return str(base)


def _below(path: Path, folders: list[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _plain(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _bytes(paths: list[Path]) -> list[bytes]:
    return [os.fsencode(path) for path in paths]
