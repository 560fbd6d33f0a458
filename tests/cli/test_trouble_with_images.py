"""What goes wrong with images, engines and the store, as the person before the terminal meets it.

Each ends with its exit status and one error that says what, why and what mends it; nothing is lost and nothing is left.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.images.debian_apt import can_be_asked

AMD64 = ("--platform", "linux/amd64")
NAME = "docker.io/library/shouter:1.0.0"


@pytest.fixture
def build(project, base, call_json):
    return lambda *words: call_json("build", "--base-image", base, *AMD64, *words)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "data" / "store"


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """Programs that the test starts have the environment of its calls, and the warnings of everybody."""
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    return lambda *words: [sys.executable, "-m", "nova_spi", *map(str, words)]


def whole(store: Path) -> None:
    """Nothing is half written: every blob is what its digest says, every name leads to one, nothing is still coming."""
    for _ in Layout.open(store).verify():
        pass
    assert not list((store / "ingest").glob("*"))


def clear(found: dict, code: str) -> dict:
    error = found["error"]
    assert found["ok"] is False
    assert error["code"] == code, error
    assert error["mend"], error
    assert "Traceback" not in json.dumps(error)
    return error


@contextlib.contextmanager
def _socket(kind):
    """A place where no engine answers: nothing stands there, nobody listens, or whoever listens says nothing."""
    with tempfile.TemporaryDirectory(prefix="spi-") as folder, socket.socket(socket.AF_UNIX) as server:
        place = Path(folder) / "s"
        if kind != "absent":
            server.bind(str(place))
        if kind == "mute":
            server.listen(64)
        yield place


@pytest.mark.parametrize(
    ("kind", "why"), [("absent", "not there"), ("dead", "nobody listens"), ("mute", "does not answer within 5 s")]
)
def test_where_no_engine_answers_each_command_says_which_place_and_why(project, call_json, monkeypatch, kind, why):
    with _socket(kind) as place:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
        for words in (
            ("run", "--engine", "docker", "--input", "text=a"),
            ("container", "list"),
            ("container", "start"),
        ):
            began = time.monotonic()
            status, found = call_json(*words)
            assert status == 3, words
            error = found["error"]
            assert error["code"] == "engine.unavailable"
            assert f"{place}: " in error["why"]
            assert why in error["why"]
            assert error["mend"]
            assert time.monotonic() - began < 60, "the deadline of the connection is 5 s"
        status, found = call_json("run", "--input", "text=a", "--output", "out")
        assert (status, found["outputs"]["shout"]) == (0, "A!"), "without --engine it runs where it can"
    for record in (project / ".nova-spi" / "runs").glob("*/run.json"):
        assert json.loads(record.read_text())["status"] in ("error", "succeeded")


def test_an_image_without_a_manifest_is_one_clear_error_for_each_command(project, base, call_json, store):
    layout = Layout.create(store)
    bare = Layout.open(base)
    manifest = bare.manifest(bare.find("base"))
    for each in (manifest.config, *manifest.layers):
        layout.blobs.write(bare.blobs.read(each), each.media_type)
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, "docker.io/library/bare:1")
    for words in (("inspect-image", base), ("inspect-image", "bare:1"), ("run", "bare:1"), ("test", "bare:1")):
        status, found = call_json(*words)
        assert status == 1, words
        clear(found, "artifact.no_manifest")
    whole(store)


def test_a_wheel_that_does_not_exist_for_the_platform_is_named_and_nothing_is_kept(project, build, store):
    _wheel(project / "wheels", "native", "cp311-cp311-manylinux_2_28_aarch64")
    (project / "requirements.txt").write_text("--no-index\n--find-links wheels\nnative==1.0\n")
    manifest = project / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("  timeout_", "  requirements: requirements.txt\n  timeout_"))
    status, found = build()
    error = clear(found, "build.no_wheel")
    assert status == 1
    assert "native" in error["message"]
    assert "linux/amd64" in error["message"]
    assert not Layout.open(store).names().get(NAME)
    whole(store)


def _wheel(folder, name, tag):
    folder.mkdir()
    files = {
        f"{name}/__init__.py": b"",
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{name}-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}"
        for path, data in files.items()
    ]
    files[f"{name}-1.0.dist-info/RECORD"] = "\n".join([*rows, f"{name}-1.0.dist-info/RECORD,,", ""]).encode()
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)


@pytest.mark.parametrize("tag", ["NO TAG", "a:b:c", "", "-x", "a@sha256:12", "../a", "a:" + "b" * 200, "ä"])
def test_a_tag_that_is_none_is_wrong_use_before_anything_is_made(build, store, tag):
    status, found = build("--tag", tag)
    assert status == 2
    clear(found, "usage.reference")
    assert not store.exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB; called with it, all but so many bytes of it are taken."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")

    def leave(free: int | None) -> None:
        filler = place / "filler"
        filler.unlink(missing_ok=True)
        if free is not None:
            found = os.statvfs(place)
            with filler.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, max(1, found.f_bavail * found.f_frsize - free))

    yield place, leave
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_full_at_whatever_point_loses_nothing(build, small_disk, monkeypatch, project, tmp_path):
    place, leave = small_disk
    (project / "weights.bin").write_bytes(os.urandom(400_000))
    expected = build()[1]["digest"]
    taken = sum(each.stat().st_blocks * 512 for each in (tmp_path / "data" / "store").rglob("*") if each.is_file())
    (project / "nova-spi.lock").unlink()
    monkeypatch.setenv("NOVA_SPI_STORE", str(place / "store"))
    ends = []
    for free in [*range(0, taken, max(taken // 4, 4096)), *range(max(0, taken - 12_288), taken + 8192, 4096)]:
        shutil.rmtree(place / "store", ignore_errors=True)
        leave(free)
        status, found = build()
        ends.append(status)
        if status:
            clear(found, "artifact.disk_full")
        leave(None)
        if (place / "store" / "index.json").exists():
            whole(place / "store")
        status, found = build()
        assert (status, found.get("digest")) == (0, expected), f"after {free} bytes were free"
        whole(place / "store")
    assert ends[0] == 1
    assert 0 in ends


@pytest.mark.skipif(bool(can_be_asked(Platform.here())), reason="no base can be assembled here")
def test_a_full_cache_is_one_clear_error_that_names_the_variable(call_json, small_disk, monkeypatch, project, store):
    place, leave = small_disk
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(place / "cache"))
    leave(0)
    status, found = call_json("build", "--base-image", "debian")
    assert status == 1
    assert "NOVA_SPI_CACHE_DIR" in clear(found, "artifact.disk_full")["mend"]
    assert not Layout.open(store).entries()
    whole(store)
    assert {path.name for path in project.iterdir()} == {"manifest.yml", "model.py"}


def test_a_damaged_index_is_said_so_and_removing_it_mends_it(build, call_json, store):
    before = build()[1]
    index = store / "index.json"
    good = index.read_bytes()
    codes = set()
    for position in (*range(0, len(good), max(len(good) // 6, 1)), len(good) - 1):
        index.write_bytes(good[:position] + bytes([good[position] ^ 0x04]) + good[position + 1 :])
        for words in (("inspect-image", NAME), ("test", NAME)):
            status, found = call_json(*words)
            assert status in (0, 1), "some bits say nothing: that of a key that nobody reads"
            codes.update([found["error"]["code"]] if "error" in found else [])
        status, found = build()
        if status == 0:
            continue
        codes.add(found["error"]["code"])
        assert str(index) in found["error"]["message"]
        assert f"Copy {index} again" in found["error"]["mend"]
        index.unlink()
        status, found = build()
        assert (status, found["digest"]) == (0, before["digest"])
        whole(store)
    assert "nova_spi.internal" not in codes
    assert "artifact.damaged" in codes


def test_a_damaged_blob_is_found_before_it_is_used_and_its_mend_mends_it(build, call_json, store):
    before = build()[1]
    layout = Layout.open(store)
    manifest = layout.manifest(layout.find(NAME))
    for each in (manifest.descriptor, manifest.config, *manifest.layers):
        blob = layout.blobs.path(each.digest)
        _flip(blob)
        status, found = call_json("test", NAME, "--input", "text=a")
        assert status == 1
        assert f"Remove {blob}" in clear(found, "artifact.damaged")["mend"]
        blob.unlink()
        status, found = build()
        assert (status, found.get("digest")) == (0, before["digest"]), found
        whole(store)


def test_building_without_what_is_there_replaces_what_is_damaged(build, store):
    before = build()[1]
    layout = Layout.open(store)
    manifest = layout.manifest(layout.find(NAME))
    for each in (manifest.descriptor, manifest.config, *manifest.layers[1:]):
        _flip(layout.blobs.path(each.digest))
    assert build("--no-cache")[1]["digest"] == before["digest"]
    whole(store)


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def test_a_damaged_lock_is_wrong_on_its_line_and_stays_as_it_is(build, project):
    assert build()[0] == 0
    lock = project / "nova-spi.lock"
    data = bytearray(lock.read_bytes())
    data[data.index(b"sha256:") + 10] = ord("Z")
    lock.write_bytes(data)
    status, found = build()
    assert status in (1, 2)
    assert "nova-spi.lock" in found["error"]["message"]
    assert found["error"]["mend"]
    assert lock.read_bytes() == bytes(data)


def test_builds_of_one_project_at_once_are_one_image(project, base, settled, store):
    (project / "weights.bin").write_bytes(os.urandom(3_000_000))
    words = settled("build", "--base-image", base, *AMD64, "--output-format", "json")
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    digests = set()
    for each in running:
        out, err = each.communicate(timeout=120)
        assert each.returncode == 0, err.decode()
        digests.add(json.loads(out)["digest"])
    assert len(digests) == 1
    whole(store)
    assert {path.name for path in project.iterdir()} == {"manifest.yml", "model.py", "weights.bin", "nova-spi.lock"}


def test_a_build_that_is_killed_leaves_a_store_that_the_next_one_takes_up(project, base, settled, store, build):
    (project / "weights.bin").write_bytes(os.urandom(30_000_000))
    words = settled("build", "--base-image", base, *AMD64)
    killed = 0
    for seconds in (0.3, 0.6, 0.9, 1.2):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(seconds)
            killed += running.poll() is None
            running.kill()
        if (store / "index.json").exists():
            list(Layout.open(store).verify())
    assert killed
    status, found = build()
    assert (status, found["ok"]) == (0, True)
    whole(store)


@pytest.mark.parametrize("engine", ["process", "docker"])
def test_an_image_for_another_machine_is_refused_by_each_engine(
    project, base_for, call_json, tmp_path, request, engine
):
    if engine == "docker":
        pytest.importorskip("docker", reason="the extra 'docker' is not installed")
        request.getfixturevalue("monkeypatch").setenv("DOCKER_HOST", request.getfixturevalue("docker_host"))
    elif missing := why_not("sandbox", tmp_path):
        pytest.skip(missing)
    other = "arm64" if Platform.here().architecture == "amd64" else "amd64"
    assert call_json("build", "--base-image", base_for(other), "--platform", f"linux/{other}")[0] == 0
    status, found = call_json("run", NAME, "--engine", engine, "--input", "text=a")
    assert status == 3
    error = clear(found, "engine.unavailable")
    assert f"is for linux/{other}" in error["message"]
    assert f"--platform {Platform.here()}" in error["mend"]


SLEEPER = """
import time


def shout(text, times=1, options=None, notes=()):
    print("it runs", flush=True)
    time.sleep(120)


whisper = shout
"""


@pytest.fixture(params=["docker", "podman"])
def hurt(request, tmp_path_factory):
    """A daemon that the test may kill."""
    from bench.daemons import docker_daemon, podman_service

    if missing := can_be_asked(Platform.here()):
        pytest.skip(f"no base can be assembled: {missing}")
    request.getfixturevalue(f"{request.param}_host")  # skips where there is none
    start = docker_daemon if request.param == "docker" else podman_service
    with start(tmp_path_factory.mktemp("hurt")) as address:
        yield address


def test_a_daemon_that_is_killed_ends_the_run_with_its_error_and_nothing_runs_on(project, hurt, settled, call_json):
    from bench.daemons import process_of

    (project / "model.py").write_text(SLEEPER)
    assert call_json("build", "--base-image", "debian")[0] == 0
    words = settled("run", NAME, "--engine", "docker", "--input", "text=a", "-v", "--output-format", "json")
    environment = os.environ | {"DOCKER_HOST": hurt}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as running:
        heard = b""
        while b"it runs" not in heard:
            line = running.stderr.readline()
            assert line, heard.decode()
            heard += line
        os.kill(process_of(hurt), signal.SIGKILL)
        began = time.monotonic()
        out, err = running.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert running.returncode == 3, err.decode()
    found = json.loads(out)
    assert found["error"]["code"] == "engine.lost"
    record = json.loads((Path(found["folder"]) / "run.json").read_text())
    assert (record["status"], record["error"]["code"]) == ("failed", "engine.lost")
    left = {path.name for path in Path(found["folder"]).iterdir()}
    assert left == {"inputs.json", "lock", "log.txt", "run.json"}
    assert not _processes(b"SPI_WORK_DIR", found["id"].encode())


def _processes(*marks):
    """Processes whose environment has all these."""
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            data = each.read_bytes()
            found += [each.parent.name] if all(mark in data for mark in marks) else []
    return found
