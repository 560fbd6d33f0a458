import gc
import gzip
import hashlib
import io
import json
import random
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_GZIP
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.port import Image

pytest.importorskip("docker", reason="the extra 'docker' is not installed")


@dataclass
class Heard:
    """A listener that keeps what it was told."""

    stages: list[tuple[str, str]] = field(default_factory=list)
    amounts: list[tuple[int, int | None]] = field(default_factory=list)
    text: bytes = b""

    def stage(self, name, detail=""):
        self.stages.append((name, detail))

    def advance(self, done, total, unit):
        assert unit == "bytes"
        self.amounts.append((done, total))

    def warn(self, message):
        raise AssertionError(message)

    def log(self, chunk):
        self.text += chunk


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=["docker", "podman"])
def host(request) -> str:
    """The address of each engine in turn."""
    return request.getfixturevalue(f"{request.param}_host")


@pytest.fixture
def connection(host):
    """A connection to each engine in turn."""
    from nova_spi.engines.docker.connecting import connect

    with connect(host) as found:
        yield found


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout.create(tmp_path / "layout")


def tar_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A layer; what is below bin/, sbin/ and lib*/ may be executed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o755 if "bin/" in name or "lib" in name else 0o644
            tar.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()


def make_image(layout: Layout, *layers: bytes, name: str, config: dict | None = None, diff_ids=None) -> Image:
    """An image in a layout under a name."""
    document = {
        "architecture": Platform.here().architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"], **(config or {})},
        # Podman builds on no image without a history, and its cache knows none without times.
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "a test"} for _ in layers],
        "rootfs": {
            "type": "layers",
            "diff_ids": diff_ids or [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers],
        },
    }
    blobs = [layout.blobs.write(gzip.compress(each, 1, mtime=0), LAYER_GZIP) for each in layers]
    manifest = write_manifest(layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG), blobs)
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, name)
    return Image(name, layout.root, str(manifest.descriptor.digest), str(manifest.config.digest))


_numbers = random.Random()


def noise(size: int) -> bytes:
    """Bytes that no other layer has."""
    return _numbers.randbytes(size)


def fresh_name() -> str:
    """A name that no other image has."""
    return f"docker.io/library/test-{_numbers.randbytes(6).hex()}:1.0"


def _closure(programs: list[str]) -> dict[str, bytes]:
    """Programs of this machine with their libraries, at their places."""
    found = {}
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        places = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
        for place in (program, *places):
            found[place.lstrip("/")] = Path(place).read_bytes()
    return found


@pytest.fixture(scope="session")
def shell_files() -> dict[str, bytes]:
    """What a base needs in which Dockerfiles can run steps: a shell, and rm."""
    if shutil.which("ldd") is None:
        pytest.skip("there is no ldd to find the libraries of a shell with")
    return _closure(["/bin/sh", "/bin/rm"])


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What the tests make images with."""
    return SimpleNamespace(make_image=make_image, tar_of=tar_of, noise=noise, fresh_name=fresh_name)


@pytest.fixture
def sockets_collected():
    """Where an engine is gone, the docker SDK forgets to close the sockets with which it found that out.

    Such a test ignores ResourceWarning, and collects them while that counts.
    """
    yield
    gc.collect()


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="n-") as place:
        Path(place).chmod(0o755)
        yield Path(place)
