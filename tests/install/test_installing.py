"""What a stranger does: install the wheel, or the repository, in an empty environment, and use it."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def install(place: Path, *what: str) -> Path:
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet"]
    done = subprocess.run([*pip, *what], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return place / "bin"


def session(programs: Path, folder: Path) -> dict:
    """Creates, validates and tests a project with the installed program alone."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "NOVA_SPI_CACHE_DIR": str(folder / "cache")}
    program = str(programs / "nova-spi")

    def call(*words: str, where: Path = folder) -> str:
        done = subprocess.run([program, *words], cwd=where, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("create", "fresh", "--domain", "text")
    call("validate", "--strict", where=folder / "fresh")
    return json.loads(call("test", "--output-format", "json", where=folder / "fresh"))


@pytest.mark.slow
def test_the_wheel_gives_a_working_program_in_an_empty_environment(wheel, tmp_path):
    programs = install(tmp_path / "environment", str(wheel))
    assert session(programs, tmp_path)["ok"]
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(programs / "python"), "list", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    names = [package["name"] for package in json.loads(listed.stdout)]
    site = next((tmp_path / "environment" / "lib").glob("python*/site-packages"))
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file() and file.suffix != ".pyc")
    assert len(names) <= 32, names
    assert size <= 45e6


@pytest.mark.slow
def test_the_repository_installs_by_a_git_address(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("this tree is no git checkout, so there is nothing that git could serve")
    programs = install(tmp_path / "environment", f"git+file://{ROOT}")
    assert session(programs, tmp_path)["ok"]


def test_the_wheel_carries_templates_and_types_and_no_tests(wheel):
    import zipfile

    names = zipfile.ZipFile(wheel).namelist()
    assert "nova_spi/py.typed" in names
    assert "nova_spi_runtime/py.typed" in names
    assert any(name.startswith("nova_spi/project/template_files/text/") for name in names)
    assert any(name.endswith("report.html.j2") for name in names)
    assert not any(name.startswith(("tests/", "bench/", "examples/")) for name in names)
