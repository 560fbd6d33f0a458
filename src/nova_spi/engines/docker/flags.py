"""A hardened container for one job, as Docker and as Podman want it described.

Docker's description is ``ContainerCreate`` of its Engine API. Podman takes the same, but loses CDI names and mounts
with a comma in their path on the way; so it gets its own, ``SpecGenerator`` of the libpod API.
"""

import os
import resource
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from nova_spi.engines.docker.gpu import Devices
from nova_spi.engines.docker.owning import User
from nova_spi.engines.docker.seccomp import profile
from nova_spi.engines.port import Job, Limits, Mount
from nova_spi.engines.process.isolation.plan import PROCESSES, files_in_memory
from nova_spi.engines.process.launching import NO_CORE, OPEN_FILES

PERIOD = 100_000
"""Microseconds; of each, a container may use so many of every core that it has."""
LEAST_QUOTA = 1000
OOM_SCORE = 500
"""Where the machine itself runs out of memory, a model goes before the machine's own programs."""
PROCESSES_OF_USER = 32_768
"""Podman's own choice for RLIMIT_NPROC is more than some machines allow. It counts all processes of the user;
what limits a container is its control group."""
_INITS = (
    *("/usr/libexec/podman/catatonit", "/usr/lib/podman/catatonit", "/usr/bin/catatonit"),
    *("/usr/bin/docker-init", "/usr/libexec/docker/docker-init"),
)
_TMP = ("rw", "exec", "nosuid", "nodev", "mode=1777")


@dataclass(frozen=True, slots=True)
class Flags:
    """Everything of one container.

    Attributes:
        name: Its own.
        image: The image's id in the engine.
        job: What runs in it.
        user: Who it runs as.
        network: The engine's name or id of its network.
        devices: What it gets of GPUs.
        labels: What the engine tells of it.
        init: A first process that reaps and passes signals on: tini or catatonit.
        tracing: Debuggers work in it; see `nova_spi.engines.docker.seccomp.profile`.
        filtered: The engine knows filters of system calls; one that does not takes no profile.
    """

    name: str
    image: str
    job: Job
    user: User
    network: str
    devices: Devices = field(default_factory=Devices)
    labels: dict[str, str] = field(default_factory=dict)
    init: bool = True
    tracing: bool = False
    filtered: bool = True

    @property
    def seccomp(self) -> str:
        """Its filter of system calls; empty where the engine knows none."""
        return profile(tracing=self.tracing) if self.filtered else ""

    @property
    def mounts(self) -> list[Mount]:
        """What is put into it, what lies in another below that."""
        return sorted(self.job.mounts, key=lambda mount: len(mount.target.parts))

    @property
    def variables(self) -> dict[str, str]:
        """Its whole environment."""
        return {name: value for name, value in self.job.variables.items() if "\0" not in value}


def docker_body(flags: Flags) -> dict[str, Any]:
    """For ``POST /containers/create``."""
    job, limits = flags.job, flags.job.limits
    return {
        "Image": flags.image,
        "Entrypoint": [job.argv[0]],
        "Cmd": list(job.argv[1:]),
        "WorkingDir": str(job.work_dir),
        "Env": [f"{name}={value}" for name, value in flags.variables.items()],
        "User": flags.user.words,
        "Labels": flags.labels,
        "AttachStdout": True,
        "AttachStderr": True,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            **_resources(limits),
            "NetworkMode": flags.network,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges", *([f"seccomp={flags.seccomp}"] if flags.filtered else [])],
            "Init": flags.init,
            "IpcMode": "private",
            "OomScoreAdj": OOM_SCORE,
            "Ulimits": [{"Name": n, "Soft": v, "Hard": v} for n, v in ulimits(limits).items()],
            "Tmpfs": {"/tmp": ",".join((*_TMP, *_owned(flags.user), _size(flags)))},  # noqa: S108  # the container's
            "ShmSize": files_in_memory(limits),
            "LogConfig": {"Type": "none", "Config": {}},
            "Mounts": [_docker_mount(mount) for mount in flags.mounts],
            "DeviceRequests": _device_requests(flags.devices),
            "Devices": [
                {"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rw"} for path in flags.devices.files
            ],
            "GroupAdd": list(flags.devices.groups),
        },
    }


def podman_body(flags: Flags) -> dict[str, Any]:
    """For ``POST /libpod/containers/create``; `nova_spi.engines.docker.container.created` adds the profile's file."""
    job, limits = flags.job, flags.job.limits
    wanted = _resources(limits)
    memory = {"limit": wanted["Memory"], "swap": wanted["MemorySwap"]} if "Memory" in wanted else {}
    cpu = {"quota": wanted["CpuQuota"], "period": wanted["CpuPeriod"]} if "CpuQuota" in wanted else {}
    return {
        "name": flags.name,
        "image": flags.image,
        "entrypoint": [job.argv[0]],
        "command": list(job.argv[1:]),
        "work_dir": str(job.work_dir),
        "env": flags.variables,
        "user": flags.user.words,
        "labels": flags.labels,
        "netns": {"nsmode": flags.network if flags.network in ("none", "bridge") else "bridge"},
        "networks": {} if flags.network in ("none", "bridge") else {flags.network: {}},
        "userns": {"nsmode": "keep-id"} if flags.user.keep_id else {},
        "ipcns": {"nsmode": "private"},
        "read_only_filesystem": True,
        "cap_drop": ["ALL"],
        "no_new_privileges": True,
        "init": flags.init,
        "init_path": _init_path() if flags.init else "",
        "oom_score_adj": OOM_SCORE,
        "r_limits": [
            {"type": name, "soft": value, "hard": value}
            for name, value in {**ulimits(limits), "nproc": _allowed(resource.RLIMIT_NPROC, PROCESSES_OF_USER)}.items()
        ],
        "resource_limits": {"memory": memory, "cpu": cpu, "pids": {"limit": wanted["PidsLimit"]}},
        "shm_size": files_in_memory(limits),
        "log_configuration": {"driver": "none"},
        "image_volume_mode": "ignore",
        "mounts": [_podman_tmp(flags), *(_podman_mount(mount) for mount in flags.mounts)],
        "devices": [{"path": path} for path in (*flags.devices.cdi, *flags.devices.files)],
        "groups": list(flags.devices.groups),
    }


def ulimits(limits: Limits) -> dict[str, int]:
    """What the kernel limits for each process: open files, core files, and the size of a file."""
    found = {
        "nofile": _allowed(resource.RLIMIT_NOFILE, OPEN_FILES),
        "core": _allowed(resource.RLIMIT_CORE, NO_CORE),
    }
    if limits.disk_bytes is not None:
        found["fsize"] = min(limits.disk_bytes, 1 << 62)
    return found


def _allowed(which: int, wanted: int) -> int:
    """As much as this machine's engines can give where they cannot raise their own limits."""
    hard = resource.getrlimit(which)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _resources(limits: Limits) -> dict[str, Any]:
    """In Docker's words. Swap stands at the same number, which means none: it counts memory and swap together."""
    found: dict[str, Any] = {"PidsLimit": PROCESSES}
    if limits.memory_bytes is not None:
        found |= {"Memory": limits.memory_bytes, "MemorySwap": limits.memory_bytes}
    if limits.cpu_cores is not None:
        found |= {"CpuPeriod": PERIOD, "CpuQuota": max(LEAST_QUOTA, int(limits.cpu_cores * PERIOD))}
    return found


def _docker_mount(mount: Mount) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": os.fspath(mount.source),
        "Target": str(PurePosixPath(mount.target)),
        "ReadOnly": not mount.writable,
        # What else is mounted below it on this machine stays out, and what it gets later too.
        "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
    }


def _podman_mount(mount: Mount) -> dict[str, Any]:
    options = ["bind", "private", "nosuid", "nodev", "rw" if mount.writable else "ro"]
    return {"type": "bind", "source": os.fspath(mount.source), "destination": str(mount.target), "options": options}


def _owned(user: User) -> list[str]:
    """Makes ``/tmp`` the user's own: runc gives it the mode of the image's, which may be nobody else's to write to."""
    uid, _, gid = user.words.partition(":")
    return [f"uid={uid}", f"gid={gid}"]


def _podman_tmp(flags: Flags) -> dict[str, Any]:
    return {"type": "tmpfs", "source": "tmpfs", "destination": "/tmp", "options": [*_TMP, _size(flags)]}  # noqa: S108  # as above


def _size(flags: Flags) -> str:
    return f"size={files_in_memory(flags.job.limits)}"


def _init_path() -> str:
    """The init that Podman puts into a container; its service does not read its own configuration for that."""
    return next((path for path in _INITS if os.access(path, os.X_OK)), "")


def _device_requests(devices: Devices) -> list[dict[str, Any]]:
    if devices.cdi:
        return [{"Driver": "cdi", "DeviceIDs": list(devices.cdi)}]
    if devices.count:
        return [{"Driver": "", "Count": devices.count, "Capabilities": [["gpu"]]}]
    return []
