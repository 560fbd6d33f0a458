"""The plug-in is tried in pytests of their own, as a project's author runs them."""

import os

import pytest

MANIFEST = """spi_version: "1"
model: {name: shouting, version: 1.0.0, domain: text, description: Says it louder.}
execution:
  entry_point: {callable: "shouting:shout"}
inputs:
  - {name: text, type: string, required: true}
outputs:
  - {name: loud, type: string, required: true}
"""
MODEL = """def shout(text):
    if text == "raise":
        raise ValueError("too loud")
    return text.upper()
"""


@pytest.fixture(autouse=True)
def user(tmp_path, shared_cache, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("NOVA_SPI_", "PYTEST_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/empty/no-daemon.sock")


@pytest.fixture
def project(pytester):
    """A project whose tests pytest runs, with what the plug-in needs and nothing of ours beside it."""
    pytester.path.joinpath("manifest.yml").write_text(MANIFEST)
    pytester.path.joinpath("shouting.py").write_text(MODEL)
    return pytester
