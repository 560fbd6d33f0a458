"""What a container enforces, row by row. It goes into every record, so it must be true."""

from typing import TYPE_CHECKING

from nova_spi.engines.docker.networks import EGRESS
from nova_spi.engines.docker.owning import user_of
from nova_spi.engines.port import Limits, Network, Protection
from nova_spi.engines.process.isolation.plan import PROCESSES, files_in_memory

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection


def protection(connection: "Connection", limits: Limits, network: Network) -> tuple[Protection, ...]:
    """One row for each kind of harm."""
    ends = "deadline: SIGTERM, then SIGKILL of the first process, with which the kernel ends all others"
    return (
        _memory(limits),
        _cpu(limits),
        Protection("pids", f"{PROCESSES} processes and threads", "cgroup", True),
        _network(connection, network),
        _files(connection, limits),
        Protection("time", f"{limits.timeout_seconds:g} seconds", ends, True),
        _disk(limits),
        Protection("log", f"{limits.log_bytes} bytes", "reader; the engine keeps no log of its own", True),
        Protection("processes", "its own", "pid and ipc namespaces", True),
        _kernel(connection),
    )


def _memory(limits: Limits) -> Protection:
    if limits.memory_bytes is None:
        return Protection("memory", "", "nothing", False)
    return Protection("memory", f"{limits.memory_bytes} bytes", "cgroup, files in memory counted; no swap", True)


def _cpu(limits: Limits) -> Protection:
    if limits.cpu_cores is None:
        return Protection("cpu", "", "nothing", False)
    return Protection("cpu", f"{limits.cpu_cores:g} cores", "cgroup: a quota of each 100 ms", True)


def _network(connection: "Connection", network: Network) -> Protection:
    if network == "none":
        return Protection("network", "none", "network namespace with nothing but its own loopback", True)
    if network == "full":
        by = "the engine's default network: other containers in it and all that this machine reaches are within reach"
        return Protection("network", "", f"nothing; {by}", False)
    apart = "they reach each other"
    if connection.engine == "docker":
        apart = "Docker keeps them apart where it keeps the machine's firewall (its option iptables)"
    by = (
        f"the bridge {EGRESS} without published ports, of runs with egress alone: {apart}; "
        "all that this machine reaches is within reach, private addresses and its own too, but not its loopback"
    )
    return Protection("network", "nothing comes in", by, False)


def _files(connection: "Connection", limits: Limits) -> Protection:
    memory = "/tmp and /dev/shm"  # noqa: S108  # the container's
    if connection.engine == "podman":
        memory += " (and /run and /var/tmp, which the memory alone limits)"
    by = f"mount namespace: the image is read-only; {memory} are in memory, {files_in_memory(limits)} bytes each"
    return Protection("files", "its image, and of this machine what is mounted", by, True)


def _disk(limits: Limits) -> Protection:
    if limits.disk_bytes is None:
        return Protection("disk", "", "nothing", False)
    by = "rlimit for each file; watchdog for the run's folder, which sees no deleted files and no other mounts"
    return Protection("disk", f"{limits.disk_bytes} bytes", by, False)


def _kernel(connection: "Connection") -> Protection:
    engine = f"{connection.engine.capitalize()} {connection.version}"
    if connection.rootless:
        engine += " without root: its root is you"
    else:
        engine += " as root, so a hole in it or in the kernel is a hole to root"
    user = user_of(connection, image_user=1000).words
    who = "your own user" if connection.rootless or user != "1000:1000" else "a user that is not root"
    by = f"{engine}; {who}, no capabilities, no-new-privileges"
    if not connection.filters_calls:
        return Protection("kernel", "", f"{by}; no filter of system calls: the engine knows none", False)
    return Protection("kernel", "", f"{by}, nova-spi's own seccomp profile, a list of what is allowed", True)
