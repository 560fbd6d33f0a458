"""What stands beside a model, in a run's folder and in an image alike: its manifest, and our runtime."""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import nova_spi_runtime

if TYPE_CHECKING:
    from nova_spi.interface.compiled import Interface
    from nova_spi.manifest.models import Manifest

NAME = "nova_spi_runtime"
UTILS = "spi_utils.py"
"""The runtime's file that stands as ``spi/utils.py``."""


@cache
def runtime_files() -> tuple[tuple[str, bytes], ...]:
    """The files of ``nova_spi_runtime``, by their paths below it."""
    root = Path(nova_spi_runtime.__file__).parent
    return tuple((path.relative_to(root).as_posix(), path.read_bytes()) for path in sorted(root.rglob("*.py")))


def manifest_files(manifest: "Manifest", interface: "Interface", plain: bytes) -> dict[str, bytes]:
    """Plain copies of the manifest, as a program may look for them, and the compiled one that the runtime reads.

    Args:
        manifest: What it says.
        interface: The same, compiled.
        plain: Its bytes as they were written.

    Returns:
        Contents by their paths below base_work_dir.
    """
    compiled = manifest.to_dict() | {"x-compiled": interface.to_runtime()}
    text = json.dumps(compiled, ensure_ascii=False).encode("utf-8", "surrogatepass")
    places = dict.fromkeys(("spi/manifest.yml", "spi/manifest.yaml", "manifest.yml"), plain)
    return places | {"spi/manifest.json": text}
