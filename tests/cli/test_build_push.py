import json
import shutil
import subprocess
from pathlib import Path

import pytest

from nova_spi.artifacts.layout import Layout


@pytest.fixture
def build(project, base, call_json, monkeypatch):
    for name in ("NOVA_SPI_REGISTRY", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: call_json("build", "--base-image", base, "--platform", "linux/amd64", *words)


def test_a_project_is_built_and_pushed_under_its_name_and_version(build, real_registry, tmp_path):
    status, found = build("--push", "--registry", f"{real_registry}/models")
    assert (status, found["ok"]) == (0, True)
    assert found["pushed"] == {"reference": f"{real_registry}/models/shouter:1.0.0", "digest": found["digest"]}
    assert found["name"] == f"{real_registry}/models/shouter:1.0.0"
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed (apt-get install skopeo)")
    address = f"docker://{real_registry}/models/shouter:1.0.0"
    told = subprocess.run(
        [skopeo, "inspect", "--tls-verify=false", address], capture_output=True, check=True, timeout=60
    )
    assert json.loads(told.stdout)["Digest"] == found["digest"]
    words = [skopeo, "--insecure-policy", "copy", "--src-tls-verify=false", address, f"oci:{tmp_path / 'back'}:it"]
    subprocess.run(words, capture_output=True, check=True, timeout=60)
    assert str(Layout.open(tmp_path / "back").find("it").digest) == found["digest"]


def test_the_settings_name_the_registry_and_a_tag_another_name(build, base, real_registry, project, call):
    (project / ".nova-spi.toml").write_text(f'registry = "{real_registry}/set"\n')
    assert build("--push")[1]["pushed"]["reference"] == f"{real_registry}/set/shouter:1.0.0"
    assert build("--push", "--tag", "team/other:2")[1]["pushed"]["reference"] == f"{real_registry}/set/team/other:2"
    whole = f"{real_registry}/elsewhere/it:3"
    assert build("--push", "--tag", whole)[1]["pushed"]["reference"] == whole
    assert build()[1]["pushed"] is None
    status, out, _ = call("build", "--base-image", Path("..") / base.name, "--platform", "linux/amd64", "--push")
    assert status == 0
    assert f"Pushed {real_registry}/set/shouter:1.0.0@sha256:" in out


@pytest.mark.parametrize(
    "words",
    [
        ["--push"],
        ["--push", "--registry", "no-host/models"],
        ["--push", "--registry", "registry.example.org/UPPER"],
        ["--push", "--registry", "registry.example.org", "--tag", "NO TAG"],
        ["--push", "--registry", "registry.example.org", "--tag", "a:b:c"],
        ["--push", "--registry", "registry.example.org", "--tag", "other.example.org/it:1"],
        ["--registry", "registry.example.org"],
        ["--tag", "not a tag"],
        ["--tag", ""],
    ],
)
def test_a_name_that_is_wrong_is_said_before_anything_is_built(build, tmp_path, words):
    status, found = build(*words)
    assert status == 2
    assert found["error"]["code"].startswith("usage.")
    assert not (tmp_path / "data" / "store").exists()


def test_a_registry_that_is_not_there_is_one_clear_error_and_the_image_stays(build, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    status, found = build("--push", "--registry", "127.0.0.1:1/models")
    assert (status, found["error"]["code"]) == (1, "registry.unavailable")
    assert "127.0.0.1:1/models/shouter:1.0.0" in Layout.open(tmp_path / "data" / "store").names()
