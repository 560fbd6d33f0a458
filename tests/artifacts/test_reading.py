import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.choosing import choose
from nova_spi.artifacts.configs import read_config
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_BYTES, MAX_DEPTH, Fields, load_object
from nova_spi.artifacts.manifests import Index, Manifest, read_manifest, write_manifest
from nova_spi.artifacts.media_types import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    IMAGE_CONFIG,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    LAYER_TAR,
)
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference, is_loopback
from nova_spi.errors import ArtifactInvalid, UsageError

HEX = "a" * 64
DESCRIPTOR = {"mediaType": IMAGE_CONFIG, "digest": f"sha256:{HEX}", "size": 2}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def document(**fields) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": DESCRIPTOR, "layers": [], **fields}).encode()


def descriptor(**fields) -> Descriptor:
    return Descriptor.read(Fields.of({**DESCRIPTOR, **fields}, "It"))


def test_a_digest_reads_back_as_it_was_written():
    digest = Digest.of(b"content")
    assert Digest.parse(str(digest)) == digest
    assert digest.matches(b"content")
    assert not digest.matches(b"contents")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX.upper()}",
        f"md5:{'a' * 32}",
        HEX,
        f"sha256:{HEX}\n",
        "sha256:../" + "a" * 61,
    ],
)
def test_what_is_no_digest_is_refused(text):
    with pytest.raises(ArtifactInvalid):
        Digest.parse(text)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b"[]", "no JSON object"),
        (b"{" + b" " * MAX_BYTES + b"}", "larger"),
        (b'{"a":' + b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1) + b"}", "deep"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
        (b'{"a": "\xff"}', "utf-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b"", "JSON"),
    ],
)
def test_documents_that_two_readers_may_read_differently_are_refused(data, why):
    with pytest.raises(ArtifactInvalid) as caught:
        load_object(data, "It")
    assert why in f"{caught.value.message} {caught.value.why}"


@pytest.mark.parametrize(
    "fields",
    [
        {"size": -1},
        {"size": True},
        {"size": 1.5},
        {"size": "2"},
        {"size": 1 << 60},
        {"size": None},
        {"mediaType": "image"},
        {"mediaType": None},
        {"mediaType": "a/b\nc"},
        {"digest": "sha256:../../etc/passwd"},
        {"digest": 5},
        {"annotations": {"a": 1}},
        {"annotations": []},
        {"platform": "linux"},
        {"data": "e30="},
        {"data": "*"},
    ],
)
def test_a_descriptor_with_a_wrong_field_is_refused(fields):
    with pytest.raises(ArtifactInvalid):
        descriptor(**fields)


def test_embedded_data_that_is_what_the_digest_says_is_taken():
    assert descriptor(digest=str(Digest.of(b"{}")), data="e30=").size == 2


@given(media_type=st.sampled_from([IMAGE_CONFIG, LAYER_TAR]), data=st.binary(max_size=64), text=st.text(max_size=20))
def test_a_descriptor_reads_back_as_it_was_written(media_type, data, text):
    plain = Descriptor.of(data, media_type)
    found = plain.annotated(note=text.encode("utf-8", "replace").decode())
    read = Descriptor.read(Fields.of(json.loads(json.dumps(found.to_dict())), "It"))
    assert (read.digest, read.size, dict(read.annotations)) == (found.digest, found.size, dict(found.annotations))


@given(st.dictionaries(st.sampled_from(["mediaType", "config", "layers", "manifests", "schemaVersion", "x"]), JSON))
@settings(max_examples=200)
def test_no_document_breaks_the_reader(value):
    data = json.dumps(value).encode()
    for read in (read_manifest, read_config):
        with suppress(ArtifactInvalid):
            read(data)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data):
    with pytest.raises(ArtifactInvalid):
        read_manifest(data)


def test_a_manifest_reads_back_as_it_was_written():
    layer = Descriptor.of(b"layer", LAYER_TAR)
    manifest = write_manifest(Descriptor.of(b"{}", IMAGE_CONFIG), [layer, layer], {"b": "2", "a": "1"})
    read = read_manifest(manifest.raw)
    assert isinstance(read, Manifest)
    assert read.layers == (layer, layer)
    assert read.blobs == (Descriptor.of(b"{}", IMAGE_CONFIG), layer)
    assert read.descriptor == manifest.descriptor


@pytest.mark.parametrize("kind", [IMAGE_MANIFEST, DOCKER_MANIFEST])
def test_the_type_may_stand_in_the_document_or_in_the_answer_alone(kind):
    assert read_manifest(document(), f"{kind}; charset=utf-8").media_type == kind
    assert read_manifest(document(mediaType=kind), "application/json").media_type == kind
    assert read_manifest(document()).media_type == IMAGE_MANIFEST


@pytest.mark.parametrize("kind", [IMAGE_INDEX, DOCKER_INDEX])
def test_an_index_is_told_from_a_manifest(kind):
    data = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [DESCRIPTOR]}).encode()
    found = read_manifest(data)
    assert isinstance(found, Index)
    assert found.media_type == kind


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (document(mediaType=IMAGE_MANIFEST), IMAGE_INDEX),
        (document(manifests=[]), ""),
        (document(manifests=[], mediaType=IMAGE_INDEX), ""),
        (document(schemaVersion=3), ""),
        (document(mediaType="text/plain"), ""),
        (document(config=None), ""),
        (document(layers={}), ""),
        (document(layers=[1]), ""),
        (document(layers=[DESCRIPTOR] * 10_001), ""),
    ],
)
def test_a_manifest_that_is_two_things_or_none_is_refused(data, told):
    with pytest.raises(ArtifactInvalid):
        read_manifest(data, told)


def test_schema_1_is_refused_with_what_mends_it():
    with pytest.raises(ArtifactInvalid, match="schema 1") as caught:
        read_manifest(b'{"schemaVersion": 1, "fsLayers": []}')
    assert "1.10" in caught.value.mend


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag"),
    [
        ("python:3.12-slim", "docker.io", "library/python", "3.12-slim"),
        ("docker.io/python", "docker.io", "library/python", "latest"),
        ("team/model", "docker.io", "team/model", "latest"),
        ("localhost/model:1", "localhost", "model", "1"),
        ("localhost:5000/a/b__c:1.0", "localhost:5000", "a/b__c", "1.0"),
        ("[::1]:5000/a:1", "[::1]:5000", "a", "1"),
        (f"ghcr.io/a/b@sha256:{HEX}", "ghcr.io", "a/b", ""),
        (f"ghcr.io/a/b:2@sha256:{HEX}", "ghcr.io", "a/b", "2"),
    ],
)
def test_references_are_taken_apart(text, host, repository, tag):
    found = Reference.parse(text)
    assert (found.host, found.repository, found.tag) == (host, repository, tag)
    assert Reference.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UPPER/case",
        "a:b:c/d",
        "a/b:tag with space",
        "a/../b",
        "a@sha256:12",
        "a@",
        "a/b:" + "t" * 129,
        "-a/b.",
        "h.io/",
        "x" * 300,
        "a/b:../c",
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    assert caught.value.error_code == "usage.reference"


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_one_clear_error(text):
    try:
        found = Reference.parse(text)
    except UsageError:
        return
    assert Reference.parse(str(found)) == found


def test_docker_hub_answers_at_another_address():
    assert Reference.parse("python").address == "registry-1.docker.io"
    assert Reference.parse("ghcr.io/a/b").address == "ghcr.io"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("[::1]:5000", True),
        ("127.0.0.1.example.org", False),
        ("0.0.0.0", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_this_machine_alone(host, here):
    assert is_loopback(host) is here


def test_a_platform_is_chosen_from_an_index():
    def entry(platform):
        return Descriptor(IMAGE_MANIFEST, Digest.of(str(platform).encode()), 2, platform=platform)

    amd, arm, odd = Platform("linux", "amd64"), Platform("linux", "arm64", "v8"), Platform("unknown", "unknown")
    entries = [entry(each) for each in (odd, amd, arm)]
    assert choose(entries, Platform.parse("linux/arm64"), "It").platform == arm
    assert choose(entries, amd, "It").platform == amd
    with pytest.raises(ArtifactInvalid, match="nothing for linux/s390x") as caught:
        choose(entries, Platform.parse("linux/s390x"), "It")
    assert "linux/amd64, linux/arm64/v8" in caught.value.why
    assert choose([entry(None)], amd, "It").platform is None


@pytest.mark.parametrize("text", ["linux", "linux/", "a/b/c/d", "linux/AMD64", "../x"])
def test_what_is_no_platform_is_refused(text):
    with pytest.raises(UsageError):
        Platform.parse(text)
