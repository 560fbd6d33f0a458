"""SDK tests have a user of their own, and their environments are cached once for all of them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nova_spi import Project


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def user(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("NOVA_SPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(cache))
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/empty/no-daemon.sock")  # that of the machine stays out of it
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def written(user: Path) -> Callable[[str], Project]:
    """A project whose manifest is the given text."""

    def write(text: str, name: str = "manifest.yml") -> Project:
        root = user / "written"
        root.mkdir(exist_ok=True)
        (root / "run.py").write_text("print('hello')\n")
        (root / name).write_text(text)
        return Project.load(root)

    return write
