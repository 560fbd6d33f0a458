import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nova_spi_runtime

RUNTIME = Path(nova_spi_runtime.__file__).parent
FILES = sorted(RUNTIME.rglob("*.py"))


def listed(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:  # it is not there, or another user's
        return []


def interpreter(version: str) -> str | None:
    """A Python of this version: our own, of pyenv, whose shims run only what is selected, or on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [pyenv / name / "bin/python" for name in listed(pyenv) if name.startswith(f"{version}.")]
    candidates = [sys.executable, *map(str, reversed(found)), shutil.which(f"python{version}")]
    for path in filter(None, candidates):
        if not os.access(path, os.X_OK):
            continue
        asked = subprocess.run([path, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
        if asked.stdout.strip() == f"({version.replace('.', ', ')})":
            return path
    return None


@pytest.mark.parametrize("scenario", ["scenario.py", "worker_scenario.py"])
@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_the_whole_runtime_works_under(version, scenario, tmp_path):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    scenario = Path(__file__).parent / scenario
    ended = subprocess.run(
        [python, "-I", "-S", "-W", "error", str(scenario), str(RUNTIME), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"complete {version}\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_but_the_standard_library_is_imported(path):
    # The model's own YAML package reads a manifest that nobody compiled, where the model has one.
    optional = {"yaml", "ruamel"} if path.name == "manifests.py" else set()
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    named = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0}
    roots = {name.split(".")[0] for name in named}
    assert roots - optional <= {*sys.stdlib_module_names, "nova_spi_runtime"}


def started(*arguments: str, **variables: str) -> tuple[float, str]:
    environment = {"PATH": os.defpath, "PYTHONPATH": str(RUNTIME.parent), **variables}
    begin = time.perf_counter()
    ended = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - begin, ended.stderr


def test_a_start_loads_nothing_that_is_dear(project):
    project.callable("def predict(n): return 'a'\n", inputs=[{"name": "n", "type": "integer"}], outputs=[])
    project.manifest(
        execution={"entry_point": {"callable": "model:predict"}},
        inputs=[{"name": "n", "type": "integer", "required": True}],
        outputs=[{"name": "text", "type": "string"}],
    )
    variables = {"SPI_WORK_DIR": str(project.root), "INPUT_N": "1"}
    _, trace = started("-X", "importtime", "-m", "nova_spi_runtime", **variables)
    loaded = {line.rsplit("|", 1)[1].strip() for line in trace.splitlines() if line.startswith("import time:")}
    assert "nova_spi_runtime.program" in loaded
    dear = {
        "inspect",
        "dataclasses",
        "typing",
        "asyncio",
        "logging",
        "pathlib",
        "decimal",
        "difflib",
        "shutil",
        "traceback",
    }
    assert not loaded & dear
    assert "nova_spi_runtime.regular" not in loaded
    assert "nova_spi_runtime.naming" not in loaded


def test_importing_the_package_loads_none_of_its_modules():
    code = "import sys, nova_spi_runtime; print([m for m in sys.modules if m.startswith('nova_spi_runtime.')])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
    assert nova_spi_runtime.SPIRuntime.__name__ in nova_spi_runtime.__all__
    assert nova_spi_runtime.SPIError.__name__ in nova_spi_runtime.__all__
    with pytest.raises(AttributeError, match="colour"):
        _ = nova_spi_runtime.colour
