import os
import sys
from pathlib import Path

import pytest

from nova_spi.engines.process import interpreters
from nova_spi.errors import EngineUnavailable, UsageError

OURS = ".".join(str(number) for number in sys.version_info[:3])


def fake(folder: Path, version: str, name: str | None = None) -> Path:
    """A program that answers as a Python of that version would."""
    path = folder / (name or "python" + version.rpartition(".")[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"#!/bin/sh\necho asked >> {folder}/asked\n"
        f'echo \'{{"path": "{path}", "version": "{version}", "build": "b"}}\'\n'
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A machine with no Python but ours."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("wanted", [None, OURS, OURS.rpartition(".")[0]])
def test_the_running_python_is_taken_where_it_fits(alone, wanted):
    found = interpreters.find(wanted, alone / "memory.json")
    assert found.version == OURS
    assert found == interpreters.running()
    assert Path(found.path).is_file()
    assert not (alone / "memory.json").exists()


def test_asking_the_running_python_gives_what_it_knows_of_itself():
    assert interpreters.ask(Path(sys.executable)) == interpreters.running()


def test_a_python_on_the_path_is_taken_and_asked_once(alone):
    path = fake(alone / "bin", "3.77.4")
    for wanted in ("3.77", "3.77.4", "3.77"):
        assert interpreters.find(wanted, alone / "memory.json").path == str(path)
    assert (alone / "bin/asked").read_text() == "asked\n"


def test_a_python_that_was_replaced_is_asked_again(alone):
    path = fake(alone / "bin", "3.77.4")
    interpreters.find("3.77", alone / "memory.json")
    path.unlink()
    fake(alone / "bin", "3.77.11")
    assert interpreters.find("3.77", alone / "memory.json").version == "3.77.11"


def test_the_newest_of_pyenv_is_taken_by_number(alone):
    for version in ("3.77.9", "3.77.10", "3.7.7"):
        fake(alone / f"pyenv/versions/{version}/bin", version, "python")
    assert interpreters.find("3.77", alone / "memory.json").version == "3.77.10"
    assert interpreters.find("3.77.9", alone / "memory.json").version == "3.77.9"


def test_a_shim_of_pyenv_is_not_run(alone, monkeypatch):
    fake(alone / "pyenv/shims", "3.77.1")
    monkeypatch.setenv("PATH", str(alone / "pyenv/shims"))
    with pytest.raises(EngineUnavailable):
        interpreters.find("3.77", alone / "memory.json")
    assert not (alone / "pyenv/shims/asked").exists()


def test_a_name_that_lies_is_not_believed(alone):
    fake(alone / "bin", "3.76.0", "python3.77")
    with pytest.raises(EngineUnavailable) as failure:
        interpreters.find("3.77", alone / "memory.json")
    assert failure.value.details["available"] == [OURS]


def test_what_is_here_is_named_where_nothing_fits(alone):
    fake(alone / "bin", "3.12.9")
    with pytest.raises(EngineUnavailable, match=r"Python 3\.88 is not on this machine") as failure:
        interpreters.find("3.88", alone / "memory.json")
    assert "3.12.9" in failure.value.why
    assert OURS in failure.value.why
    assert "pyenv install 3.88" in failure.value.mend


@pytest.mark.parametrize("wanted", ["", "3", "2.7", "3.12;", "3.x", ">=3.9", "3.12.4.1", "../python"])
def test_what_is_no_version_is_a_usage_error(alone, wanted):
    with pytest.raises(UsageError):
        interpreters.find(wanted, alone / "memory.json")


@pytest.mark.parametrize(
    "script",
    ["exit 1", "echo nonsense", "echo '[]'", 'echo \'{"path": 1, "version": "x", "build": ""}\'', "kill -9 $$"],
)
def test_a_python_that_answers_nonsense_is_none(alone, script):
    path = fake(alone / "bin", "3.77.0")
    path.write_text(f"#!/bin/sh\n{script}\n")
    assert interpreters.ask(path) is None


def test_a_python_that_does_not_answer_is_none(alone, monkeypatch):
    path = fake(alone / "bin", "3.77.0")
    path.write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    monkeypatch.setattr(interpreters, "ASK_SECONDS", 0.2)
    assert interpreters.ask(path) is None
    assert interpreters.ask(alone / "bin/missing") is None


@pytest.mark.parametrize("memory", ["", "[]", "{", '{"x": 1}', "\0"])
def test_a_broken_memory_is_made_anew(alone, memory):
    fake(alone / "bin", "3.77.4")
    (alone / "memory.json").write_text(memory)
    assert interpreters.find("3.77", alone / "memory.json").version == "3.77.4"


def test_a_memory_that_cannot_be_written_costs_time_only(alone):
    fake(alone / "bin", "3.77.4")
    (alone / "file").write_text("")
    assert interpreters.find("3.77", alone / "file/memory.json").version == "3.77.4"


def test_a_version_that_begins_with_another_is_not_it():
    found = interpreters.Interpreter("/p", "3.12.10", "b")
    assert found.fits("3.12")
    assert found.fits("3.12.10")
    assert not found.fits("3.12.1")
    assert not found.fits("3.1")


def test_the_home_without_pyenv_is_no_error(alone, monkeypatch):
    monkeypatch.delenv("PYENV_ROOT")
    assert interpreters.available(alone / "memory.json") == [OURS]
    assert os.environ["HOME"]


def test_a_pyenv_of_another_user_is_no_error(monkeypatch, open_folder_without_rights):
    folder, without_rights = open_folder_without_rights
    fake(folder / "pyenv/versions/3.77.1/bin", "3.77.1", "python")
    (folder / "pyenv").chmod(0)
    monkeypatch.setenv("PYENV_ROOT", str(folder / "pyenv"))
    with without_rights(), pytest.raises(EngineUnavailable, match=r"3\.77"):
        interpreters.find("3.77", folder / "memory.json")
    (folder / "pyenv").chmod(0o700)
