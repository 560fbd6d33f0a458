"""All examinations of this machine, in their order; each looks at one thing, and none changes anything."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nova_spi.checks.machine import engines, host, images
from nova_spi.checks.machine.finding import Finding
from nova_spi.settings import Settings


def examine(settings: Settings, *, place: Path | None = None, network: bool = False) -> Iterator[Finding]:
    """Looks at this machine, one finding after the other.

    Args:
        settings: The user's.
        place: Where runs would have their folders: some file systems cannot be mapped into a sandbox. None tries the
            temporary folder.
        network: Whether registries are asked if they answer; else nothing leaves this machine.
    """
    yield host.program()
    yield engines.process_engine(settings, place)
    yield engines.control_groups(settings, place)
    yield engines.container_engine(settings)
    yield images.without_engine(settings, place)
    examinations: tuple[Callable[[Settings], Finding], ...] = (
        images.base_debian,
        images.store,
        images.registry,
        images.credentials,
        host.interpreters,
        host.installer,
        host.media,
        host.serving,
        host.gpu,
        host.cache,
        host.disk,
        host.proxies,
    )
    for look in examinations:
        yield look(settings)
    if network:
        yield from images.registries(settings)


def describe(settings: Settings) -> list[dict[str, Any]]:
    """Every setting, its value and where that comes from."""
    from nova_spi.settings import SETTINGS

    return [
        {"name": name, "value": _shown(getattr(settings, name)), "from": settings.origin(name)} for name in SETTINGS
    ]


def _shown(value: Any) -> str | None:
    return None if value is None else str(value)
