"""From an edit of the app to an image that can be run: ours beside `docker build`, into the same daemon."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.daemons import DaemonMissing, docker_daemon
from bench.executing import MANIFEST
from bench.measuring import Figure, pairs, ratio

DOCKERFILE = """FROM bench/base:1
COPY packages /opt/model
COPY weights.bin /app/weights.bin
COPY manifest.yml run.py /app/
WORKDIR /app
USER 1000:1000
ENTRYPOINT ["/usr/bin/python3", "run.py"]
"""
WEIGHTS, PACKAGES = 32 << 20, 1500
"""Bytes of weights, and files of packages of 4 KiB each: both engines find them unchanged at every edit."""

ROUNDS = 15
PEERS = (("docker build", "0", 0.25), ("docker build with BuildKit, for orientation", "1", 1.5))
"""What is typed, DOCKER_BUILDKIT, and our bound. Two thirds of our time are the daemon's own, taking in a layer."""


def figures() -> Iterator[Figure]:
    """An edit to a loaded image beside both of `docker build`'s builders; nothing where there is no daemon or base."""
    from nova_spi.artifacts.platforms import Platform
    from nova_spi.images.debian_apt import can_be_asked

    docker = shutil.which("docker", path="/usr/bin") or shutil.which("docker")
    if docker is None or can_be_asked(Platform.here()):
        return
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        project = _project(root / "project")
        try:
            with docker_daemon(root / "daemon") as host:
                ours = _ours(project, root, host)
                for name, kit, bound in PEERS:
                    theirs = _theirs(project, docker, host, kit)
                    if theirs is None:
                        continue
                    mine, peer = pairs(ours, theirs, ROUNDS)
                    notes = f"edit of run.py to an image in the daemon, {WEIGHTS >> 20} MB of weights unchanged; peer: "
                    yield ratio("edit to image", mine, peer, bound, notes + name)
        except DaemonMissing:
            return


def _project(root: Path) -> Path:
    root.mkdir()
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "weights.bin").write_bytes(os.urandom(WEIGHTS))
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / ".spiignore").write_text("Dockerfile\npackages/\n")
    (root / "packages").mkdir()
    for number in range(PACKAGES):
        (root / "packages" / f"module_{number}.py").write_bytes(os.urandom(2048).hex().encode())
    (root / "run.py").write_text("pass\n")
    return root


def _edit(project: Path, numbers: "itertools.count[int]") -> None:
    (project / "run.py").write_text(f"print({next(numbers)})\n")


def _ours(project: Path, root: Path, host: str) -> Callable[[], object]:
    """Edit, build, load; the first one pins the base, which is then loaded for the peer too."""
    from nova_spi.artifacts.layout import Layout
    from nova_spi.engines.docker.connecting import connect
    from nova_spi.engines.docker.loading import ensure_loaded
    from nova_spi.engines.port import Image
    from nova_spi.images.build import build_image
    from nova_spi.progress import Silent
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    settings = Settings.load(project, cache_dir=str(root / "cache"), data_dir=str(root / "data"), base_image="debian")
    layout, connection, numbers = Layout.create(settings.store), connect(host), itertools.count()

    def work() -> None:
        _edit(project, numbers)
        image = build_image(open_folder(project), layout, settings=settings)
        as_engine = Image(str(image.name), layout.root, str(image.digest), str(image.manifest.config.digest))
        ensure_loaded(connection, as_engine, Silent())

    work()
    _load_base(layout, connection, root)
    return work


def _load_base(layout: object, connection: object, root: Path) -> None:
    """Gives the daemon the base under a name, for the peer's Dockerfile."""
    import json

    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.manifests import write_manifest
    from nova_spi.artifacts.media_types import IMAGE_CONFIG
    from nova_spi.engines.docker.connecting import Connection
    from nova_spi.engines.docker.loading import ensure_loaded
    from nova_spi.engines.port import Image
    from nova_spi.progress import Silent

    assert isinstance(layout, Layout)
    assert isinstance(connection, Connection)
    built = layout.manifest(layout.names()["docker.io/library/echo:1.0.0"])
    config = json.loads(layout.blobs.read(built.config, 1 << 24))
    config["rootfs"]["diff_ids"] = config["rootfs"]["diff_ids"][:1]
    config["history"] = config["history"][:1]
    described = layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG)
    manifest = write_manifest(described, built.layers[:1])
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, "docker.io/bench/base:1")
    image = Image("bench/base:1", layout.root, str(manifest.descriptor.digest), str(described.digest))
    ensure_loaded(connection, image, Silent())


def _theirs(project: Path, docker: str, host: str, kit: str) -> Callable[[], object] | None:
    """Edit and `docker build`; None where this Docker has no such builder."""
    numbers = itertools.count()
    variables = {"PATH": os.defpath, "HOME": str(project.parent), "DOCKER_HOST": host, "DOCKER_BUILDKIT": kit}
    words = [docker, "build", "--quiet", "--tag", "bench/edited:1", str(project)]

    def work() -> None:
        _edit(project, numbers)
        subprocess.run(words, check=True, capture_output=True, env=variables)

    try:
        work()
    except subprocess.CalledProcessError as error:
        print(f"  {words[1]} with DOCKER_BUILDKIT={kit}: {error.stderr.decode(errors='replace')[-200:].strip()}")
        return None
    return work
