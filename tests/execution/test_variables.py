import os
from pathlib import Path

import pytest

from nova_spi.execution.variables import LONGEST_VALUE, MOST_BYTES, input_variables, joined, private_variables
from nova_spi_runtime.parameters import Parameter


def test_values_are_the_texts_of_their_types():
    parameters = [
        Parameter("prompt", "string"),
        Parameter("count", "integer"),
        Parameter("flag", "boolean"),
        Parameter("list", "array", items=Parameter("", "integer")),
    ]
    found = input_variables(parameters, {"prompt": "Hi", "count": 3, "flag": True, "list": [1, 2]})
    assert found == {"INPUT_PROMPT": "Hi", "INPUT_COUNT": "3", "INPUT_FLAG": "true", "INPUT_LIST": "[1,2]"}


def test_files_secrets_and_what_is_not_given_stay_out():
    parameters = [Parameter("f", "file"), Parameter("s", "string", secret=True), Parameter("n", "string")]
    assert input_variables(parameters, {"f": ["x"], "s": "hidden", "n": None}) == {}


@pytest.mark.parametrize("value", ["x" * LONGEST_VALUE, "a\0b", "\udc00\ud800"])
def test_what_no_variable_can_hold_stays_out(value):
    assert input_variables([Parameter("p", "string")], {"p": value}) == {}


def test_all_together_stay_below_what_the_system_takes():
    parameters = [Parameter(f"p{n}", "string") for n in range(100)]
    found = input_variables(parameters, {p.name: "x" * (LONGEST_VALUE - 1) for p in parameters})
    assert MOST_BYTES - LONGEST_VALUE < sum(map(len, found.values())) <= MOST_BYTES


def test_the_manifest_adds_and_does_not_replace_what_is_ours(tmp_path):
    given = {"PATH": "/venv/bin:/bin", "VIRTUAL_ENV": "/venv"}
    manifest = {"PATH": "/opt/tool", "HOME": "/root", "PYTHONPATH": "lib", "LANG": "de_DE.UTF-8", "MODE": "fast"}
    ours = {"HOME": "/private", "SPI_COMMAND": "run"}
    found = joined(given, manifest, ours, tmp_path)
    assert found["PATH"] == "/venv/bin:/bin:/opt/tool"
    assert found["PYTHONPATH"] == os.pathsep.join([str(tmp_path), str(tmp_path / "spi"), "lib"])
    assert found["HOME"] == "/private"
    assert (found["LANG"], found["MODE"], found["VIRTUAL_ENV"]) == ("de_DE.UTF-8", "fast", "/venv")


def test_nothing_of_the_caller_is_passed(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert "AWS_SECRET_ACCESS_KEY" not in joined({}, {}, {}, tmp_path)


def test_private_folders_are_made(tmp_path):
    found = private_variables(tmp_path / "scratch")
    assert set(found) == {"HOME", "TMPDIR", "XDG_CACHE_HOME"}
    for path in found.values():
        assert Path(path).stat().st_mode & 0o777 == 0o700
    assert list(Path(found["TMPDIR"]).iterdir()) == []


def test_a_work_folder_with_the_separator_of_lists_in_its_name_is_found_from_inside():
    found = joined({}, {"PYTHONPATH": "lib"}, {}, Path("/a:b/work"))
    assert found["PYTHONPATH"] == ".:spi:lib"
