"""The environment of a model: nothing of the caller's, only what runtime.md promises."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import to_text

LONGEST_VALUE = 32 * 1024
"""Bytes; a longer value stands in the inputs file alone. The system refuses a variable of 128 KiB."""

MOST_BYTES = 512 * 1024
"""Of all input variables together; the system takes 2 MiB of arguments and environment."""

IN_IMAGE = "/tmp"  # noqa: S108  # a hardened container lets its program write nowhere else
"""HOME and the folder of temporary files in an image."""

OURS = frozenset({"HOME", "TMPDIR", "XDG_CACHE_HOME", "PYTHONPATH"})


def input_variables(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, str]:
    """``INPUT_<NAME>`` for every value that is no file, no secret and short enough."""
    found: dict[str, str] = {}
    left = MOST_BYTES
    for parameter in parameters:
        if parameter.type == "file" or parameter.secret or values.get(parameter.name) is None:
            continue
        text = to_text(parameter, values[parameter.name])
        size = _size(text)
        if size is None or size >= LONGEST_VALUE or size > left:
            continue
        found[parameter.variable] = text
        left -= size
    return found


def _size(text: str) -> int | None:
    """Bytes in the environment; None for what no variable can hold."""
    if "\0" in text:
        return None
    try:
        return len(os.fsencode(text))
    except UnicodeEncodeError:
        return None


def private_variables(scratch: Path) -> dict[str, str]:
    """HOME, TMPDIR and XDG_CACHE_HOME; the folders are made."""
    found = {"HOME": scratch, "TMPDIR": scratch / "tmp", "XDG_CACHE_HOME": scratch / ".cache"}
    for folder in found.values():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {name: str(folder) for name, folder in found.items()}


def joined(
    environment: Mapping[str, str], manifest: Mapping[str, str], ours: Mapping[str, str], work: Path
) -> dict[str, str]:
    """The whole environment.

    Args:
        environment: Of the model's Python: PATH, VIRTUAL_ENV.
        manifest: ``execution.environment``; it may add to PATH and PYTHONPATH, and may not replace what is ours.
        ours: ``SPI_*``, ``INPUT_*`` and the private folders.
        work: The model's folder.
    """
    base = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    found = (
        base | dict(environment) | {name: value for name, value in manifest.items() if name not in OURS} | dict(ours)
    )
    found["PATH"] = _path(environment.get("PATH", ""), manifest.get("PATH", ""))
    # A list has no way to write a folder whose name holds its separator; Python makes these absolute when it starts.
    folders = (".", "spi") if os.pathsep in str(work) else (str(work), str(work / "spi"))
    found["PYTHONPATH"] = _path(os.pathsep.join(folders), manifest.get("PYTHONPATH", ""))
    return found


def in_image(image: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """The whole environment in an image, whose own variables hold the manifest's already.

    Args:
        image: Of its config.
        ours: ``SPI_*`` and ``INPUT_*``.
    """
    private = {"HOME": IN_IMAGE, "TMPDIR": IN_IMAGE, "XDG_CACHE_HOME": f"{IN_IMAGE}/.cache"}
    usual = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    return usual | dict(image) | private | dict(ours)


def _path(first: str, then: str) -> str:
    return os.pathsep.join(part for part in (first, then) if part)
