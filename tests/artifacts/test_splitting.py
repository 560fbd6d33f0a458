import json

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.splitting import split
from nova_spi.artifacts.trees import kept_tree
from nova_spi.errors import ArtifactInvalid
from nova_spi.images.layers import Entry, write_layer

BASE = [Entry("usr"), Entry("usr/bin/tool", b"tool"), Entry("app")]
APP = [Entry("app"), Entry("app/run.py", b"1")]


@pytest.fixture
def layout(tmp_path):
    return Layout.create(tmp_path / "store")


@pytest.fixture
def image(layout):
    def made(*layers):
        written = [write_layer(layout, entries, "made") for entries in layers]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in written]},
        }
        described = layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG)
        return write_manifest(described, [layer.descriptor for layer in written])

    return made


def counts(layout, manifest, tmp_path, below="app"):
    root, app = split(layout, manifest, below, tmp_path / "cache")
    return len(root.layers), len(app.layers)


def test_the_layers_of_the_working_folder_stand_apart(layout, image, tmp_path):
    assert counts(layout, image(BASE, [Entry("opt/x", b"")], APP, APP), tmp_path) == (2, 2)


def test_an_edit_changes_one_part_alone(layout, image, tmp_path):
    cache = tmp_path / "cache"
    one = split(layout, image(BASE, APP), "app", cache)
    two = split(layout, image(BASE, [*APP, Entry("app/more.py", b"2")]), "app", cache)
    assert one.root.descriptor == two.root.descriptor
    assert one.app.descriptor != two.app.descriptor
    assert kept_tree(layout, one.root, cache) == kept_tree(layout, two.root, cache)


def test_both_parts_together_are_the_image(layout, image, tmp_path):
    cache = tmp_path / "cache"
    manifest = image(BASE, APP)
    root, app = split(layout, manifest, "app", cache)
    assert (kept_tree(layout, root, cache) / "usr/bin/tool").read_bytes() == b"tool"
    assert (kept_tree(layout, app, cache, below="app") / "run.py").read_bytes() == b"1"
    assert not (kept_tree(layout, root, cache) / "app/run.py").exists()


def test_a_base_that_has_files_in_the_working_folder_is_read_for_it_too(layout, image, tmp_path):
    assert counts(layout, image([*BASE, Entry("app/old.py", b"0")], APP), tmp_path) == (1, 2)


@pytest.mark.parametrize("below", ["", "srv/model"])
def test_only_one_folder_of_the_root_is_taken_apart(layout, image, tmp_path, below):
    assert counts(layout, image(BASE, APP), tmp_path, below) == (2, 2)


@pytest.mark.parametrize(
    "top",
    [
        [*APP, Entry("etc/hosts", b"")],
        [*APP, Entry("file", b"")],
        [Entry(f"folder{number}/x", b"") for number in range(300)],
    ],
)
def test_a_last_layer_that_reaches_further_keeps_the_image_whole(layout, image, tmp_path, top):
    manifest = image(BASE, top)
    root, app = split(layout, manifest, "app", tmp_path / "cache")
    assert root.layers == app.layers == manifest.layers


def test_a_working_folder_that_is_no_folder_is_not_taken_apart(layout, image, tmp_path):
    assert counts(layout, image(BASE, [Entry("app", b"a file")]), tmp_path) == (2, 2)


def test_a_damaged_layer_is_refused_before_it_is_read(layout, image, tmp_path):
    manifest = image(BASE, APP)
    place = layout.blobs.path(manifest.layers[1].digest)
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.chmod(0o644)
    place.write_bytes(data)
    with pytest.raises(ArtifactInvalid):
        split(layout, manifest, "app", tmp_path / "cache")


def test_what_is_kept_of_a_layer_may_be_torn(layout, image, tmp_path):
    manifest = image(BASE, APP)
    cache = tmp_path / "cache"
    first = split(layout, manifest, "app", cache)
    for note in (cache / "images/layers").iterdir():
        note.write_text('{"app": ')
    assert split(layout, manifest, "app", cache) == first
