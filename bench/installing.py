"""How heavy the core is: packages and megabytes of a fresh environment with nova-spi and nothing else."""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from bench.measuring import Figure

ROOT = Path(__file__).resolve().parents[1]


def figures() -> Iterator[Figure]:
    """Builds the wheel, installs it in an empty environment, and counts."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        environment = root / "environment"
        venv.create(environment, with_pip=False)
        python = environment / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
        subprocess.run([*pip, "install", str(ROOT)], check=True, stderr=subprocess.DEVNULL)
        site = next((environment / "lib").glob("python*/site-packages"))
        packages = list(site.glob("*.dist-info"))
        size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) / 1e6
    yield Figure("core install", float(len(packages)), "packages", 32.0, "nova-spi without extras, itself included")
    yield Figure("core install", size, "MB", 45.0, "site-packages with bytecode, nova-spi itself included")
