import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(folder.parent.name for folder in EXAMPLES.glob("*/manifest.yml"))

Loader = Callable[[str, str], ModuleType]


@pytest.fixture(autouse=True)
def cache_of_the_session(monkeypatch: pytest.MonkeyPatch, shared_cache: Path) -> None:
    """The models' environments are made once a session, and not in the cache of whoever runs the tests."""
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(shared_cache))


@pytest.fixture
def examples() -> Path:
    return EXAMPLES


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest) -> Path:
    return EXAMPLES / request.param


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loader]:
    """Imports a module of one example as its own runs do; the next test's example may have one of the same name."""
    before = set(sys.modules)

    def loading(name: str, module: str) -> ModuleType:
        for folder in (EXAMPLES / name / "tests", EXAMPLES / name):
            monkeypatch.syspath_prepend(folder)
        return importlib.import_module(module)

    yield loading
    for name in set(sys.modules) - before:
        if str(EXAMPLES) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an example, so that its runs leave nothing in the repository."""

    def copy(name: str) -> Path:
        ignored = shutil.ignore_patterns(".nova-spi", "__pycache__")
        return shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=ignored)

    return copy


@pytest.fixture
def needs_flite() -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed: tests/install-system-packages.sh installs it on Debian")
