"""What the level ``process`` enforces without control groups, and what it leaves open: a part of `isolation.report`.

It goes into every record, so it must be true.
"""

import sys

from nova_spi.engines.port import Limits, Protection
from nova_spi.engines.process.launching import OPEN_FILES


def protection(limits: Limits) -> tuple[Protection, ...]:
    """One row for each kind of harm: memory, cpu, pids, network, files, time, disk, log. None is hard.

    A model at level ``process`` is a process of the user's own: it may end the supervisor, or stop nova-spi.
    """
    ends = "deadline: SIGTERM, then SIGKILL of every descendant; one that first kills its supervisor may stay"
    if sys.platform != "linux":
        ends = "deadline: SIGTERM, then SIGKILL of the process group; a process that leaves the group may stay"
    ends += "; one that stops nova-spi itself stops the clock"
    return (
        _memory(limits),
        Protection("cpu", "", "nothing" if limits.cpu_cores is None else "nothing; the request is a word only", False),
        Protection("pids", "", f"nothing; open files per process: rlimit {OPEN_FILES}", False),
        Protection("network", "", "nothing", False),
        Protection("files", "", "nothing; the model runs as you and can read and write what you can", False),
        Protection("time", f"{limits.timeout_seconds:g} seconds", ends, False),
        _disk(limits),
        Protection("log", f"{limits.log_bytes} bytes", "reader; the model can write to the file itself", False),
    )


def _memory(limits: Limits) -> Protection:
    if limits.memory_bytes is None:
        return Protection("memory", "", "nothing", False)
    by = "watchdog: samples every 5 to 50 ms, in a long run every 250 ms far below it, "
    by += "so a fast program is over it for a moment; "
    by += "files in memory that no process has mapped are not seen"
    return Protection("memory", f"{limits.memory_bytes} bytes", by, False)


def _disk(limits: Limits) -> Protection:
    if limits.disk_bytes is None:
        return Protection("disk", "", "nothing", False)
    by = "rlimit for each file; watchdog for the run's folder, which sees no deleted files and nothing elsewhere"
    return Protection("disk", f"{limits.disk_bytes} bytes", by, False)
