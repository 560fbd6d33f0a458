import hashlib
import json
from pathlib import Path, PurePosixPath

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.images.layers import Entry, write_layer

GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,"
MODEL = {
    "spi_version": "1",
    "model": {"name": "shown", "version": "1.0.0", "domain": "text", "tasks": {"VFX": ["a", "b"]}},
    "inputs": [],
    "outputs": [],
    "catalog": {"thumbnail": "a.gif", "summary": "Short.\x1b[31m", "media_carousel": ["b.png", "gone.png"]},
}


def make(root: Path, model: dict | None = MODEL, architecture: str = "amd64", **config) -> str:
    layout = Layout.create(root)
    tree = [Entry("app/a.gif", GIF), Entry("app/b.png", b"just text\n"), Entry("app/link", PurePosixPath("/etc"))]
    if model is not None:
        tree.append(Entry("app/manifest.json", json.dumps(model).encode()))
    layer = write_layer(layout, tree, "made")
    document = {
        "architecture": architecture,
        "os": "linux",
        "config": {"WorkingDir": "/app", "Entrypoint": ["python", "run.py"], "User": "7", **config},
        "history": [{"created_by": "empty", "empty_layer": True}, {"created_by": "COPY . /app"}],
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id)]},
    }
    manifest = write_manifest(layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG), [layer.descriptor])
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, "it")
    return str(root)


@pytest.fixture(autouse=True)
def _alone(project, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(tmp_path / "cache"))


def test_an_image_and_its_model_are_shown_to_people(call, tmp_path):
    ref = make(tmp_path / "image", Labels={"maintainer": "somebody", "org.opencontainers.image.base.name": "debian:12"})
    status, out, err = call("inspect-image", ref, "--platform", "linux/amd64")
    assert (status, err) == (0, "")
    for text in ("linux/amd64", "debian:12", "python run.py", "COPY . /app", "maintainer", "VFX: a, b", "Unsure", "7"):
        assert text in out
    assert "thumbnail: /app/a.gif (image/gif" in out
    assert "gone.png: the image has no such file" in out
    assert "\x1b" not in out


def test_a_program_gets_every_field_and_the_media_as_files(call_json, tmp_path):
    status, found = call_json(
        "inspect-image", make(tmp_path / "image"), "--platform", "linux/amd64", "--output", tmp_path / "out" / "deep"
    )
    assert (status, found["ok"], found["schema_version"]) == (0, True, "1")
    assert found["fields"]["model_name"] == "shown"
    assert found["fields"]["user_sentiment"] == "Unknown"
    assert found["image"]["layers"][0]["made_by"] == "COPY . /app"
    assert found["image"]["entry_point"] == ["python", "run.py"]
    assert found["manifest_source"] == "/app/manifest.json"
    assert [(each["kind"], each["media_type"]) for each in found["files"]] == [
        ("thumbnail", "image/gif"),
        ("carousel", "text/plain"),
    ]
    for each in found["files"]:
        data = Path(each["path"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (each["sha256"], each["size"])
    assert sorted(path.name for path in (tmp_path / "out" / "deep").iterdir()) == ["carousel_000.txt", "thumbnail.gif"]
    assert [each["path"] for each in found["missing"]] == ["gone.png"]


def test_what_cannot_be_shown_is_one_clear_error(call, call_json, tmp_path):
    bare = make(tmp_path / "bare", None)
    status, found = call_json("inspect-image", bare, "--platform", "linux/amd64")
    assert (status, found["error"]["code"]) == (1, "artifact.no_manifest")
    assert "nova-spi build" in found["error"]["mend"]
    assert call_json("inspect-image", bare, "--platform", "linux/arm64")[1]["error"]["code"].startswith("artifact.")
    assert call_json("inspect-image", bare, "--platform", "nonsense")[0] == 2
    assert call("inspect-image")[0] == 2
    assert call_json("inspect-image", tmp_path / "nothing")[1]["error"]["code"] == "artifact.missing"
    wrong = make(tmp_path / "wrong", {"model": {"name": 5}})
    assert call_json("inspect-image", wrong, "--platform", "linux/amd64")[1]["error"]["code"] == "manifest.invalid"


def test_a_folder_that_cannot_be_written_is_one_clear_error(call_json, tmp_path):
    (tmp_path / "file").write_text("in the way")
    words = (
        "inspect-image",
        make(tmp_path / "image"),
        "--platform",
        "linux/amd64",
        "--output",
        tmp_path / "file" / "below",
    )
    status, found = call_json(*words)
    assert (status, found["error"]["code"]) == (1, "artifact.unwritable")


def test_a_link_in_the_output_folder_is_replaced_and_not_followed(call_json, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "precious").write_text("mine")
    (out / "thumbnail.gif").symlink_to(tmp_path / "precious")
    call_json("inspect-image", make(tmp_path / "image"), "--platform", "linux/amd64", "--output", out)
    assert (tmp_path / "precious").read_text() == "mine"
    assert (out / "thumbnail.gif").read_bytes() == GIF
