"""What of an image is put into a model's folder: nothing that a link of the image leads to on this machine."""

import json
from pathlib import PurePosixPath
from types import SimpleNamespace

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid
from nova_spi.execution.in_image import stage_app
from nova_spi.execution.staging import Stage
from nova_spi.images.layers import Entry, write_layer


@pytest.fixture
def staged(tmp_path):
    """Stages what an image of some layers has below a folder."""
    layout = Layout.create(tmp_path / "store")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "secret.txt").write_text("mine")

    def stage(base_work_dir, *layers):
        written = [write_layer(layout, entries, "made") for entries in layers]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in written]},
        }
        described = layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG)
        manifest = write_manifest(described, [layer.descriptor for layer in written])
        layout.blobs.write(manifest.raw, manifest.media_type)
        layout.name(manifest.descriptor, "docker.io/library/x:1")
        image = Image(
            "docker.io/library/x:1", layout.root, str(manifest.descriptor.digest), str(manifest.config.digest)
        )
        settings = SimpleNamespace(cache_dir=tmp_path / "cache")
        request = SimpleNamespace(
            execution=SimpleNamespace(base_work_dir=base_work_dir),
            settings=settings,
            progress=SimpleNamespace(stage=lambda *_: None, advance=lambda *_: None),
        )
        work = tmp_path / f"work-{len(list(tmp_path.iterdir()))}"
        work.mkdir()
        stage_app(request, Stage(work, mounted=True), image)
        return sorted(str(path.relative_to(work)) for path in work.rglob("*"))

    return stage


def test_files_folders_and_links_are_there_but_not_those_of_a_run(staged):
    names = [f"app/{name}" for name in ("code", "outputs", "inputs")]
    entries = [Entry("app"), *map(Entry, names), *(Entry(f"{name}/x.py", b"x") for name in names)]
    entries.append(Entry("app/linked", PurePosixPath("/etc/hostname")))
    base = [Entry("usr"), Entry("usr/tool", b"")]
    assert staged("/app", base, entries) == ["code", "code/x.py", "linked"]


def test_a_link_on_the_way_to_the_work_folder_leads_nowhere(staged, tmp_path):
    entries = [
        Entry("up", PurePosixPath(tmp_path)),
        Entry("here", PurePosixPath("app")),
        Entry("mine", PurePosixPath(tmp_path / "mine")),
        Entry("app"),
        Entry("app/x.py", b"x"),
    ]
    for place in ("/up/mine", "/mine", "/here", "/app/../../mine", "/nowhere"):
        with pytest.raises(ArtifactInvalid):
            staged(place, entries)


def test_what_a_lower_layer_has_in_the_work_folder_is_there_too(staged):
    assert staged(
        "/app", [Entry("usr"), Entry("app"), Entry("app/old.py", b"")], [Entry("app"), Entry("app/new.py", b"")]
    ) == [
        "new.py",
        "old.py",
    ]
