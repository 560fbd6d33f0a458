"""Pins the requirements again: exact versions with hashes, for Python 3.11 and later, without index addresses."""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
HEADER = "# Made by `make requirements` from pyproject.toml. Do not edit.\n"


def compile_to(name: str, *arguments: str) -> None:
    """Runs uv for one file and drops what it says of its sources."""
    out = HERE / name
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"),
            *("--no-cache", "--no-config", "--fork-strategy", "fewest"),
            *arguments,
            *("--output-file", str(out)),
        ],
        cwd=ROOT,
        check=True,
    )
    text = out.read_text("utf-8")
    if re.search(r"https?://|file://", text):
        raise SystemExit(f"{name} names an address; it must not")
    out.write_text(HEADER + text, "utf-8")


if __name__ == "__main__":
    both = ("pyproject.toml", "requirements/build.in", "--extra", "media", "--extra", "serve")
    tested = [word for extra in ("docker", "ray") for word in ("--extra", extra)]
    compile_to("core.txt", *both)
    compile_to("dev.txt", *both, *tested, "--group", "dev", "-c", "requirements/core.txt")
    served = ("pyproject.toml", "--extra", "serve", "-c", "requirements/dev.txt")
    compile_to("../src/nova_spi/images/serving_requirements.txt", *served)
    compile_to("../src/nova_spi/images/serving_media_requirements.txt", *served, "--extra", "media")
