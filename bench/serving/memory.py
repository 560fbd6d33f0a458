"""What a server takes of memory: the process that speaks HTTP, everything but the worker, and everything.

Pss shares a page among the processes that have it, so it may be added up; Rss counts it in each of them.
"""

import re
from pathlib import Path
from typing import Any

import psutil

from bench.serving.models.answering import WHICH
from bench.serving.running import Server

_FIELD = re.compile(r"^(Rss|Pss): +(\d+) kB$", re.MULTILINE)


def memory(server: Server) -> dict[str, Any]:
    """Megabytes (10^6 bytes): {http: {pss, rss}, without_worker, with_worker, processes}.

    ``without_worker`` is None where the model has no process of its own.
    """
    family = server.family()
    sizes = {process.pid: _sizes(process.pid) for process in family}
    listening, worker = _listener(family, server.port), _worker(server, family)
    total = sum(pss for pss, _ in sizes.values())
    return {
        "http": {"pss": sizes[listening][0], "rss": sizes[listening][1]} if listening in sizes else None,
        "without_worker": None if worker in (None, listening) else total - sizes[worker or 0][0],
        "with_worker": total,
        "processes": len(family),
    }


def _sizes(pid: int) -> tuple[float, float]:
    """Pss and Rss; nothing of a process that has ended."""
    try:
        found = dict(_FIELD.findall(Path(f"/proc/{pid}/smaps_rollup").read_text()))
    except OSError:
        return 0.0, 0.0
    return int(found.get("Pss", 0)) * 1024 / 1e6, int(found.get("Rss", 0)) * 1024 / 1e6


def _listener(family: list[psutil.Process], port: int) -> int | None:
    """The process that has the port; the lowest one in the tree where it was inherited."""
    holders = []
    for process in family:
        try:
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in process.net_connections()):
                holders.append(process.pid)
        except psutil.Error:
            continue
    return holders[-1] if holders else None


def _worker(server: Server, family: list[psutil.Process]) -> int | None:
    """The process that the model itself says it is in, as this machine numbers it."""
    found = re.search(rb"process (\d+)\.", server.ask(WHICH, tries=20).body)
    if found is None:
        return None
    for process in family:
        status = Path(f"/proc/{process.pid}/status").read_text()
        numbers = re.search(r"^NSpid:\s(.*)$", status, re.MULTILINE)
        if numbers and numbers[1].split()[-1] == found[1].decode():
            return process.pid
    return None
