import json
import os
import sys

import pytest

from nova_spi_runtime import SPIError, SPIRuntime
from nova_spi_runtime.manifests import compile_plain, find_manifest, work_dir_of

INPUT = {"name": "n", "type": "integer", "default": 1}
COMPILED = {
    "model": {"name": "tried"},
    "x-compiled": {
        "default_command": "generate",
        "commands": {
            "generate": {"entry_point": {"callable": "m:f"}, "inputs": [INPUT], "outputs": [], "timeout_seconds": 5},
            "up-scale": {"entry_point": {"module": "m"}, "inputs": [], "outputs": []},
        },
    },
}


def test_the_manifest_is_found_in_the_documented_order(in_project, monkeypatch, tmp_path):
    places = ["spi/manifest.json", "spi/manifest.yml", "manifest.json", "manifest.yaml", "manifest.yml"]
    for place in places:
        in_project.write(place, "{}")
        assert find_manifest() == str(in_project.root / place)
    elsewhere = tmp_path / "other.json"
    elsewhere.write_text("{}")
    monkeypatch.setenv("SPI_MANIFEST", str(elsewhere))
    assert find_manifest() == str(elsewhere)
    assert find_manifest(str(in_project.root / "manifest.json")) == str(in_project.root / "manifest.json")


def test_without_variables_the_current_folder_and_the_programs_are_looked_at(in_project, monkeypatch, tmp_path):
    monkeypatch.delenv("SPI_WORK_DIR")
    in_project.write("manifest.json", "{}")
    assert find_manifest() == str(in_project.root / "manifest.json")
    monkeypatch.chdir(tmp_path)
    main = type(sys)("__main__")
    main.__file__ = str(in_project.root / "run.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert find_manifest() == str(in_project.root / "manifest.json")


def test_a_container_path_gives_way_to_what_the_engine_says(in_project):
    in_project.write("manifest.json", json.dumps(COMPILED))
    assert SPIRuntime("/app/spi/manifest.yml").places.work_dir == str(in_project.root)


def test_where_there_is_no_manifest_the_places_are_named(in_project, monkeypatch):
    with pytest.raises(SPIError, match=r"There is no manifest\.yml in .*work.*spi.*/app/spi") as caught:
        SPIRuntime()
    assert caught.value.code == "manifest.unreadable"
    monkeypatch.delenv("SPI_WORK_DIR")
    with pytest.raises(SPIError, match=r"There is no manifest at nowhere\.yml"):
        SPIRuntime("nowhere.yml")


def test_the_work_folder_is_above_spi(tmp_path):
    assert work_dir_of(str(tmp_path / "spi/manifest.json")) == str(tmp_path)
    assert work_dir_of(str(tmp_path / "manifest.json")) == str(tmp_path)


def test_the_compiled_manifest_gives_the_command(in_project, monkeypatch):
    in_project.write("spi/manifest.json", json.dumps(COMPILED))
    spi = SPIRuntime()
    assert spi.manifest == {"model": {"name": "tried"}}
    assert (spi.command.name, spi.command.default, spi.command.entry_point) == ("generate", True, {"callable": "m:f"})
    assert spi.parse_inputs() == {"n": 1}
    monkeypatch.setenv("SPI_COMMAND", "up-scale")
    assert SPIRuntime().command.inputs == ()
    monkeypatch.setenv("SPI_COMMAND", "upscale")
    with pytest.raises(SPIError, match="did you mean 'up-scale'"):
        SPIRuntime()


def test_yaml_is_read_from_its_compiled_copy(in_project):
    in_project.write("manifest.yml", "this: [is never read")
    in_project.write("spi/manifest.json", json.dumps(COMPILED))
    assert SPIRuntime().command.name == "generate"


def test_a_copy_older_than_the_yaml_is_left_aside_where_no_engine_prepared_it(in_project, monkeypatch):
    pytest.importorskip("ruamel.yaml")
    monkeypatch.delenv("SPI_WORK_DIR")
    copy = in_project.write("spi/manifest.json", json.dumps(COMPILED))
    os.utime(copy, (1, 1))
    in_project.write("manifest.yml", "inputs: [{name: newer, type: str, default: x}]\noutputs: []\n")
    assert SPIRuntime().parse_inputs() == {"newer": "x"}


def test_yaml_that_cannot_be_read_is_one_error(in_project):
    pytest.importorskip("ruamel.yaml")
    in_project.write("manifest.yml", "a: [")
    with pytest.raises(SPIError, match="is not YAML"):
        SPIRuntime()


def test_yaml_without_any_reader_says_what_mends_it(project):
    project.write("manifest.yml", "inputs: []")
    project.write("run.py", "from nova_spi_runtime import SPIRuntime\nSPIRuntime()\n")
    ended = project.start("-S", "run.py")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "nova-spi run" in ended.stderr
    assert project.error["code"] == "manifest.unreadable"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "must be an object"),
        ("{", "is not JSON"),
        ('{"inputs": [{"name": "a", "type": "colour"}]}', "the type must be one of"),
        ('{"inputs": 3}', "cannot be used"),
        ('{"inputs": ["a"]}', "cannot be used"),
        ('{"commands": {"x": 3}}', "cannot be used"),
        ('{"x-compiled": {"commands": {}}}', "cannot be used"),
        ('{"x-compiled": 3}', "cannot be used"),
        ('{"inputs": [{"name": "a", "type": "string", "constraints": {"pattern": "(?=a)"}}]}', "look-around"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_one_error(in_project, content, message):
    in_project.write("manifest.json", content)
    with pytest.raises(SPIError, match=message) as caught:
        SPIRuntime()
    assert caught.value.code == "manifest.unreadable"


def test_a_manifest_that_is_too_large_is_not_read(in_project):
    in_project.write("manifest.json", b" " * (16 * 1024 * 1024 + 1))
    with pytest.raises(SPIError, match="larger than 16 MiB"):
        SPIRuntime()


def test_a_plain_manifest_is_compiled():
    found = compile_plain(
        {
            "execution": {"base_work_dir": "/srv/model", "entry_point": "python run.py"},
            "inputs": [{"name": "p", "type": "file", "mount_path": "/srv/model/inputs/p"}],
            "commands": {
                "make": {"default": True, "description": "the default"},
                "other": {"entry_point": {"module": "o"}, "outputs": [{"name": "t", "type": "string"}]},
            },
        }
    )
    assert found["default_command"] == "make"
    assert found["commands"]["make"] == {
        "entry_point": {"command": "python run.py"},
        "inputs": [{"name": "p", "type": "file", "mount_path": "inputs/p"}],
        "outputs": [],
    }
    assert found["commands"]["other"]["entry_point"] == {"module": "o"}
