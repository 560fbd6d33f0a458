import os
import tarfile
from pathlib import Path

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.images.debian_apt import can_be_asked


def test_a_project_is_built_into_the_store_and_into_an_archive(project, base, call_json, call, tmp_path):
    words = ("build", "--base-image", base, "--platform", "linux/amd64", "--archive", tmp_path / "it.tar")
    status, found = call_json(*words)
    assert (status, found["ok"], found["reused"]) == (0, True, 0)
    assert found["name"] == "docker.io/library/shouter:1.0.0"
    store = Layout.open(Path(found["store"]))
    assert store.root.is_relative_to(tmp_path / "data")
    assert str(store.find(found["name"]).digest) == found["digest"]
    with tarfile.open(tmp_path / "it.tar") as tar:
        assert "manifest.json" in tar.getnames()
    status, out, _ = call(*words)
    assert status == 0
    assert found["digest"] in out
    assert "2 of 3 layers were there already" in out


def test_what_cannot_be_built_is_said_with_its_mend(project, base, call, call_json):
    status, found = call_json("build", "--base-image", "alpine:3.20")
    assert (status, found["error"]["code"]) == (1, "build.base_not_approved")
    assert call("build", "--base-image", base, "--tag", "NO TAG")[0] == 2
    assert call("build", "--base-image", base, "--platform", "linux")[0] == 2
    assert call("build", "--base-image", base, "--platform", "linux/arm64")[0] == 1


@pytest.mark.parametrize("content", [None, b"", b"no tar", bytes(10_240)])
def test_a_base_or_an_image_that_is_no_image_says_what_would_be_one(project, call_json, tmp_path, content):
    place = tmp_path / "it.tar"
    if content is not None:
        place.write_bytes(content)
    for words in (("build", "--base-image", place), ("inspect-image", place)):
        status, found = call_json(*words)
        assert (status, found["error"]["code"]) == (1, "artifact.missing" if content is None else "artifact.invalid")
        assert str(place) in found["error"]["message"]
        assert "archive" in found["error"]["mend"]


def test_an_archive_replaces_no_pipe_and_no_device(project, base, call_json, tmp_path):
    place = tmp_path / "pipe"
    os.mkfifo(place)
    status, found = call_json("build", "--base-image", base, "--platform", "linux/amd64", "--archive", place)
    assert (status, found["error"]["code"]) == (1, "artifact.unwritable")
    assert found["error"]["mend"]
    assert place.is_fifo()


def test_what_cannot_be_compiled_is_said_once(project, call):
    if missing := can_be_asked(Platform("linux", "arm64")):
        pytest.skip(missing)
    other = "arm64" if Platform.here().architecture == "amd64" else "amd64"
    status, _, err = call("build", "--base-image", "debian", "--platform", f"linux/{other}")
    assert status == 0
    assert err.count("no bytecode") == 1


def test_an_archive_that_cannot_be_written_leaves_nothing(project, base, call, tmp_path):
    place = tmp_path / "missing" / "it.tar"
    status, _, err = call("build", "--base-image", base, "--platform", "linux/amd64", "--archive", place)
    assert status == 1
    assert "cannot be written" in err
    assert "Traceback" not in err
