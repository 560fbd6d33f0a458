import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import ProjectError
from nova_spi.project import devcontainer
from nova_spi.project.devcontainer import Development, is_ours, write
from nova_spi.project.folder import open_folder

MANIFEST = """spi_version: "1"
model: {name: dev, version: 1.0.0, description: A model that is worked on., domain: text, license: MIT}
execution:
  base_work_dir: /srv/model
  entry_point: {callable: "model:run"}
  requirements: requirements.txt
  environment: {GREETING: hello, PYTHONPATH: /srv/more, PATH: /srv/bin}
  resources: {cpu: 1.5, memory: 1500Mi, disk: 2Gi, gpu: {count: 1, memory: 8Gi}}
  system_packages: [libgl1]
inputs: []
outputs: []
"""
WANTED = Development("python:3.12-slim", "requirements.txt")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifest.yml").write_text(MANIFEST)
    return open_folder(tmp_path)


def read(folder):
    return json.loads((folder.root / ".devcontainer" / "devcontainer.json").read_text())


def test_any_editor_finds_the_project_where_the_manifest_says(folder):
    written = write(folder, WANTED)
    assert written.written == ("devcontainer.json", "Dockerfile", "spi_runtime.zip")
    found = read(folder)
    assert found["name"] == "dev"
    assert found["workspaceFolder"] == "/srv/model"
    assert found["workspaceMount"] == "source=${localWorkspaceFolder},target=/srv/model,type=bind"
    assert found["build"] == {"dockerfile": "Dockerfile", "context": ".."}
    assert found["remoteUser"] == "model"
    assert found["postCreateCommand"] == ["python", "-m", "pip", "install", "--user", "-r", "requirements.txt"]
    assert found["containerEnv"] == {
        "GREETING": "hello",
        "PYTHONPATH": "/srv/model:/srv/model/.devcontainer/spi_runtime.zip:/srv/more",
        "SPI_WORK_DIR": "/srv/model",
    }
    assert found["customizations"]["vscode"]["extensions"] == ["ms-python.python", "ms-toolsai.jupyter"]


def test_what_the_manifest_needs_is_asked_of_the_machine_in_the_formats_own_units(folder):
    write(folder, WANTED)
    assert read(folder)["hostRequirements"] == {"cpus": 2, "memory": "2gb", "storage": "2gb", "gpu": {"memory": "8gb"}}


def test_the_dockerfile_names_the_base_and_the_system_packages(folder):
    write(folder, WANTED)
    text = (folder.root / ".devcontainer" / "Dockerfile").read_text()
    assert "\nFROM python:3.12-slim\n" in text
    assert "git libgl1" in text
    assert "useradd" in text


def test_without_requirements_and_jupyter_nothing_is_installed(folder):
    write(folder, Development("python:3.12-slim"))
    assert "postCreateCommand" not in read(folder)
    write(folder, Development("python:3.12-slim", jupyter=True))
    assert read(folder)["postCreateCommand"][-1].startswith("jupyterlab")
    assert read(folder)["forwardPorts"] == [8888]


def test_the_runtime_is_imported_from_its_archive(folder):
    write(folder, WANTED)
    (folder.root / "spi").mkdir()
    (folder.root / "spi" / "utils.py").write_bytes(dict(devcontainer.runtime_files())["spi_utils.py"])
    path = os.pathsep.join([str(folder.root), str(folder.root / ".devcontainer" / "spi_runtime.zip")])
    code = "import nova_spi_runtime; from spi.utils import SPIRuntime; print(nova_spi_runtime.__file__, SPIRuntime)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert "spi_runtime.zip" in done.stdout


def test_writing_it_again_changes_nothing(folder):
    write(folder, WANTED)
    before = {path.name: path.stat().st_mtime_ns for path in (folder.root / ".devcontainer").iterdir()}
    assert write(folder, WANTED) == devcontainer.Written(folder.root / ".devcontainer")
    assert {path.name: path.stat().st_mtime_ns for path in (folder.root / ".devcontainer").iterdir()} == before


def test_files_that_are_as_we_wrote_them_follow_the_manifest(folder):
    write(folder, WANTED)
    assert write(folder, Development("python:3.11-slim", "requirements.txt")).written == ("Dockerfile",)
    assert "FROM python:3.11-slim" in (folder.root / ".devcontainer" / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["devcontainer.json", "Dockerfile"])
def test_a_file_that_somebody_changed_stays_unless_forced(folder, name):
    write(folder, WANTED)
    path = folder.root / ".devcontainer" / name
    mine = path.read_text().replace("model", "me")
    path.write_text(mine)
    other = Development("python:3.11-slim", jupyter=True)
    assert write(folder, other).kept == (name,)
    assert path.read_text() == mine
    assert write(folder, other, force=True).kept == ()
    assert path.read_text() != mine


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"customizations": 3}', "// mine\n{}", "FROM scratch\n"])
def test_a_file_of_somebodys_own_stays(folder, content):
    target = folder.root / ".devcontainer"
    target.mkdir()
    for name in ("devcontainer.json", "Dockerfile"):
        (target / name).write_text(content)
    assert write(folder, WANTED).kept == ("devcontainer.json", "Dockerfile")
    assert (target / "devcontainer.json").read_text() == content


def test_spaces_and_order_of_our_own_json_may_change(folder):
    """An editor that only formats the file has not changed what it says."""
    write(folder, WANTED)
    path = folder.root / ".devcontainer" / "devcontainer.json"
    path.write_text(json.dumps(read(folder), indent=7, sort_keys=True))
    assert is_ours(path.read_bytes())


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_any_flipped_byte_of_a_dockerfile_makes_it_the_users(place, flip):
    content = bytearray(devcontainer._signed_text(devcontainer.dockerfile("python:3.12-slim", [])))
    content[place % len(content)] ^= flip
    assert not is_ours(bytes(content))


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_no_bytes_are_ours_by_chance_and_none_make_it_fail(content):
    assert not is_ours(content)


def test_a_link_is_somebodys_own_and_never_written_through(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.write_text("mine")
    target = folder.root / ".devcontainer"
    target.mkdir()
    (target / "devcontainer.json").symlink_to(outside)
    assert write(folder, WANTED).kept == ("devcontainer.json",)
    assert write(folder, WANTED, force=True).kept == ()
    assert outside.read_text() == "mine"
    assert not (target / "devcontainer.json").is_symlink()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_folder_that_leads_out_of_the_project_is_refused(folder, tmp_path_factory, kind):
    target = folder.root / ".devcontainer"
    if kind == "file":
        target.write_text("")
    else:
        target.symlink_to(tmp_path_factory.mktemp("outside"))
    with pytest.raises(ProjectError, match="no folder of this project"):
        write(folder, WANTED)


def test_a_project_that_cannot_be_written_is_told(folder, monkeypatch):
    (folder.root / ".devcontainer").mkdir()
    (folder.root / ".devcontainer" / "devcontainer.json").mkdir()
    with pytest.raises(ProjectError, match="cannot be written"):
        write(folder, WANTED, force=True)
