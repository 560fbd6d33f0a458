import json
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.images.layers import Entry, write_layer


@pytest.fixture
def base(tmp_path):
    """A base image that has the look of Python and nothing else, as a layout on disk."""
    layout = Layout.create(tmp_path / "base")
    tree = [
        Entry("usr/bin/python3.11", b"\x7fELF", executable=True),
        Entry("usr/bin/python3", PurePosixPath("python3.11")),
    ]
    layer = write_layer(layout, tree, "made")
    document = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id)]},
    }
    config = layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG)
    manifest = write_manifest(config, [layer.descriptor])
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, "base")
    return layout.root


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
