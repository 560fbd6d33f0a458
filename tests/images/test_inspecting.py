import gzip
import hashlib
import io
import json
import tarfile
from pathlib import PurePosixPath

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import nova_spi
from nova_spi.artifacts.archive_writing import write_archive
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_GZIP, LAYER_TAR
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid, ManifestInvalid, RegistryError, UsageError
from nova_spi.images.catalog_files import ImageFiles
from nova_spi.sdk.catalog import inspect_image

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf500f0003860180" + "5a342b200000000049454e44ae426082"
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + b"\0" * 64
MANIFEST = """\
spi_version: "1"
model:
  name: painter
  version: 2.1.0
  description: Paints what it is told to paint.
  domain: image
  company: Example Studios
  repository_url: https://git.example.org/painter
  weights_url: https://weights.example.org/painter.safetensors
  documentation_url: https://docs.example.org/painter
  forum_url: https://forum.example.org/painter
  example_outputs_url: https://gallery.example.org/painter
  model_type: generative_image
  inputs: [text]
  outputs: [image]
  license: Apache-2.0
  license_type: open_source
  usage_category: commercial
  trained_on_copyrighted_data: true
  is_trainable: false
  is_fine_tunable: unsure
  tasks: {"2D": [concept_art, storyboards], VFX: [generative_FX]}
  technical_dependencies: [onnxruntime, numpy]
  user_sentiment: positive
execution: {entry_point: {callable: "model:paint"}}
inputs: [{name: prompt, type: string, required: true, description: What to paint}]
outputs: [{name: picture, type: file, mime_types: [image/png], file_pattern: "*.png", description: It}]
output_specifications: {image: {resolutions: ["1024x1024"], formats: [png]}}
catalog:
  thumbnail: media/small.png
  summary: A painter.
  long_description: "# Painter\\n\\nIt paints."
  media_carousel: [media/one.png, /app/media/two.jpg]
scorecard: {summary: Excellent}
"""
BARE = """\
spi_version: "1"
model: {name: bare, version: 0.1.0, domain: text}
inputs: [{name: prompt, type: string, description: A text that goes in}]
outputs: [{name: words, type: array, description: Words that come out}]
"""
LINK, HARD, FOLDER = object(), object(), object()


pytestmark = pytest.mark.usefixtures("alone")


def layer(*entries) -> bytes:
    """A tar of (name, content) or (name, LINK or HARD, target) or (name, FOLDER), in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, what, *target in entries:
            member = tarfile.TarInfo(name)
            if what is FOLDER:
                member.type = tarfile.DIRTYPE
            elif what is LINK or what is HARD:
                member.type, member.linkname = (tarfile.SYMTYPE if what is LINK else tarfile.LNKTYPE), target[0]
            else:
                member.size = len(what)
            tar.addfile(member, io.BytesIO(what) if isinstance(what, bytes) else None)
    return buffer.getvalue()


def make(layout: Layout, *layers: bytes, packed: bool = True, name: str = "it", history=(), annotations=None, **config):
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "history": list(history),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]},
    }
    pack, kind = (lambda data: gzip.compress(data, mtime=0), LAYER_GZIP) if packed else (bytes, LAYER_TAR)
    blobs = [layout.blobs.write(pack(each), kind) for each in layers]
    manifest = write_manifest(layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG), blobs, annotations or {})
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, name)
    return manifest


def app(manifest: str = MANIFEST, place: str = "app/manifest.yml"):
    return layer(
        ("app", FOLDER),
        (place, manifest.encode()),
        ("app/media/small.png", PNG),
        ("app/media/one.png", PNG),
        ("app/media/two.jpg", JPEG),
    )


def files_of(layout, *layers) -> ImageFiles:
    return ImageFiles(layout, make(layout, *layers))


# --- the Workbench's fields


def test_every_field_of_the_workbench_comes_out_of_an_image(layout):
    make(layout, layer(("etc/os", b"x")), app(), WorkingDir="/app")
    found = nova_spi.catalog_metadata(f"{layout.root}:it")
    assert found.fields == {
        "model_name": "painter",
        "model_version": "2.1.0",
        "model_company": "Example Studios",
        "model_url": "https://git.example.org/painter",
        "model_repository_url": "https://git.example.org/painter",
        "model_type": "generative_image",
        "requested_use_cases": {"2D": ["concept_art", "storyboards"], "VFX": ["generative_FX"]},
        "usage_category": "commercial",
        "usage_description": "Paints what it is told to paint.",
        "model_weights_url": "https://weights.example.org/painter.safetensors",
        "model_documentation_url": "https://docs.example.org/painter",
        "model_forums_url": "https://forum.example.org/painter",
        "model_example_outputs_url": "https://gallery.example.org/painter",
        "model_inputs": ["text"],
        "model_outputs": ["image"],
        "model_license_type": "open_source",
        "trained_on_copyrighted_data": "Yes",
        "output_specifications": {"image": {"resolutions": ["1024x1024"], "formats": ["png"]}},
        "is_trainable": "No",
        "is_fine_tunable": "Unsure",
        "user_sentiment": "Positive",
        "technical_dependencies": ["onnxruntime", "numpy"],
    }
    assert found.catalog["summary"] == "A painter."
    assert found.catalog["long_description"] == "# Painter\n\nIt paints."
    assert found.scorecard == {"summary": "Excellent"}
    assert (found.thumbnail.data, found.thumbnail.media_type) == (PNG, "image/png")
    assert [(medium.path, medium.media_type) for medium in found.carousel] == [
        ("/app/media/one.png", "image/png"),
        ("/app/media/two.jpg", "image/jpeg"),
    ]
    assert found.missing == ()
    assert found.source == "/app/manifest.yml"


def test_what_a_manifest_does_not_say_has_its_default(layout):
    make(layout, layer(("app/manifest.yml", BARE.encode())), WorkingDir="/app")
    found = nova_spi.catalog_metadata(layout.root)
    unsure = {"trained_on_copyrighted_data", "is_trainable", "is_fine_tunable"}
    assert {name for name, value in found.fields.items() if value == "Unsure"} == unsure
    assert found.fields["user_sentiment"] == "Unknown"
    assert found.fields["model_inputs"] == ["text"]
    assert found.fields["model_outputs"] == ["json"]
    assert found.fields["output_specifications"] == {}
    assert found.fields["model_url"] is None
    assert len(found.fields) == 22
    assert (found.thumbnail, found.carousel, found.catalog) == (None, (), {})


def test_a_plain_yaml_reader_finds_the_same_under_the_manifests_own_keys(layout):
    image = make(layout, app(), WorkingDir="/app")
    plain = yaml.safe_load(ImageFiles(layout, image).read("/app/manifest.yml", 1 << 20))
    fields, model = nova_spi.catalog_metadata(layout.root).fields, plain["model"]
    keys = {
        "model_name": "name",
        "model_version": "version",
        "model_company": "company",
        "model_url": "repository_url",
        "model_repository_url": "repository_url",
        "model_type": "model_type",
        "requested_use_cases": "tasks",
        "usage_category": "usage_category",
        "usage_description": "description",
        "model_weights_url": "weights_url",
        "model_documentation_url": "documentation_url",
        "model_forums_url": "forum_url",
        "model_example_outputs_url": "example_outputs_url",
        "model_inputs": "inputs",
        "model_outputs": "outputs",
        "model_license_type": "license_type",
        "technical_dependencies": "technical_dependencies",
    }
    assert {name: fields[name] for name in keys} == {name: model[key] for name, key in keys.items()}
    assert fields["output_specifications"] == plain["output_specifications"]
    assert model["trained_on_copyrighted_data"] is True
    assert plain["catalog"]["thumbnail"] == "media/small.png"


def test_an_image_that_we_built_says_the_same_as_its_project(project, build, layout, tmp_path):
    text = MANIFEST.replace("catalog:", "x-own: 1\ncatalog:").replace(
        'callable: "model:paint"', 'callable: "model:predict"'
    )
    root = project(manifest=text, media__small_dot_png=PNG, media__one_dot_png=PNG, media__two_dot_jpg=JPEG)
    image = build(root)
    found = inspect_image(f"{layout.root}:{image.name}", platform="linux/amd64")
    assert found.catalog.source == "label"
    assert found.catalog.fields["model_name"] == "painter"
    assert found.catalog.thumbnail.data == PNG
    assert len(found.catalog.carousel) == 2
    assert found.image.digest == str(image.digest)
    assert [each.made_by for each in found.image.layers][1:] == [each.made_by for each in image.layers]
    assert found.image.base["name"] == "base"
    assert found.image.user == "1000:1000"
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    # Without its label the same comes out of its files.
    config = json.loads(layout.blobs.read(image.manifest.config))
    del config["config"]["Labels"]
    bare = write_manifest(layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG), image.manifest.layers)
    layout.blobs.write(bare.raw, bare.media_type)
    layout.name(bare.descriptor, "bare")
    again = nova_spi.catalog_metadata(f"{layout.root}:bare", platform="linux/amd64")
    assert again.source == "/app/spi/manifest.json"
    assert (again.fields, again.carousel) == (found.catalog.fields, found.catalog.carousel)


# --- where the manifest is


@pytest.mark.parametrize(
    ("place", "config"),
    [
        ("srv/m.yml", {"Env": ["SPI_MANIFEST=/srv/m.yml"]}),
        ("srv/model/manifest.yaml", {"WorkingDir": "/srv/model"}),
        ("srv/model/spi/manifest.json", {"WorkingDir": "/srv/model"}),
        ("srv/model/manifest.yml", {"Env": ["SPI_WORK_DIR=/srv/model"]}),
        ("app/spi/manifest.yml", {"WorkingDir": "/somewhere"}),
        ("app/manifest.yml", {}),
    ],
)
def test_a_manifest_is_found_where_a_model_would_find_it(layout, place, config):
    data = json.dumps(yaml.safe_load(BARE)) if place.endswith("json") else BARE
    make(layout, layer((place, data.encode())), **config)
    assert nova_spi.catalog_metadata(layout.root).source == f"/{place}"


def test_the_label_comes_before_the_files(layout):
    label = json.dumps(yaml.safe_load(BARE))
    make(layout, app(), WorkingDir="/app", Labels={"dev.nova-spi.manifest": label})
    found = nova_spi.catalog_metadata(layout.root)
    assert (found.source, found.fields["model_name"]) == ("label", "bare")


def test_an_image_without_a_manifest_is_one_clear_error(layout):
    make(layout, layer(("app/model.py", b"x")), WorkingDir="/srv")
    with pytest.raises(ArtifactInvalid) as caught:
        nova_spi.catalog_metadata(layout.root)
    assert caught.value.error_code == "artifact.no_manifest"
    assert "/srv, /srv/spi, /app/spi" in caught.value.why


@pytest.mark.parametrize("text", ["model: {name: 5}", "{", "", "\0", "- a", "model: !!python/object:os.system x"])
def test_a_manifest_with_errors_is_said_so(layout, text):
    make(layout, layer(("app/manifest.yml", text.encode())), WorkingDir="/app")
    with pytest.raises(ManifestInvalid) as caught:
        nova_spi.catalog_metadata(layout.root)
    assert caught.value.details["diagnostics"]


# --- media


def with_media(layout, *entries, **paths):
    text = BARE + "catalog: " + json.dumps(paths) + "\n"
    make(layout, layer(("app/manifest.yml", text.encode()), *entries), WorkingDir="/app")
    return nova_spi.catalog_metadata(layout.root)


def test_media_are_told_by_content_and_not_by_name(layout):
    found = with_media(
        layout, ("app/a.mp4", PNG), ("app/b.png", b"<html>"), thumbnail="a.mp4", media_carousel=["b.png"]
    )
    assert found.thumbnail.media_type == "image/png"
    assert found.carousel[0].media_type == "text/html"
    assert found.thumbnail.to_dict()["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert repr(PNG)[2:12] not in repr(found)


def test_media_that_are_not_there_or_too_large_are_said_so(layout):
    found = with_media(
        layout,
        ("app/huge.png", bytes((16 << 20) + 1)),
        ("app/folder", FOLDER),
        ("app/dangling.png", LINK, "nowhere.png"),
        ("app/loop.png", LINK, "loop.png"),
        thumbnail="gone.png",
        media_carousel=["huge.png", "folder", "dangling.png", "loop.png"],
    )
    assert (found.thumbnail, found.carousel) == (None, ())
    assert [each["path"] for each in found.missing] == ["gone.png", "huge.png", "folder", "dangling.png", "loop.png"]
    assert "16777216" in found.missing[1]["why"]


def test_a_link_is_followed_within_the_image_and_never_on_this_machine(layout, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"of this machine")
    found = with_media(
        layout,
        ("app/out.png", LINK, str(secret)),
        ("app/up.png", LINK, "../../../../../../../../srv/real.png"),
        ("app/absolute.png", LINK, "/srv/real.png"),
        ("srv/real.png", PNG),
        media_carousel=["out.png", "up.png", "absolute.png"],
    )
    assert [medium.data for medium in found.carousel] == [PNG, PNG]
    assert [each["path"] for each in found.missing] == ["out.png"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../etc/passwd", "a/../../etc/passwd"])
def test_a_path_outside_the_models_folder_is_nothing(layout, path):
    text = BARE + "catalog: " + json.dumps({"thumbnail": path}) + "\n"
    make(layout, layer(("app/manifest.yml", text.encode()), ("etc/passwd", PNG)), WorkingDir="/app")
    try:
        found = nova_spi.catalog_metadata(layout.root)
    except ManifestInvalid:
        return  # the manifest's own rules forbid it already
    assert found.thumbnail is None
    assert found.missing


# --- files out of layers


def test_an_upper_layer_counts_and_a_whiteout_hides(layout):
    files = files_of(
        layout,
        layer(("a/one", b"1"), ("a/two", b"2"), ("b/three", b"3"), ("c/four", b"4"), ("d", b"file")),
        layer(("a/one", b"new"), ("a/.wh.two", b""), (".wh.b", b""), ("c/.wh..wh..opq", b""), ("c/five", b"5")),
        layer(("d/six", b"6"), ("./e//seven", b"7")),
    )
    assert files.read("/a/one", 10) == b"new"
    assert files.read("a/two", 10) is None
    assert files.read("/b/three", 10) is None
    assert files.read("/c/four", 10) is None
    assert files.read("/c/five", 10) == b"5"
    assert files.read("/d/six", 10) == b"6"
    assert files.read("/e/seven", 10) == b"7"
    assert files.read("/a", 10) is None
    assert files.read("/d/six/x", 10) is None
    with pytest.raises(ArtifactInvalid, match="larger"):
        files.read("/a/one", 2)


def test_a_file_that_comes_back_in_the_layer_that_hides_it_is_there(layout):
    files = files_of(layout, layer(("a/x", b"old")), layer(("a/.wh..wh..opq", b""), ("a/x", b"new"), (".wh.a", b"")))
    assert files.read("/a/x", 10) == b"new"


def test_links_lead_through_layers(layout):
    files = files_of(
        layout,
        layer(
            ("srv/data/x", b"there"),
            ("app", LINK, "srv"),
            ("hard", HARD, "srv/data/x"),
            ("many", LINK, "./app/data/../data/x"),
        ),
        layer(("other", LINK, "/app/data"), ("srv/data/y", b"above")),
        layer(("srv/data/x", b"later")),
    )
    assert files.read("/app/data/x", 10) == b"later"
    assert files.read("/other/y", 10) == b"above"
    assert files.read("/many", 10) == b"later"
    assert files.read("/hard", 10) == b"there", "a hard link is of its own layer"


def test_a_folder_over_a_link_hides_what_the_link_led_to(layout):
    files = files_of(layout, layer(("srv/x", b"old"), ("app", LINK, "srv")), layer(("app", FOLDER), ("app/y", b"new")))
    assert files.read("/app/y", 10) == b"new"
    assert files.read("/app/x", 10) is None


def test_the_last_of_two_entries_counts_and_devices_are_nothing(layout):
    buffer = io.BytesIO(layer(("a", b"first"), ("a", b"last")))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        device = tarfile.TarInfo("dev")
        device.type = tarfile.CHRTYPE
        tar.addfile(device)
        tar.addfile(tarfile.TarInfo("../outside"))
    files = files_of(layout, buffer.getvalue())
    assert files.read("a", 10) == b"last"
    assert files.read("dev", 10) is None
    assert files.read("../outside", 10) is None


def test_no_more_layers_are_fetched_than_needed(layout):
    image = make(layout, layer(("low", b"1")), layer(("middle", b"2")), layer(("top", b"3"), ("gone/.wh.x", b"")))
    fetched = []
    files = ImageFiles(layout, image, fetched.append)
    assert files.read("top", 10) == b"3"
    assert files.read("gone/x", 10) is None
    assert fetched == [image.layers[2]]
    assert files.read("middle", 10) == b"2"
    assert files.read("nowhere", 10) is None
    assert fetched == [image.layers[2], image.layers[1], image.layers[0]]


NAMES = st.sampled_from(["a", "b", "a/b", "a/c", "b/a", "a/b/c"])
ENTRIES = st.one_of(
    st.tuples(NAMES, st.binary(max_size=4)),
    st.tuples(
        NAMES.map(lambda name: str(PurePosixPath(name).with_name(f".wh.{PurePosixPath(name).name}"))), st.just(b"")
    ),
    st.tuples(st.sampled_from(["a", "b", "a/b"]).map(lambda name: f"{name}/.wh..wh..opq"), st.just(b"")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry[0]), min_size=1, max_size=3))
def test_a_file_is_what_a_whole_unpacking_would_leave(tmp_path_factory, layers):
    """Held against the unpacking of a whole image, where no file stands where another layer wants a folder."""
    names = {name for entries in layers for name, _ in entries if "/.wh." not in name and not name.startswith(".wh.")}
    if any(other.startswith(f"{name}/") for name in names for other in names):
        return
    from nova_spi.artifacts.trees import unpack

    layout = Layout.create(tmp_path_factory.mktemp("layout"))
    image = make(layout, *(layer(*entries) for entries in layers), packed=False)
    target = tmp_path_factory.mktemp("tree")
    unpack(layout, image, target)
    files = ImageFiles(layout, image)
    for name in names:
        there = target / name
        assert files.read(name, 10) == (there.read_bytes() if there.is_file() else None), name


@pytest.mark.parametrize("position", [0, 12, -1])
def test_a_damaged_layer_is_found_before_anything_of_it_counts(layout, position):
    image = make(layout, app(), WorkingDir="/app")
    path = layout.blobs.path(image.layers[0].digest)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ArtifactInvalid) as caught:
        nova_spi.catalog_metadata(layout.root)
    assert caught.value.error_code == "artifact.damaged"


# --- where an image may be


def test_archives_and_layouts_are_read(layout, tmp_path):
    image = make(layout, app(), WorkingDir="/app")
    with (tmp_path / "it.tar").open("wb") as stream:
        write_archive(layout, image, stream, name=Reference.parse("painter:2"))
    for ref in (layout.root, f"{layout.root}:it", tmp_path / "it.tar", f"{tmp_path}/it.tar:2"):
        assert inspect_image(ref, platform="linux/amd64").image.digest == str(image.descriptor.digest)
    with tarfile.open(tmp_path / "it.tar") as old, tarfile.open(tmp_path / "docker.tar", "w") as new:
        for member in old:
            if member.name not in ("oci-layout", "index.json"):
                new.addfile(member, old.extractfile(member) if member.isreg() else None)
    assert nova_spi.catalog_metadata(tmp_path / "docker.tar").fields["model_name"] == "painter"
    assert list((tmp_path / "cache").iterdir()) == [], "nothing stays of what was only looked at"


def test_the_local_store_knows_names_and_digests(tmp_path):
    store = Layout.create(tmp_path / "data" / "store")
    image = make(store, app(), name="docker.io/library/painter:2", WorkingDir="/app")
    for ref in ("painter:2", "docker.io/library/painter:2", str(image.descriptor.digest)):
        assert nova_spi.catalog_metadata(ref).fields["model_name"] == "painter"


@pytest.mark.parametrize("ref", ["./missing.tar", "/no/such/image"])
def test_a_path_that_is_not_there_is_said_so(ref):
    with pytest.raises(ArtifactInvalid) as caught:
        nova_spi.catalog_metadata(ref)
    assert caught.value.error_code == "artifact.missing"


def test_what_is_no_name_is_said_so():
    with pytest.raises(ArtifactInvalid, match="no image"):
        nova_spi.catalog_metadata("NO NAME")
    with pytest.raises(UsageError):
        nova_spi.catalog_metadata("x", platform="linux")
    with pytest.raises(RegistryError, match="does not answer"):
        nova_spi.catalog_metadata("127.0.0.1:1/team/model:1")
