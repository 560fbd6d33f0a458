import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nova_spi_runtime
from nova_spi_runtime import SPIError, SPIRuntime

SOURCE = Path(nova_spi_runtime.__file__).parent.parent


class ModelProject:
    """A project with a manifest and code, whose programs are really started."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.python = sys.executable

    def manifest(self, *, inputs=(), outputs=(), name="manifest.json", **more) -> None:
        document = {"model": {"name": "tried"}, "inputs": list(inputs), "outputs": list(outputs), **more}
        self.write(name, json.dumps(document))

    def write(self, relative: str, content: str | bytes) -> Path:
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, *arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "LANG", "COVERAGE_"))}
        environment = {**kept, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd or self.root,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def command(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.start("-m", "nova_spi_runtime", **variables)

    def callable(self, code: str, reference: str = "model:predict", **interface) -> None:
        self.write("model.py", code)
        self.manifest(execution={"entry_point": {"callable": reference}}, **interface)

    def answered(self, declared, outputs) -> dict:
        """What stands in the outputs' file after a program of this process has written ``outputs``."""
        self.manifest(outputs=declared)
        SPIRuntime().write_outputs(outputs)
        return self.outputs

    def refused(self, declared, outputs) -> SPIError:
        """The error of outputs that may not be written; nothing is."""
        self.manifest(outputs=declared)
        with pytest.raises(SPIError) as caught:
            SPIRuntime().write_outputs(outputs)
        assert not (self.root / "outputs/output.json").exists()
        return caught.value

    @property
    def outputs(self) -> dict:
        return json.loads((self.root / "outputs/output.json").read_text())

    @property
    def error(self) -> dict:
        return json.loads((self.root / "outputs/error.json").read_text())


@pytest.fixture
def project(tmp_path) -> ModelProject:
    root = tmp_path / "work"
    root.mkdir()
    return ModelProject(root)


@pytest.fixture
def in_project(project, monkeypatch) -> ModelProject:
    """The project as the current folder of this very process, with nothing of ours in the environment."""
    for name in list(os.environ):
        if name.startswith(("SPI_", "INPUT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("SPI_WORK_DIR", str(project.root))
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    return project


@pytest.fixture
def start_worker(project):
    """Starts a worker in the project's folder, and ends it after the test."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        from worker_driver import Driver
    finally:
        sys.path.pop(0)
    started = []

    def start(**options):
        started.append(Driver(project.root, **options))
        return started[-1]

    yield start
    for driver in started:
        driver.close()


@pytest.fixture
def served(project, start_worker):
    """A worker, ready, for code and an interface."""

    def serve(code, reference="model:predict", options=None, **interface):
        project.callable(code, reference, **interface)
        driver = start_worker(**(options or {}))
        driver.ready()
        return driver

    return serve
