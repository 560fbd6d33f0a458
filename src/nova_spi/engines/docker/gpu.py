"""GPUs for a container: by the engine's own request for devices, by CDI names, or by device files.

CDI (Container Device Interface) specs are JSON or YAML files that say what a device's name brings into a container:
https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.engines.port import Gpus
from nova_spi.errors import EngineUnavailable

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

FOLDERS = (Path("/etc/cdi"), Path("/var/run/cdi"))
"""Where engines look for CDI specs; a later one wins."""

MAX_BYTES = 4 << 20
MAX_FILES = 100
_CLASS = "gpu"
_AMD = (Path("/dev/kfd"), Path("/dev/dri"))


@dataclass(frozen=True, slots=True)
class Devices:
    """What a container gets of GPUs; all empty where it gets none.

    Attributes:
        cdi: Names of CDI devices, ``nvidia.com/gpu=0``.
        count: Devices that the engine chooses itself (Docker's ``--gpus``).
        files: Device files.
        groups: The groups that may use them.
    """

    cdi: tuple[str, ...] = ()
    count: int = 0
    files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def devices_for(connection: "Connection", gpus: Gpus | None) -> Devices:
    """What a job gets. The first devices are taken; nobody keeps book of who uses which.

    Raises:
        EngineUnavailable: The engine has none of the kind, or not so many; the message says what is missing.
    """
    if gpus is None or gpus.count < 1:
        return Devices()
    if connection.cdi and (names := _names(gpus, specs())):
        return Devices(cdi=names)
    if gpus.vendor == "amd" or (not gpus.vendor and not _nvidia_here() and _AMD[0].exists()):
        return _amd(connection, gpus)
    if connection.engine == "docker" and gpus.vendor in ("", "nvidia"):
        return Devices(count=gpus.count)
    raise missing(connection, gpus)


def missing(connection: "Connection", gpus: Gpus, why: str = "") -> EngineUnavailable:
    """The error for an engine that has no such GPU."""
    engine = "Podman" if connection.engine == "podman" else "Docker"
    kind = f"{gpus.vendor} GPU" if gpus.vendor else "GPU"
    return EngineUnavailable(
        f"The model asks for {gpus.count} {kind}{'' if gpus.count == 1 else 's'}, and {engine} has none to give.",
        why=why or f"No CDI spec in {' or '.join(map(str, FOLDERS))} names such a device.",
        mend="Install the vendor's driver, then: nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
        engine=connection.engine,
        gpus=gpus.count,
    )


def specs(folders: Iterable[Path] = FOLDERS) -> dict[str, tuple[str, ...]]:
    """The names of CDI devices by kind, ``nvidia.com/gpu``; a file that is no spec is as good as none."""
    found: dict[str, tuple[str, ...]] = {}
    for folder in folders:
        with suppress(OSError):
            for path in sorted(folder.iterdir())[:MAX_FILES]:
                kind, names = _spec(path)
                if kind and names:
                    found[kind] = tuple(dict.fromkeys((*found.get(kind, ()), *names)))
    return found


def _spec(path: Path) -> tuple[str, tuple[str, ...]]:
    if path.suffix not in (".json", ".yaml", ".yml"):
        return "", ()
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            return "", ()
        document = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (OSError, ValueError, RecursionError):
        return "", ()
    if not isinstance(document, Mapping):
        return "", ()
    devices = document.get("devices")
    devices = devices if isinstance(devices, list) else []
    names = tuple(str(each["name"]) for each in devices if isinstance(each, Mapping) and each.get("name"))
    return str(document.get("kind") or ""), names


def _yaml(text: bytes) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ValueError(str(error)) from error


def _names(gpus: Gpus, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The names of as many devices as are asked for; () where there are not so many."""
    for kind in _kinds(gpus.vendor, known):
        single = [name for name in known.get(kind, ()) if name != "all"]
        chosen = sorted((name for name in single if name.isascii() and name.isdigit()), key=int) or single
        if len(chosen) >= gpus.count:
            return tuple(f"{kind}={name}" for name in chosen[: gpus.count])
    return ()


def _kinds(vendor: str, known: Mapping[str, tuple[str, ...]]) -> list[str]:
    if vendor:
        return [f"{vendor if '.' in vendor else f'{vendor}.com'}/{_CLASS}"]
    first = [f"nvidia.com/{_CLASS}", f"amd.com/{_CLASS}"]
    return [*first, *(kind for kind in known if kind.endswith(f"/{_CLASS}") and kind not in first)]


def _amd(connection: "Connection", gpus: Gpus) -> Devices:
    files = [path for path in _AMD if path.exists()]
    if len(files) < len(_AMD):
        absent = next(path for path in _AMD if path not in files)
        raise missing(connection, gpus, f"There is no {absent}, and no CDI spec names such a device.")
    used = [_AMD[0], *sorted(_AMD[1].glob("renderD*"))[: gpus.count]]
    if len(used) <= gpus.count:
        raise missing(connection, gpus, f"{_AMD[1]} has {len(used) - 1}.")
    return Devices(files=tuple(map(str, used)), groups=tuple(sorted({str(os.stat(path).st_gid) for path in used})))  # noqa: PTH116


def _nvidia_here() -> bool:
    return Path("/dev/nvidiactl").exists()
