import textwrap
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.execution.run import execute
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

HEAD = """
spi_version: "1"
model: {name: tested-model, version: 1.0.0, description: A model that a test runs once and judges., domain: text}
"""

ECHO = """
inputs:
  - {name: prompt, type: string, required: true, description: What to say}
outputs:
  - {name: said, type: string, required: true, description: The same again}
"""


class Heard:
    """Progress that remembers."""

    def __init__(self):
        self.stages, self.warnings, self.logged = [], [], b""
        self.saw_log = threading.Event()

    def stage(self, name, detail=""):
        self.stages.append(name)

    def advance(self, done, total, unit):
        pass

    def warn(self, message):
        self.warnings.append(message)

    def log(self, chunk):
        self.logged += chunk
        self.saw_log.set()


@dataclass
class Model:
    """A project on disk, and how to run it."""

    root: Path
    engine: ProcessEngine
    settings: Settings
    heard: Heard = field(default_factory=Heard)

    def __call__(self, **options):
        options.setdefault("engine", self.engine)
        options.setdefault("settings", self.settings)
        options.setdefault("progress", self.heard)
        return execute(open_folder(self.root), **options)

    def write(self, name, content):
        place = self.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(content)) if isinstance(content, str) else place.write_bytes(content)
        return place


@pytest.fixture(scope="session")
def engine(shared_cache):
    return ProcessEngine(shared_cache)


@pytest.fixture
def model(tmp_path, engine, shared_cache):
    """Makes a project from a manifest's text (without its head) and files by name."""

    def make(manifest=ECHO, **files):
        root = tmp_path / "project"
        root.mkdir()
        settings = Settings.load(cache_dir=shared_cache, data_dir=tmp_path / "data", engine="process")
        made = Model(root, engine, settings)
        made.write("manifest.yml", HEAD + textwrap.dedent(manifest))
        for name, content in files.items():
            made.write(f"{name}.py", content)
        return made

    return make


@pytest.fixture
def program(model):
    """A project whose run.py is this program."""

    def make(source, manifest=ECHO):
        return model(manifest, run=source)

    return make
