"""Containers of real projects on a real base, where this machine runs them: in a sandbox, in Docker, in Podman."""

import json
import shutil
import tarfile

import pytest

import nova_spi
from nova_spi import Container, EngineUnavailable, InputInvalid, Project, UsageError
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.images.debian_apt import can_be_asked

if missing := can_be_asked(Platform.here()):
    pytest.skip(f"no base can be assembled: {missing}", allow_module_level=True)

FILES = """
spi_version: "1"
model: {name: filed, version: 1.0.0, domain: text, description: Writes what it was given into files.}
execution:
  entry_point: {command: [python, /app/run.py]}
  secrets: [TOKEN]
  volumes: [{name: kept, mount_path: /var/lib/kept}]
inputs:
  - {name: note, type: file, required: true, mime_types: [text/plain], mount_path: inputs/notes}
outputs:
  - {name: pages, type: file, required: true, file_pattern: "*.txt"}
  - {name: seen, type: object, required: true}
"""
PROGRAM = """
import getpass, json, os, pathlib
work = pathlib.Path(os.environ["SPI_WORK_DIR"])
kept = pathlib.Path("/var/lib/kept/count")
kept.write_text(str(int(kept.read_text()) + 1 if kept.exists() else 1))
[note] = sorted((work / "inputs/notes").iterdir())
pathlib.Path("scratch.txt").write_text("the work folder can be written")
(work / "outputs" / "page.txt").write_text(note.read_text().upper())
seen = {
    "work": str(work), "here": os.getcwd(), "user": os.getuid(), "count": int(kept.read_text()),
    "token": pathlib.Path(os.environ["SPI_SECRETS_DIR"], "TOKEN").read_text(),
    "weights": pathlib.Path("weights.bin").stat().st_size, "home": os.environ["HOME"],
    "root": sorted(name for name in os.listdir("/") if name in ("home", "root", "app", "opt")),
}
json.dump({"pages": "/app/outputs/page.txt", "seen": seen}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(autouse=True)
def one_store(store, monkeypatch):
    """The base is assembled once for all of them."""
    monkeypatch.setenv("NOVA_SPI_STORE", str(store))
    monkeypatch.setenv("NOVA_SPI_BASE_IMAGE", "debian")


@pytest.fixture(params=["sandbox", "docker", "podman"])
def somewhere(request, cache, monkeypatch):
    """A machine with this engine and no other one."""
    if request.param == "sandbox":
        if missing := why_not("sandbox", cache):
            pytest.skip(missing)
    else:
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue(f"{request.param}_host"))
    return request.param


@pytest.fixture
def filed(user):
    root = user / "filed"
    root.mkdir()
    (root / "manifest.yml").write_text(FILES)
    (root / "run.py").write_text(PROGRAM)
    (root / "weights.bin").write_bytes(bytes(9_000_000))
    (user / "note.txt").write_text("a note\n")
    return Project.load(root)


def test_what_was_built_is_what_runs(somewhere, user):
    project = Project.create("built", domain="text")
    container = project.build_container()
    shutil.rmtree(user / "built/model", ignore_errors=True)
    result = container.test(inputs={"prompt": "Hello, world!"})
    assert result.raise_for_error().outputs["generated_text"]
    assert result.record["environment"]["image"] == "docker.io/library/built:0.1.0"
    assert result.record["environment"]["digest"] == container.digest
    assert result.record["engine"]["name"] == ("process" if somewhere == "sandbox" else "docker")
    assert result.record["engine"]["level"] == ("sandbox" if somewhere == "sandbox" else "container")
    assert container.test().ok


def test_what_was_built_is_loaded_once_and_answers_many_calls(somewhere, user):
    container = Project.create("built", domain="text").build_container()
    shutil.rmtree(user / "built")
    with container.warm() as model:
        first, again = (model.predict(prompt="Hello, world!", seed=seed)["generated_text"] for seed in (7, 7))
    assert first == again
    with nova_spi.load(container.name) as model:
        assert model.predict(prompt="Hello, world!", seed=7)["generated_text"] == first
        assert model.health()["workers"][0]["calls"] == 1


def test_files_secrets_volumes_and_large_files_stand_where_the_manifest_says(somewhere, filed, user):
    container = filed.build_container()
    for count in (1, 2):
        result = container.run({"note": "note.txt"}, secrets={"TOKEN": "s3cret-t0ken"}).raise_for_error()
        seen = result.outputs["seen"]
        assert (seen["work"], seen["here"], seen["home"]) == ("/app", "/app", "/tmp")
        assert (seen["user"], seen["count"], seen["weights"]) == (1000, count, 9_000_000)
        assert seen["token"] == "s3cret-t0ken"
        assert "app" in seen["root"]
    assert [page.read_text() for page in result.outputs["pages"]] == ["A NOTE\n"]
    everything = json.dumps(result.record) + result.log_text()
    assert "s3cret-t0ken" not in everything
    assert not (filed.root / "scratch.txt").exists()


def test_a_project_runs_in_its_image_where_the_engine_runs_nothing_else(docker_host, filed, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    result = filed.run({"note": "note.txt"}, secrets={"TOKEN": "t"}, engine="docker").raise_for_error()
    assert result.record["environment"]["image"].endswith("filed:1.0.0")
    (filed.root / "run.py").write_text("raise SystemExit('the new program ran')\n")
    again = filed.run({"note": "note.txt"}, secrets={"TOKEN": "t"}, engine="docker")
    assert "the new program ran" in again.log_text()


def test_auto_takes_a_container_engine_only_where_nothing_has_to_be_fetched(docker_host, filed, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    monkeypatch.delenv("NOVA_SPI_BASE_IMAGE")
    monkeypatch.setenv("NOVA_SPI_STORE", str(filed.root.parent / "empty-store"))
    assert filed.run({"note": "note.txt"}, secrets={"TOKEN": "t"}).record["engine"]["name"] == "process"
    filed.build_container(base_image="debian")
    assert filed.run({"note": "note.txt"}, secrets={"TOKEN": "t"}).record["engine"]["name"] == "docker"


def test_an_image_is_loaded_by_name_and_by_digest_without_its_project(somewhere, filed, user):
    built = filed.build_container()
    (user / "note.txt").write_text("by name")
    shutil.move(filed.root, user / "gone")
    for name in ("filed:1.0.0", built.digest):
        container = Container.load(name)
        assert container.digest == built.digest
        result = container.run({"note": "note.txt"}, secrets={"TOKEN": "t"}).raise_for_error()
        assert result.outputs["pages"][0].read_text() == "BY NAME"


def test_wrong_inputs_run_nothing(filed):
    result = filed.build_container().run({})
    assert isinstance(result.error, InputInvalid)


def test_where_no_image_can_run_the_error_says_what_is_missing(filed):
    """An ordinary user's level, forced by asking for less than a sandbox on a machine without one."""
    with pytest.raises(EngineUnavailable) as caught:
        filed.build_container().run({"note": "note.txt"}, engine="ray")
    assert caught.value.mend


def test_unsaved_changes_are_not_built(filed):
    filed.set_metadata(version="2.0.0")
    with pytest.raises(UsageError, match="not saved"):
        filed.build_container()


def test_an_image_is_saved_as_one_tar(filed, tmp_path):
    saved = filed.build_container().save(tmp_path / "image.tar")
    with tarfile.open(saved) as tar:
        assert {"oci-layout", "index.json", "manifest.json"} <= set(tar.getnames())


def test_the_same_project_gives_the_same_digest(filed):
    assert filed.build_container().digest == filed.build_container(cache=False).digest


def test_the_lines_of_a_first_program_run_as_they_stand(somewhere):
    project = Project.create("my-model")
    project.set_metadata(name="my-model", version="1.0.0", description="Example text generation model", domain="text")
    project.add_input(name="prompt", type="string", description="Input prompt", required=True)
    project.add_output(name="generated_text", type="string", description="Generated text output")
    project.save_manifest()
    assert project.validate().summary()
    container = project.build_container()
    result = container.test(inputs={"prompt": "Hello, world!"})
    assert "Hello, world!" in result.outputs["generated_text"]
