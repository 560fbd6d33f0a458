import tarfile
from pathlib import Path

from nova_spi.artifacts.layout import Layout


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


def test_an_archive_that_cannot_be_written_leaves_nothing(project, base, call, tmp_path):
    place = tmp_path / "missing" / "it.tar"
    status, _, err = call("build", "--base-image", base, "--platform", "linux/amd64", "--archive", place)
    assert status == 1
    assert "cannot be written" in err
    assert "Traceback" not in err
