import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nova_spi.engines.port import Environment
from nova_spi.execution.beside import NAME, lay_runtime
from nova_spi.execution.staging import Stage


@pytest.fixture
def laid(tmp_path):
    environment = Environment(Path(sys.executable), "3.11", "sha256:0")

    def lay(name="work", environment=environment):
        (tmp_path / name).mkdir()
        lay_runtime(Stage(tmp_path / name), environment, tmp_path / "cache")
        return tmp_path / name / "spi" / NAME

    return lay


def test_the_runtime_is_laid_out_once_and_compiled(laid):
    first, second = laid("a"), laid("b")
    assert first.resolve() == second.resolve()
    assert (first / "runtime.py").read_bytes()
    assert list((first / "__pycache__").glob("runtime.*.pyc"))
    assert "SPIRuntime" in (first.parent / "utils.py").read_text()


def test_another_python_gets_another_one(laid):
    other = Environment(Path(sys.executable), "3.12", "sha256:0")
    assert laid("a").resolve() != laid("b", other).resolve()


@pytest.mark.parametrize("deed", ["change", "add", "remove"])
def test_a_runtime_that_somebody_touched_is_laid_out_again_beside_it(laid, deed):
    first = laid("a").resolve()
    original = (first / "runtime.py").read_bytes()
    if deed == "change":
        (first / "runtime.py").write_text("evil")
    elif deed == "add":
        (first / "json.py").write_text("evil")
    else:
        (first / "runtime.py").unlink()
    second = laid("b").resolve()
    assert second != first
    assert first.is_dir()
    assert (second / "runtime.py").read_bytes() == original
    assert not (second / "json.py").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"folder": "../..", "status": []})])
def test_a_damaged_record_means_to_lay_it_out_again(laid, tmp_path, content):
    laid("a")
    [record] = (tmp_path / "cache" / "runtime").glob("*.json")
    record.write_text(content)
    assert (laid("b") / "runtime.py").is_file()


def test_a_python_that_cannot_compile_it_only_starts_more_slowly(laid):
    broken = Environment(Path("/bin/false"), "3.11", "sha256:0")
    assert (laid("a", broken) / "runtime.py").is_file()


def test_runs_at_once_lay_it_out_once(laid, tmp_path):
    with ThreadPoolExecutor(6) as pool:
        places = {place.resolve() for place in pool.map(laid, "abcdef")}
    assert len(places) == 1
    assert len([path for path in (tmp_path / "cache" / "runtime").iterdir() if path.is_dir()]) == 1


def test_where_the_cache_cannot_be_written_each_run_has_a_copy(laid, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    place = laid("a")
    assert not place.is_symlink()
    assert (place / "runtime.py").is_file()
