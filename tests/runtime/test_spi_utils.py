import shutil
import sys
from pathlib import Path

import pytest

import nova_spi_runtime

RUNTIME = Path(nova_spi_runtime.__file__).parent
PROGRAM = """
from spi.utils import SPIRuntime
spi = SPIRuntime()
spi.write_outputs({"text": spi.parse_inputs()["text"] + spi.__class__.__module__})
"""
TEXT = {"name": "text", "type": "string", "default": "a "}


@pytest.fixture
def staged(project):
    """The tree that an engine makes: the runtime's files at ``spi/``, the template as ``spi/utils.py``."""
    project.write("run.py", PROGRAM)
    project.manifest(inputs=[TEXT], outputs=[TEXT], name="spi/manifest.json")
    project.write("spi/utils.py", (RUNTIME / "spi_utils.py").read_text())
    shutil.copytree(RUNTIME, project.root / "spi/nova_spi_runtime", ignore=shutil.ignore_patterns("__pycache__"))
    return project


@pytest.mark.parametrize("path", ["{work}:{work}/spi", "{work}", ""])
def test_the_runtime_beside_the_model_is_found(staged, path):
    ended = staged.start("-S", "run.py", PYTHONPATH=path.format(work=staged.root))
    assert ended.returncode == 0, ended.stderr
    assert staged.outputs == {"text": "a nova_spi_runtime.runtime"}


def test_a_developers_installed_runtime_is_found(staged):
    shutil.rmtree(staged.root / "spi/nova_spi_runtime")
    ended = staged.start("run.py")
    assert ended.returncode == 0, ended.stderr


def test_where_there_is_no_runtime_the_mend_is_named(staged):
    shutil.rmtree(staged.root / "spi/nova_spi_runtime")
    staged.python = sys.executable
    ended = staged.start("-I", "-S", "-c", "import sys; sys.path.insert(0, '.'); import spi.utils")
    assert ended.returncode == 1
    assert "nova-spi run" in ended.stderr
