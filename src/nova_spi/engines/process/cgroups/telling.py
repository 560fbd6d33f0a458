"""What control groups enforce of a run's limits, as rows of the report. It stands in every record: it must be true."""

from collections.abc import Iterator

from nova_spi.engines.port import Limits, Protection
from nova_spi.engines.process.cgroups.finding import find
from nova_spi.engines.process.isolation.plan import PROCESSES

WAY_OUT = "; a hostile model, which runs as you, could leave it"
_CPU = {1: "cpu.cfs_quota_us", 2: "cpu.max"}


def rows(limits: Limits, level: str) -> Iterator[Protection]:
    """The rows memory, cpu and pids, as far as this machine's control groups enforce them.

    Args:
        limits: Those of the run.
        level: Above ``process`` the files of control groups are out of the model's reach, so it stays in its own.
    """
    shut_in = level != "process"
    after = "" if shut_in else WAY_OUT
    versions = {name: parent.version for parent in find() for name in parent.controllers}
    if (version := versions.get("memory")) and limits.memory_bytes is not None:
        files = "in its /tmp and its /dev/shm" if level == "sandbox" else "that it makes in memory, as in /dev/shm,"
        by = f"cgroup v{version}: memory; files {files} count, what it reads from a disk does not{after}"
        yield Protection("memory", f"{limits.memory_bytes} bytes", by, shut_in)
    if (version := versions.get("cpu")) and limits.cpu_cores is not None:
        by = f"cgroup v{version}: {_CPU[version]}{after}"
        yield Protection("cpu", f"{limits.cpu_cores:g} cores", by, shut_in)
    if version := versions.get("pids"):
        by = f"cgroup v{version}: pids.max{after}"
        yield Protection("pids", f"{PROCESSES} processes and threads", by, shut_in)
