import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from nova_spi.artifacts.archive_writing import write_archive
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.unpacking import opened
from nova_spi.errors import ArtifactInvalid, BuildFailed, ExecutionError, NovaSpiError, SettingsInvalid, UsageError

SITE = "opt/model/lib/python3.11/site-packages"


def members(layout, image, kit):
    found = {}
    for layer in image.layers:
        found |= kit.read_layer(layout, layer.descriptor)
    return found


def unpack(layout, image, folder: Path) -> Path:
    for layer in image.layers:
        with layout.blobs.open(layer.descriptor) as blob, opened(blob, layer.descriptor.media_type, "It") as stream:
            plain = io.BytesIO(stream.read())
        with tarfile.open(fileobj=plain) as tar:
            tar.extractall(folder, filter="tar")
    return folder


def test_an_image_is_base_packages_runtime_weights_and_app(layout, build, project, kit):
    root = project(weights__net_dot_safetensors=b"w" * 100, weights__two_dot_onnx=b"x", data__words_dot_txt=b"a\n")
    image = build(root)
    assert [layer.made_by for layer in image.layers] == [
        "nova-spi: packages",
        "nova-spi: the runtime",
        "nova-spi: weights/net.safetensors",
        "nova-spi: weights/two.onnx",
        "nova-spi: the project",
    ]
    weights = kit.read_layer(layout, image.layers[2].descriptor)
    assert set(weights) == {"app", "app/weights", "app/weights/net.safetensors"}
    assert image.layers[2].descriptor.digest == image.layers[2].diff_id  # not packed
    app = kit.read_layer(layout, image.layers[4].descriptor)
    assert "app/data/words.txt" in app
    assert not [name for name in app if "weights" in name]
    assert len(list(layout.verify())) == 2 + 1 + 5


def test_the_manifest_stands_at_all_its_places(layout, build, project, kit):
    root = project()
    plain = (root / "manifest.yml").read_bytes()
    found = members(layout, build(root), kit)
    for place in ("app/manifest.yml", "app/spi/manifest.yml", "app/spi/manifest.yaml"):
        assert found[place].content == plain
    compiled = json.loads(found["app/spi/manifest.json"].content)
    assert compiled["x-compiled"]["default_command"]
    assert b"SPIRuntime" in found["app/spi/utils.py"].content
    assert "app/spi/nova_spi_runtime/__main__.py" in found


def test_another_work_dir_has_it_too(layout, build, project, kit):
    text = kit.MANIFEST.replace('  python_version: "3.11"\n', '  python_version: "3.11"\n  base_work_dir: /srv/model\n')
    image = build(project(manifest=text))
    found = members(layout, image, kit)
    for base in ("srv/model/spi", "app/spi"):
        assert {f"{base}/{name}" for name in ("manifest.yml", "manifest.yaml", "manifest.json")} <= set(found)
    config = layout.config(image.manifest)
    assert config.working_dir == "/srv/model"
    assert config.environment["SPI_MANIFEST"] == "/srv/model/spi/manifest.json"


def test_the_config_says_how_it_starts_and_as_whom(layout, build, project):
    config = layout.config(build(project()).manifest)
    assert config.entrypoint == ("python", "-m", "nova_spi_runtime")
    assert (config.user, config.working_dir, str(config.platform)) == ("1000:1000", "/app", "linux/amd64")
    assert config.environment["PATH"] == "/opt/model/bin:/usr/local/bin:/usr/bin:/bin"
    assert config.environment["PYTHONPATH"] == "/app:/app/spi"
    assert config.environment["GREETING"] == "hello"


def test_the_labels_hold_the_manifest_and_its_interface(layout, build, project):
    image = build(project())
    labels = layout.config(image.manifest).labels
    assert labels["from"] == "base"
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.authors"] == "Ada"
    assert labels["org.opencontainers.image.base.digest"] == str(image.base.manifest.descriptor.digest)
    assert json.loads(labels["dev.nova-spi.manifest"])["model"]["name"] == "built-model"
    command = json.loads(labels["dev.nova-spi.interface"])["commands"]
    assert next(iter(command.values()))["inputs"][0]["name"] == "prompt"


def test_whatever_text_a_manifest_holds_an_image_can_be_made(layout, build, project, kit):
    text = kit.MANIFEST.replace("description: A model", 'description: "Whole \\u00e9 \\U0001F600 model').replace(
        "into an image.", 'into an image."'
    )
    labels = layout.config(build(project(manifest=text)).manifest).labels
    assert json.loads(labels["dev.nova-spi.manifest"])["model"]["description"].startswith("Whole é 😀")
    assert "é" in labels["org.opencontainers.image.description"]


def test_modes_owners_and_times_are_ours(layout, build, project, kit):
    root = project(bin__go_dot_sh=b"#!/bin/sh\n", secret_dot_txt=b"x")
    (root / "bin" / "go.sh").chmod(0o700)
    (root / "secret.txt").chmod(0o600)
    found = members(layout, build(root), kit)
    assert (found["app/bin/go.sh"].mode, found["app/secret.txt"].mode, found["app/bin"].mode) == (0o755, 0o644, 0o755)
    assert {(each.mtime, each.uname, each.gname) for each in found.values()} == {(0, "", "")}
    writable = {name for name, each in found.items() if each.uid == 1000}
    assert {"app/outputs", "app/inputs", "app/inputs/config", "app/inputs/files"} == writable


def test_packages_are_a_virtual_environment_without_a_trace_of_this_machine(layout, build, project, kit, tmp_path):
    found = kit.read_layer(layout, build(project(requirements="plain")).layers[0].descriptor)
    assert found["opt/model/bin/python3.11"].linkname == "/usr/bin/python3.11"
    assert found["opt/model/bin/python"].linkname == "python3.11"
    assert b"home = /usr/bin\n" in found["opt/model/pyvenv.cfg"].content
    assert found["opt/model/bin/say-plain"].content.startswith(b"#!/opt/model/bin/python3.11\n")
    assert found["opt/model/bin/say-plain"].mode == 0o755
    assert "opt/model/share/plain/note.txt" in found
    assert not [name for name in found if name.endswith((".pyc", "direct_url.json", "REQUESTED"))]
    for each in found.values():
        assert str(tmp_path).encode() not in each.content
        assert sys.prefix.encode() not in each.content


def test_record_is_true_of_the_files_in_the_image(layout, build, project, kit):
    found = kit.read_layer(layout, build(project(requirements="plain")).layers[0].descriptor)
    rows = list(csv.reader(io.StringIO(found[f"{SITE}/plain-1.0.dist-info/RECORD"].content.decode())))
    assert len(rows) >= 6
    for name, digest, size in rows:
        content = found[os.path.normpath(f"{SITE}/{name}")].content
        if digest:
            assert digest == f"sha256={urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()}", name
            assert int(size) == len(content)


@pytest.mark.skipif(not Path("/usr/bin/python3.11").exists(), reason="Debian's python3.11 is not here")
def test_what_is_in_the_image_runs(layout, build, project, tmp_path):
    root = unpack(layout, build(project(requirements="plain")), tmp_path / "root")
    variables = layout.config(layout.manifest(layout.find())).environment
    inside = {
        name: value.replace("/app", f"{root}/app").replace("/opt", f"{root}/opt") for name, value in variables.items()
    }
    done = subprocess.run(
        ["python", "-m", "nova_spi_runtime"],
        cwd=root / "app",
        env=inside | {"INPUT_PROMPT": "good day"},
        capture_output=True,
        text=True,
        executable=root / "opt/model/bin/python",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((root / "app/outputs/output.json").read_text()) == {"said": "good day any"}


BUILD = """
import os, sys
os.umask(int(sys.argv[4], 8))
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.images.build import build_image
from nova_spi.project.folder import open_folder
from pathlib import Path
layout, platform = Layout.create(Path(sys.argv[2])), Platform("linux", "amd64")
image = build_image(open_folder(sys.argv[1]), layout, base=sys.argv[3], platform=platform)
print(image.digest)
"""


def test_the_same_input_gives_the_same_digest_on_any_machine(project, base, tmp_path):
    files = {f"data__{letter}_dot_txt": letter.encode() for letter in "qwertyuiop"} | {"weights__w_dot_pt": b"1"}
    first = project("here", "plain", **files)
    second = project("a/much/longer/place", "plain", **dict(reversed(files.items())))
    for number, path in enumerate(sorted(second.rglob("*"))):
        os.utime(path, (10**9 + number, 10**9 + number))
        path.chmod(0o700 if path.is_dir() else 0o600)
    worlds = [
        (first, "022", {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
        (second, "077", {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "PYTHONHASHSEED": "2"}),
    ]
    digests = []
    for root, mask, variables in worlds:
        argv = [sys.executable, "-c", BUILD, str(root), str(tmp_path / f"store-{mask}"), str(base), mask]
        done = subprocess.run(argv, env=os.environ | variables, capture_output=True, text=True, timeout=120, cwd=root)
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.strip())
    assert digests[0] == digests[1]


def test_an_edit_of_the_app_changes_the_apps_layer_alone(build, project):
    root = project(weights__w_dot_pt=b"1")
    before = build(root)
    assert (before.reused, build(root).digest) == (0, before.digest)
    (root / "model.py").write_text("def predict(prompt):\n    return prompt\n")
    after = build(root)
    assert after.reused == 3
    assert [a == b for a, b in zip(before.layers, after.layers, strict=True)] == [True, True, True, False]
    assert build(root, cached=False).digest == after.digest


def test_a_layer_that_is_gone_is_made_again(layout, build, project):
    root = project()
    before = build(root)
    layout.blobs.path(before.layers[0].descriptor.digest).unlink()
    for note in (layout.root / "layers").iterdir():
        note.write_bytes(note.read_bytes()[:-3] if note.stat().st_size % 2 else b"")
    assert build(root).digest == before.digest
    assert len(list(layout.verify())) == 6


def test_source_date_epoch_is_the_time_of_everything(layout, build, project, kit, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    image = build(project())
    assert {each.mtime for each in members(layout, image, kit).values()} == {1_700_000_000}
    assert layout.config(image.manifest).labels["org.opencontainers.image.created"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("said", ["yesterday", "-1", "1.5", "9" * 40, "٣"])
def test_a_source_date_epoch_that_is_no_time_is_refused(build, project, monkeypatch, said):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", said)
    with pytest.raises(SettingsInvalid):
        build(project())


def test_wheels_are_chosen_for_the_target_and_not_for_this_machine(layout, build, project, kit, tmp_path):
    requirements = "native|onlyarm; platform_machine == 'aarch64'|onlynew; python_version >= '3.13'"
    for platform, machine, arm in ((kit.AMD64, b"x86_64", False), (kit.ARM64, b"aarch64", True)):
        base = kit.make_base(tmp_path / machine.decode(), kit.python_tree(), platform=platform)
        image = build(project(f"on-{machine.decode()}", requirements), base=str(base), platform=platform)
        found = kit.read_layer(layout, image.layers[0].descriptor)
        assert machine in found[f"{SITE}/native/__init__.py"].content
        assert (f"{SITE}/onlyarm/__init__.py" in found) is arm
        assert f"{SITE}/onlynew/__init__.py" not in found


def test_markers_are_those_of_the_bases_python(layout, build, project, kit, tmp_path):
    base = kit.make_base(tmp_path / "new", kit.python_tree("3.13"))
    text = kit.MANIFEST.replace('"3.11"', '"3.13"')
    image = build(project(requirements="onlynew; python_version >= '3.13'", manifest=text), base=str(base))
    assert f"{SITE.replace('3.11', '3.13')}/onlynew/__init__.py" in kit.read_layer(layout, image.layers[0].descriptor)


@pytest.mark.parametrize("missing", ["nothing-at-all", "modern", "native==2.0"])
def test_a_wheel_that_is_not_there_for_the_platform_is_named(build, project, missing):
    with pytest.raises(BuildFailed, match="no wheel") as caught:
        build(project(requirements=missing))
    assert caught.value.error_code == "build.no_wheel"
    assert missing in caught.value.message
    assert "3.11 on linux/amd64" in caught.value.message


def test_a_base_with_another_python_is_refused_by_both_names(build, project, kit, tmp_path):
    base = kit.make_base(tmp_path / "other", kit.python_tree("3.12"))
    with pytest.raises(BuildFailed, match=r"Python 3\.12; execution\.python_version is 3\.11") as caught:
        build(project(), base=str(base))
    assert caught.value.error_code == "build.base_python"


def test_what_needs_a_step_inside_is_said_so(build, project, kit):
    text = kit.MANIFEST.replace("execution:\n", "execution:\n  system_packages: [ffmpeg]\n")
    with pytest.raises(BuildFailed, match="system_packages") as caught:
        build(project(manifest=text))
    assert caught.value.error_code == "build.needs_step"


def test_nothing_to_run_is_said_so(build, project, kit):
    text = kit.MANIFEST.replace('  entry_point: {callable: "model:predict"}\n', "")
    with pytest.raises(ExecutionError, match="nothing to run"):
        build(project("bare", manifest=text))


def test_a_file_that_would_hide_another_is_refused(build, project):
    with pytest.raises(BuildFailed, match="a file is gone"):
        build(project(_dot_wh_dot_model_dot_py=b""))


def test_no_file_of_the_machine_comes_in_by_a_link(layout, build, project, kit):
    root = project()
    (root / "stolen.txt").symlink_to("/etc/hostname")
    (root / "all").symlink_to("/etc")
    assert not [name for name in members(layout, build(root), kit) if "stolen" in name or name.startswith("app/all")]


@pytest.mark.parametrize("name", ["/nowhere/base.tar", "UPPER", "a b"])
def test_a_base_that_is_no_place_and_no_name_is_one_clear_error(build, project, name):
    with pytest.raises((ArtifactInvalid, UsageError)):
        build(project(), base=name)


def test_the_archive_of_an_image_can_be_a_base(layout, build, project, tmp_path):
    image = build(project())
    path = tmp_path / "image.tar"
    with path.open("wb") as stream:
        write_archive(layout, image.manifest, stream, name=image.name)
    again = build(project("second"), base=str(path), layout=Layout.create(tmp_path / "other"))
    assert again.base.manifest.raw == image.manifest.raw


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt-get install skopeo)")
def test_another_tool_reads_the_image(layout, build, project, tmp_path):
    image = build(project())
    path = tmp_path / "image.tar"
    with path.open("wb") as stream:
        write_archive(layout, image.manifest, stream, name=image.name)
    for kind in ("oci-archive", "docker-archive"):
        copied = tmp_path / kind
        argv = ["skopeo", "copy", "--insecure-policy", f"{kind}:{path}", f"oci:{copied}:it"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found = Layout.open(copied)
        assert found.config(found.manifest(found.find("it"))).labels["org.opencontainers.image.title"] == "built-model"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a file system of its own to fill")
def test_a_full_disk_is_one_clear_error(build, project, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(small)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with pytest.raises(NovaSpiError) as caught:
            build(project(weights__w_dot_pt=os.urandom(1 << 20)), layout=Layout.create(small / "store"))
        assert caught.value.error_code == "artifact.disk_full"
    finally:
        subprocess.run(["umount", str(small)], check=True)
