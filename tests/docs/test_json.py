"""docs/json.md is held against what the commands print: every key, and its type."""

import json
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import httpx
import pytest

from nova_spi.cli.main import run
from nova_spi.cli.state import State

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"
TYPES = {
    "string": str,
    "boolean": bool,
    "object": dict,
    "array": list,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def tables():
    """Each table by its section and what its keys belong to: key to its kinds and whether it may be absent."""
    found, section, table = {}, "", None
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        if header := re.match(r"\| key(?: of `(\w+)`)? \|", line):
            table = found[section, header[1]] = {}
        elif row := re.match(r"\| `(\w+)` \| ([\w ,]+) \|", line):
            kinds = row[2].removesuffix(", optional").split(" or ")
            table[row[1]] = (tuple(TYPES[kind] for kind in kinds), row[2].endswith(", optional"))
    return found


TABLES = tables()


def hold(value, section, of=None):
    table = TABLES[section, of]
    assert set(value) - set(table) == set(), "keys that the page does not name"
    assert {key for key, (_, optional) in table.items() if not optional} - set(value) == set(), "keys that are missing"
    for key, item in value.items():
        kinds = tuple(one for kind in table[key][0] for one in (kind if isinstance(kind, tuple) else (kind,)))
        assert isinstance(item, kinds), key
        assert bool in kinds or not isinstance(item, bool), key


@pytest.fixture
def told(tmp_path, monkeypatch, capsys, shared_cache):
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(shared_cache))
    monkeypatch.chdir(tmp_path)

    def told(*words):
        status = run([*words, "--output-format", "json"], State())
        captured = capsys.readouterr()
        value = json.loads(captured.out)
        assert value["schema_version"] == "1"
        assert value["ok"] is (status == 0)
        return value

    return told


def test_every_commands_json_is_as_the_page_says(told, tmp_path):
    hold(told("create", "fresh", "--domain", "text"), "create")
    hold(told("validate", "fresh"), "validate")
    hold(told("run", "fresh", "--input", "prompt=A model"), "run")
    hold(told("test", "fresh", "--input", "prompt=A model"), "run")
    report = told("test", "fresh")
    hold(report, "test")
    for case in report["cases"]:
        hold(case, "test", "cases")
    machine = told("doctor")
    hold(machine, "doctor")
    for check in machine["checks"]:
        hold(check, "doctor", "checks")
    assert {tuple(sorted(setting)) for setting in machine["settings"]} == {("from", "name", "value")}


def test_a_batch_and_its_lines_are_as_the_page_says(told, tmp_path):
    told("create", "fresh", "--domain", "text")
    (tmp_path / "in.jsonl").write_text('{"prompt": "A model", "custom_id": "a"}\n{"nonsense": 1}\n')
    hold(told("batch", "fresh", "--inputs", "in.jsonl", "--engine", "process"), "batch")
    found = [json.loads(line) for line in (tmp_path / "batch_outputs" / "results.jsonl").read_text().splitlines()]
    assert [one["status"] for one in found] == ["succeeded", "failed"]
    for one in found:
        hold(one, "batch", "results")
    hold(found[1]["error"], "Where a command could not do its work", "error")


@pytest.mark.parametrize("code", ["pass", "raise ImportError"])
def test_what_a_server_says_is_as_the_page_says(told, tmp_path, code):
    told("create", "fresh", "--domain", "text")
    program = tmp_path / "fresh" / "model.py"
    program.write_text(f"{program.read_text()}\n{code}\n")
    words = [sys.executable, "-m", "nova_spi", "serve", "fresh", "--port", "0", "--engine", "process"]
    with subprocess.Popen([*words, "--output-format", "json"], stdout=subprocess.PIPE, text=True) as server:
        said = [json.loads(server.stdout.readline()) for _ in range(2)]
        server.terminate()
        said += [json.loads(line) for line in server.communicate(timeout=60)[0].splitlines()]
    assert [one["event"] for one in said] == ["serving", "ready" if code == "pass" else "failed", "draining"]
    assert server.returncode == 0
    for one in said:
        hold(one, "serve")


@pytest.fixture
def url(told, isolated_environment):
    """Where a model of pictures is served."""
    told("create", "fresh", "--domain", "image")
    words = [sys.executable, "-m", "nova_spi", "serve", "fresh", "--port", "0", "--output-format", "json"]
    with subprocess.Popen(words, env=isolated_environment, stdout=subprocess.PIPE, text=True) as server:
        said = [json.loads(server.stdout.readline()) for _ in range(2)]
        yield said[0]["url"]
        server.terminate()
        server.communicate(timeout=60)


def test_answers_over_http_are_as_the_page_says(url, tmp_path):
    picture = next((tmp_path / "fresh").rglob("*.png")).read_bytes()
    files = [("picture", ("a.png", picture)), ("picture", ("b.exe", b"x"))]
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        health = client.get("/readyz").json()
        done = client.post("/v1/commands/run", files=files).json()
        refused = client.post("/v1/commands/run", files=files[1:]).json()
    hold(health, "serve", "health")
    hold(health["workers"][0], "serve", "workers")
    hold(done, "serve", "execution")
    [output] = done["outputs"]["edges"]
    hold(output, "serve", "files")
    assert set(refused) == {"error"}
    hold(refused["error"], "Where a command could not do its work", "error")


def test_what_goes_wrong_has_the_shape_that_the_page_names(told, tmp_path):
    section = "Where a command could not do its work"
    for words in (["validate", "nowhere"], ["run"], ["create", "x", "--domain", "txt"], ["test", "--nonsense"]):
        value = told(*words)
        hold(value, section)
        hold(value["error"], section, "error")
    told("create", "fresh", "--domain", "text")
    failed = told("run", "fresh", "--input", "nonsense=1")
    hold(failed, "run")
    hold(failed["error"], section, "error")
    (tmp_path / "fresh" / "manifest.yml").write_text("model: {name: X, verison: 1}\n")
    (tmp_path / "fresh" / "manifest.json").write_text("{}")
    invalid = told("validate", "fresh")
    hold(invalid, "validate")
    for item in invalid["diagnostics"]:
        hold(item, "validate", "diagnostics")
    assert any("file" in item for item in invalid["diagnostics"])


@pytest.fixture
def base(tmp_path):
    """A base image that has the look of Python and nothing else, as a layout on disk."""
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.manifests import write_manifest
    from nova_spi.artifacts.media_types import IMAGE_CONFIG
    from nova_spi.images.layers import Entry, write_layer

    layout = Layout.create(tmp_path / "base")
    layer = write_layer(layout, [Entry("usr/bin/python3.11", b"x"), Entry("usr/bin/python3", b"")], "made")
    link = write_layer(layout, [Entry("usr/bin/python3", PurePosixPath("python3.11"))], "made")
    diff_ids = [str(each.diff_id) for each in (layer, link)]
    document = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    config = layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG)
    manifest = write_manifest(config, [layer.descriptor, link.descriptor])
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, "base")
    return str(layout.root)


def test_what_is_said_of_images_is_as_the_page_says(told, base, tmp_path, monkeypatch, real_registry):
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    told("create", "fresh", "--domain", "text")
    words = ["build", "fresh", "--base-image", base, "--platform", "linux/amd64"]
    hold(told(*words), "build")
    built = told(*words, "--push", "--registry", f"{real_registry}/docs", "--archive", "it.tar")
    hold(built, "build")
    assert set(built["pushed"]) == {"reference", "digest"}
    assert set(built["base"]) == {"name", "digest", "reason"}
    shown = told("inspect-image", "it.tar", "--platform", "linux/amd64", "--output", "media")
    hold(shown, "inspect-image")
    hold(shown["image"], "inspect-image", "image")
    assert {tuple(each) for each in shown["image"]["layers"]} == {("digest", "size", "media_type", "made_by")}


def test_what_init_env_makes_is_as_the_page_says(told, monkeypatch):
    monkeypatch.setenv("NOVA_SPI_ENGINE", "process")
    told("create", "it", "--domain", "text")
    version = ".".join(map(str, sys.version_info[:2]))
    hold(told("init-env", "it", "--python-version", version), "init-env")


def test_a_container_and_what_it_uses_are_as_the_page_says():
    from nova_spi.engines.docker.service_stats import use_of
    from nova_spi.engines.docker.services import Service

    service = Service("1" * 64, "it", "service", "mark", "it:1", "it:1", "running")
    hold(service.to_dict(), "container", "containers")
    hold(use_of(service, {}, {}).to_dict(), "container", "use")
