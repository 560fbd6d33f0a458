import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import PurePosixPath

import pytest

from nova_spi.artifacts.archive_writing import write_archive
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.references import Reference
from nova_spi.errors import ArtifactInvalid, BuildFailed
from nova_spi.images.approval import approve, rules
from nova_spi.images.base import open_base, origin_of
from nova_spi.images.layers import Entry
from nova_spi.images.lock import Locked
from nova_spi.images.notes import noted
from nova_spi.images.python_facts import PythonFacts
from nova_spi.images.wheels import tags
from nova_spi.progress import Silent

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def opened(layout, tmp_path, kit):
    """Makes a base of trees and opens it."""

    def found(*trees, **config):
        root = kit.make_base(tmp_path / f"made-{time.monotonic_ns()}", *trees, **config)
        return open_base(str(root), layout, kit.AMD64, Silent())

    return found


def test_the_python_of_debian_is_found_through_its_links(opened, kit):
    assert opened(kit.python_tree()).python == PythonFacts("/usr/bin/python3.11", "3.11", "glibc", "2.36")


def test_the_first_python_on_the_path_counts(opened, kit):
    own = [
        Entry("usr/local/bin/python3.12", b"\x7fELF", executable=True),
        Entry("usr/local/bin/python3", PurePosixPath("python3.12")),
    ]
    assert opened(kit.python_tree(), own).python.path == "/usr/local/bin/python3.12"
    assert opened(kit.python_tree(), own, Env=["PATH=/usr/bin"]).python.path == "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("said", "version"), [("3.11.9", "3.11.9"), ("3.12.1", "3.11"), ("3.11.x", "3.11"), ("", "3.11")]
)
def test_the_exact_version_is_the_images_own_word_where_it_fits(opened, kit, said, version):
    assert opened(kit.python_tree(), Env=["PATH=/usr/bin", f"PYTHON_VERSION={said}"]).python.version == version


@pytest.mark.parametrize(
    ("wanted", "fits"), [("3.11", True), ("3.11.9", True), ("3.11.8", False), ("3.12", False), ("3.1", False)]
)
def test_a_version_fits_as_far_as_both_say_it(wanted, fits):
    assert PythonFacts("", "3.11.9", "glibc", "").fits(wanted) is fits


def test_what_an_upper_layer_takes_away_is_gone(layout, kit, tmp_path):
    import io
    import tarfile

    from nova_spi.artifacts.manifests import write_manifest
    from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_TAR

    for gone in ("usr/bin/.wh.python3.11", "usr/bin/.wh..wh..opq", "usr/.wh.bin"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(gone))
        root = kit.make_base(tmp_path / gone.replace("/", "-"), kit.python_tree())
        made = Layout.open(root)
        manifest = made.manifest(made.find())
        upper = made.blobs.write(buffer.getvalue(), LAYER_TAR)
        config = json.loads(made.blobs.read(manifest.config))
        config["rootfs"]["diff_ids"].append(str(upper.digest))
        described = made.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG)
        new = write_manifest(described, [*manifest.layers, upper])
        made.blobs.write(new.raw, new.media_type)
        made.name(new.descriptor, "base")
        with pytest.raises(BuildFailed, match="no Python"):
            open_base(str(root), layout, kit.AMD64, Silent())


@pytest.mark.parametrize(
    "tree",
    [
        [Entry("etc/nothing", b"")],
        [Entry("usr/bin/python3", PurePosixPath("python3"))],
        [Entry("usr/bin/python3", PurePosixPath("../../../../etc/alternatives/python3"))],
        [Entry("usr/bin/python3", b"#!/bin/sh\n")],
    ],
)
def test_a_base_without_python_is_said_so(opened, tree):
    with pytest.raises(BuildFailed, match="no Python") as caught:
        opened(tree)
    assert caught.value.error_code == "build.base_without_python"


def test_a_base_for_another_platform_is_refused(layout, kit, tmp_path):
    root = kit.make_base(tmp_path / "arm", kit.python_tree(), platform=kit.ARM64)
    with pytest.raises(BuildFailed, match="is for linux/arm64, and linux/amd64"):
        open_base(str(root), layout, kit.AMD64, Silent())


def test_a_damaged_layer_of_a_base_is_found(layout, kit, tmp_path):
    root = kit.make_base(tmp_path / "bad", kit.python_tree())
    source = Layout.open(root)
    path = source.blobs.path(source.manifest(source.find()).layers[0].digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactInvalid) as caught:
        open_base(str(root), layout, kit.AMD64, Silent())
    assert caught.value.error_code == "artifact.damaged"


def test_a_layout_of_several_images_needs_a_name(layout, kit, tmp_path):
    root = kit.make_base(tmp_path / "many", kit.python_tree(), name="one")
    kit.make_base(root, kit.python_tree("3.12"), name="two")
    with pytest.raises(ArtifactInvalid, match="2 manifests"):
        open_base(str(root), layout, kit.AMD64, Silent())
    assert open_base(f"{root}:two", layout, kit.AMD64, Silent()).python.version == "3.12"


def test_no_path_of_this_machine_gets_into_a_bases_name(layout, kit, base, tmp_path):
    source, path = Layout.open(base), tmp_path / "saved.tar"
    with path.open("wb") as stream:
        write_archive(source, source.manifest(source.find()), stream)
    assert open_base(str(base), layout, kit.AMD64, Silent()).name == "base"
    assert open_base(str(path), layout, kit.AMD64, Silent()).name == "saved.tar"


@pytest.mark.parametrize(
    "text",
    ["python:3.12-slim", "python:3.12.4-slim-bookworm", "docker.io/library/python:3.10", f"ghcr.io/a/b@{DIGEST}"],
)
def test_what_is_on_the_list_or_pinned_is_approved(text):
    assert approve(Reference.parse(text)).endswith(".")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("python", "another image tomorrow"),
        ("python:3.12-alpine", "no glibc"),
        ("python:3.8-slim", "no more fixes"),
        ("python:3", "another one after the next release"),
        ("ghcr.io/a/b:1.0", "not on the approved list"),
        ("nvidia/cuda:12.4-base", "no Python"),
    ],
)
def test_what_is_refused_is_refused_with_its_reason(text, why):
    with pytest.raises(BuildFailed, match="not approved") as caught:
        approve(Reference.parse(text))
    assert why in caught.value.why
    assert caught.value.error_code == "build.base_not_approved"


def test_every_rule_has_its_reason():
    assert all(rule.reason.endswith(".") and rule.tags for rule in rules())


def test_tags_of_wheels_go_from_the_bases_libc_down(kit):
    glibc = tags(PythonFacts("", "3.11", "glibc", "2.36"), kit.AMD64)
    assert glibc[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"} <= set(glibc)
    assert tags(PythonFacts("", "3.11", "musl", ""), kit.ARM64)[0] == "musllinux_1_2_aarch64"
    assert "manylinux1_aarch64" not in tags(PythonFacts("", "3.11", "glibc", "2.36"), kit.ARM64)


@pytest.fixture
def registry(base, tmp_path):
    """A registry of one's own with the base as team/base:1; gives its address, and a function that pushes more."""
    for program in ("docker-registry", "skopeo"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    config = tmp_path / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'data'}}}}}\nhttp: {{addr: '{host}'}}\n"
    )

    def pushed(root, name="team/base:1"):
        argv = ["skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false"]
        subprocess.run(
            [*argv, f"oci:{root}:base", f"docker://{host}/{name}"], check=True, capture_output=True, timeout=60
        )

    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{host}/v2/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        pushed(base)
        yield host, pushed
    finally:
        server.terminate()
        server.wait(10)


def test_a_base_comes_out_of_a_registry_pinned_by_its_digest(registry, layout, kit, base):
    host, _ = registry
    with pytest.raises(BuildFailed, match="not approved"):
        open_base(f"{host}/team/base:1", layout, kit.AMD64, Silent())
    pinned = f"{host}/team/base@{Layout.open(base).find().digest}"
    found = open_base(pinned, layout, kit.AMD64, Silent())
    assert (found.name, found.kind, found.python.version) == (pinned, "registry", "3.11")
    assert noted(layout, origin_of(Reference.parse(pinned), kit.AMD64)) == found.manifest.descriptor


def test_a_locked_base_is_the_same_when_its_tag_has_moved_on(registry, layout, kit, base, tmp_path):
    host, pushed = registry
    first = Layout.open(base).find().digest
    pushed(kit.make_base(tmp_path / "newer", kit.python_tree("3.12")))
    pin = Locked(kit.AMD64, "registry", f"{host}/team/base:1", first)
    found = open_base(pin.name, layout, kit.AMD64, Silent(), locked=pin)
    assert (found.name, found.python.version, found.manifest.descriptor.digest) == (pin.name, "3.11", first)


def test_a_locked_base_that_is_in_the_store_is_asked_of_nobody(layout, kit, base):
    first = open_base(str(base), layout, kit.AMD64, Silent())
    for kind, name in (("registry", "registry.invalid/team/base:1"), ("disk", "base.tar")):
        pin = Locked(kit.AMD64, kind, name, first.manifest.descriptor.digest)
        found = open_base(name, layout, kit.AMD64, Silent(), locked=pin)
        assert (found.name, found.kind, found.manifest) == (name, kind, first.manifest)


def test_a_locked_base_from_a_disk_that_is_not_here_is_said_so(layout, kit):
    pin = Locked(kit.AMD64, "disk", "base.tar", Digest.parse(DIGEST))
    with pytest.raises(BuildFailed, match=r"base\.tar, which nova-spi\.lock pins, is not in the store") as caught:
        open_base("base.tar", layout, kit.AMD64, Silent(), locked=pin)
    assert "--base-image PATH" in caught.value.mend
