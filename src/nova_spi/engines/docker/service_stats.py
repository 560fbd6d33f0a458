"""What containers use: processor, memory, processes, network, disk.

The engine's ``stats`` without ``one-shot`` costs a whole second, since it looks twice itself. Here it is asked for
single looks, and the use of the processor is the difference between two of ours.
"""

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nova_spi.engines.docker.services import Service
from nova_spi.errors import EngineUnavailable

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

FIRST_SECONDS = 0.25
"""Between the first two looks."""
NEXT_SECONDS = 1.0
_OVER = (404, 409)
"""What engines answer of a container that is gone, or has ended."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one container uses.

    Attributes:
        id: The container's.
        name: The container's.
        cpu_percent: Of one core, between the last two looks: 200 is two cores.
        memory_bytes: In use, without page cache that is not in active use.
        memory_limit_bytes: None where the machine's own memory is the limit.
        processes: Threads too, as the kernel counts them.
        network_in_bytes: Since its start.
        network_out_bytes: The same.
        disk_read_bytes: The same.
        disk_written_bytes: The same.
    """

    id: str
    name: str
    cpu_percent: float
    memory_bytes: int
    memory_limit_bytes: int | None
    processes: int
    network_in_bytes: int
    network_out_bytes: int
    disk_read_bytes: int
    disk_written_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape."""
        return asdict(self)


def watch(connection: "Connection", services: list[Service], *, stream: bool) -> Iterator[list[Use]]:
    """Looks at containers that run; one that ends is left out from then on.

    Args:
        connection: The engine.
        services: Which.
        stream: Go on, about once a second, until all have ended; else there is one answer.

    Raises:
        EngineUnavailable: The engine does not answer, or cannot say it.
    """
    before = {each.id: look for each in services if (look := _look(connection, each)) is not None}
    pause = FIRST_SECONDS
    while True:
        time.sleep(pause)
        now = {each.id: look for each in services if (look := _look(connection, each)) is not None}
        yield [use_of(each, before.get(each.id, {}), now[each.id]) for each in services if each.id in now]
        if not stream or not now:
            return
        before, pause = now, NEXT_SECONDS


def _look(connection: "Connection", service: Service) -> dict[str, Any] | None:
    from docker.errors import APIError

    api: Any = connection.client.api
    with connection.speaking(f"looking at what {service.name} uses"):
        try:
            found: dict[str, Any] = api.stats(service.id, stream=False, one_shot=True)
        except APIError as error:
            if error.status_code in _OVER:
                return None
            raise
    if "cpu_stats" not in found:  # Podman 4.3 breaks down over a container without limits, with status 200
        raise EngineUnavailable(
            f"The container engine cannot say what {service.name} uses.",
            why=f"It answered: {str(found.get('message', found))[:200]}.",
            mend="Give the model limits: execution.resources.memory and cpu.",
            engine=connection.engine,
        )
    return found | {"clock": time.monotonic()} if _map(found, "cpu_stats", "cpu_usage").get("total_usage") else None


def use_of(service: Service, before: Mapping[str, Any], now: Mapping[str, Any]) -> Use:
    """What two looks at ``GET /containers/ID/stats`` say.

    Args:
        service: The container.
        before: The earlier one; empty where there is none.
        now: The later one.
    """
    memory = _map(now, "memory_stats")
    more = _map(now, "memory_stats", "stats")
    cache = _whole(more.get("total_inactive_file", more.get("inactive_file")))
    networks = [each for each in _map(now, "networks").values() if isinstance(each, Mapping)]
    disk = _map(now, "blkio_stats").get("io_service_bytes_recursive")
    disks = [each for each in disk if isinstance(each, Mapping)] if isinstance(disk, list) else []
    return Use(
        id=service.id,
        name=service.name,
        cpu_percent=round(_cpu_percent(before, now), 2),
        memory_bytes=max(0, _whole(memory.get("usage")) - cache),
        memory_limit_bytes=_limit(service, memory),
        processes=_whole(_map(now, "pids_stats").get("current")),
        network_in_bytes=sum(_whole(each.get("rx_bytes")) for each in networks),
        network_out_bytes=sum(_whole(each.get("tx_bytes")) for each in networks),
        disk_read_bytes=sum(_whole(each.get("value")) for each in disks if str(each.get("op")).lower() == "read"),
        disk_written_bytes=sum(_whole(each.get("value")) for each in disks if str(each.get("op")).lower() == "write"),
    )


def _cpu_percent(before: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """By our own clock: what the engine calls the system's time is another thing in each of them."""
    used = [_whole(_map(look, "cpu_stats", "cpu_usage").get("total_usage")) for look in (before, now)]
    seconds = float(now.get("clock", 0.0)) - float(before.get("clock", 0.0))
    if not before or seconds <= 0 or used[1] < used[0]:
        return 0.0
    return (used[1] - used[0]) / 1e9 / seconds * 100


def _limit(service: Service, memory: Mapping[str, Any]) -> int | None:
    limit = _whole(memory.get("limit"))
    with suppress(OSError, ValueError, AttributeError):
        return limit if 0 < limit < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") else None
    return limit or None


def _map(found: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        inner = found.get(name)
        found = inner if isinstance(inner, Mapping) else {}
    return found


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0
