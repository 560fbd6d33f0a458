"""What stands beside a model in ``spi/``: manifests, and our runtime, laid out and compiled once for its Python.

The runtime stands in the cache, like the model's environment, and each run gets a link to it. A model that changes it
there is found by the change time of its files, and the runtime is laid out again.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.locking import held
from nova_spi.engines.port import Environment
from nova_spi.execution.records import replace_bytes
from nova_spi.execution.staging import Stage
from nova_spi.project.beside import NAME, UTILS, manifest_files, runtime_files

if TYPE_CHECKING:
    from nova_spi.interface.compiled import Interface
    from nova_spi.manifest.models import Manifest

COMPILE_SECONDS = 60


@cache
def _digest() -> str:
    return hashlib.sha256(repr(runtime_files()).encode()).hexdigest()


def lay_manifest(stage: Stage, manifest: "Manifest", interface: "Interface", source: Path) -> None:
    """Plain copies of the manifest, as a program may look for them, and the compiled one that the runtime reads."""
    for place, content in manifest_files(manifest, interface, source.read_bytes()).items():
        stage.text(place, content)


def lay_runtime(stage: Stage, environment: Environment, cache_dir: Path) -> None:
    """``spi/utils.py``, and ``spi/nova_spi_runtime`` as a link."""
    stage.text("spi/utils.py", dict(runtime_files())[UTILS])
    try:
        stage.link(_laid_out(environment, cache_dir), f"spi/{NAME}")
    except OSError:  # a cache that cannot be written costs time, no more
        for relative, content in runtime_files():
            stage.text(f"spi/{NAME}/{relative}", content)


def _laid_out(environment: Environment, cache_dir: Path) -> Path:
    """The runtime for one Python, as it was when it was laid out."""
    digest = hashlib.sha256(f"{_digest()} {environment.version} {environment.python}".encode()).hexdigest()[:32]
    base = cache_dir / "runtime"
    record = base / f"{digest}.json"
    if place := _known(record):
        return place
    base.mkdir(parents=True, exist_ok=True)
    with held(base / f"{digest}.lock"):
        return _known(record) or _lay_out(environment, base, digest, record)


def _known(record: Path) -> Path | None:
    """Where it stands; None where it is not there yet, or damaged."""
    try:
        known = json.loads(record.read_bytes())
        place = record.parent / Path(known["folder"]).name / NAME
        return place if known["status"] and known["status"] == _status(place) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lay_out(environment: Environment, base: Path, digest: str, record: Path) -> Path:
    # A folder of a new name each time: a run that is going on may still use the one of before.
    place = Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=base)) / NAME
    place.parent.chmod(0o755)
    for relative, content in runtime_files():
        (place / relative).parent.mkdir(parents=True, exist_ok=True)
        (place / relative).write_bytes(content)
    _compile(environment, place)
    replace_bytes(record, json.dumps({"folder": place.parent.name, "status": _status(place)}).encode())
    return place


def _status(place: Path) -> list[list[int | str]]:
    """What changes when somebody touches a file."""
    found: list[list[int | str]] = []
    for folder, _, names in sorted(os.walk(place)):
        for name in sorted(names):
            seen = os.lstat(os.path.join(folder, name))  # noqa: PTH118  # a Path for each file would be the slow part
            found.append([name, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns])
    return found


def _compile(environment: Environment, folder: Path) -> None:
    """Compiles the runtime; where that fails it only starts more slowly.

    The model's interpreter runs here with ``-I -S``: it reads nothing of the model's environment, only its own library.
    """
    options = ("-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder))
    try:
        subprocess.run(
            [str(environment.python), *options],
            check=True,
            capture_output=True,
            timeout=COMPILE_SECONDS,
            env={"PATH": os.defpath},
        )
    except (OSError, subprocess.SubprocessError):
        return
