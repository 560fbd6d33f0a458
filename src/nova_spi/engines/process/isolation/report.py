"""What each level enforces on this machine, row by row. It goes into every record, so it must be true."""

from dataclasses import replace

from nova_spi.engines.port import Limits, Protection
from nova_spi.engines.process.cgroups.telling import rows as of_groups
from nova_spi.engines.process.isolation import landlock
from nova_spi.engines.process.isolation.levels import Level
from nova_spi.engines.process.isolation.plan import PROCESSES, files_in_memory
from nova_spi.engines.process.protection import protection as of_process

_SIGNALS_SINCE = 6
_IN_SANDBOX = "rlimit, counted in the sandbox alone"


def protection(limits: Limits, level: Level, network: str) -> tuple[Protection, ...]:
    """The rows of the level ``process``, with those that the level or a control group makes stronger in their place."""
    stronger: dict[str, Protection] = {}
    if level != "process":
        rows = _sandbox(limits, network) if level == "sandbox" else _landlock(limits, network)
        stronger = {row.what: row for row in rows}
    for row in of_groups(limits, level):
        before = f"{_IN_SANDBOX}; " if level == "sandbox" and row.what == "pids" else ""
        stronger[row.what] = replace(row, by=before + row.by)
    found = [stronger.pop(row.what, row) for row in of_process(limits)]
    return (*found, *stronger.values())


def _sandbox(limits: Limits, network: str) -> list[Protection]:
    by = "namespaces: a file system of its own, read-only but for the run's folders"
    ends = "deadline: SIGTERM, then the whole process namespace ends"
    own = "netns: no network but its own loopback"
    shared = f"nothing; {network} is asked for, and at this level that is the machine's whole network, loopback too"
    (memory,) = (row for row in of_process(limits) if row.what == "memory")
    beside = f"; files in its /tmp and its /dev/shm come on top, up to {files_in_memory(limits)} bytes each"
    return [
        Protection("memory", memory.limit, memory.by + beside, False),
        Protection("pids", f"{PROCESSES} processes and threads", _IN_SANDBOX, True),
        Protection("network", "none", own, True) if network == "none" else Protection("network", "", shared, False),
        Protection("files", "the run's folders, its inputs and its environment", f"{by}{_and_landlock()}", True),
        Protection("time", f"{limits.timeout_seconds:g} seconds", ends, True),
        Protection("log", f"{limits.log_bytes} bytes", "reader", True),
        Protection("processes", "its own", "pid namespace", True),
        Protection("kernel", "", "seccomp; no capabilities, no-new-privileges", True),
    ]


def _and_landlock() -> str:
    found = landlock.version()
    return f"; landlock {found}" if found > 1 else ""


def _landlock(limits: Limits, network: str) -> list[Protection]:
    found = landlock.version()
    files = f"landlock {found}; files in /dev/shm can be opened by name, and names, sizes, "
    files += "modes, times and extended attributes of your other files are within reach, their contents are not"
    shared = f"nothing; {network} is asked for, and at this level that is the machine's whole network, loopback too"
    silent = "seccomp: no sockets"
    signals = f"landlock {found}: no signals to others, and /proc is closed; seccomp: nor their limits and priorities"
    ends = "deadline: SIGTERM, then SIGKILL of every descendant"
    if found < _SIGNALS_SINCE:
        signals = f"landlock {found}: /proc is closed; signals to your other processes are not hindered"
        ends += "; one that first kills its supervisor may stay, and one that stops nova-spi itself stops the clock"
    return [
        Protection("network", "none", silent, True) if network == "none" else Protection("network", "", shared, False),
        Protection("files", "the run's folders, its inputs and its environment", files, False),
        Protection("time", f"{limits.timeout_seconds:g} seconds", ends, found >= _SIGNALS_SINCE),
        Protection("log", f"{limits.log_bytes} bytes", "reader", True),
        Protection("processes", "its own", signals, found >= _SIGNALS_SINCE),
        Protection("kernel", "", "seccomp; no capabilities, no-new-privileges", True),
    ]
