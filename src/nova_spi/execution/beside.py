"""What stands beside a model in ``spi/``: manifests, and our runtime as plain files, compiled once for its Python."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import nova_spi_runtime
from nova_spi.engines.port import Environment
from nova_spi.execution.staging import Stage

if TYPE_CHECKING:
    from nova_spi.interface.compiled import Interface
    from nova_spi.manifest.models import Manifest

UTILS = "spi_utils.py"
"""The runtime's file that stands as ``spi/utils.py``."""

COMPILE_SECONDS = 60


@cache
def _sources() -> tuple[tuple[str, bytes], ...]:
    root = Path(nova_spi_runtime.__file__).parent
    return tuple((path.relative_to(root).as_posix(), path.read_bytes()) for path in sorted(root.rglob("*.py")))


def lay_manifest(stage: Stage, manifest: "Manifest", interface: "Interface", source: Path) -> None:
    """Plain copies of the manifest, as a program may look for them, and the compiled one that the runtime reads."""
    plain = source.read_bytes()
    for place in ("spi/manifest.yml", "spi/manifest.yaml", "manifest.yml"):
        stage.text(place, plain)
    compiled = manifest.to_dict() | {"x-compiled": interface.to_runtime()}
    stage.text("spi/manifest.json", json.dumps(compiled, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def lay_runtime(stage: Stage, environment: Environment, cache_dir: Path) -> None:
    """The runtime's files and ``utils.py``."""
    compiled = _compiled(environment, cache_dir)
    for relative, content in _sources():
        if relative == UTILS:
            stage.text("spi/utils.py", content)
        stage.text(f"spi/nova_spi_runtime/{relative}", content)
    if compiled:
        for path in compiled.rglob("*.pyc"):
            target = stage.place(f"spi/nova_spi_runtime/{path.relative_to(compiled).as_posix()}")
            shutil.copyfile(path, target)


def _compiled(environment: Environment, cache_dir: Path) -> Path | None:
    """The folder of the compiled runtime for one Python; made once, None where that fails: it is only for speed.

    The model's interpreter runs here with ``-I -S``: it reads nothing of the model's environment, only its own library.
    """
    digest = hashlib.sha256(repr((_sources(), environment.version, str(environment.python))).encode()).hexdigest()
    place = cache_dir / "runtime" / digest[:32]
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=place.parent))
    except OSError:
        return None
    try:
        for relative, content in _sources():
            path = fresh / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        options = ("-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(fresh))
        subprocess.run(
            [str(environment.python), *options],
            check=True,
            capture_output=True,
            timeout=COMPILE_SECONDS,
            env={"PATH": os.defpath},
        )
        fresh.rename(place)
    except (OSError, subprocess.SubprocessError):
        return place if place.is_dir() else None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return place
