"""A small image with this machine's own Python, for tests and benches of containers: no network, no base, 2 seconds."""

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from nova_spi.artifacts.documents import dump_object
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.port import Image
from nova_spi.images.layers import Entry, write_layer

NAME = "docker.io/library/nova-spi-small:1"
PREFIX = "opt/model"
_LEFT_OUT = {
    *("test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3", "site-packages", "turtledemo", "pydoc_data"),
    "__pycache__",
}
_UNCHECKED = (1).to_bytes(4, "little") + bytes(8)
"""Begins compiled code that counts whatever the source's time is (PEP 552): all files of a layer are of 1970."""


def python_image(layout: Layout) -> Image:
    """Writes the image into a layout.

    Its program is ``/opt/model/bin/python``, its user 1000, its folder ``/app``.
    """
    layer = write_layer(layout, list(_entries()), "python", packed=False)
    platform = Platform.here()
    document = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {
            "User": "1000:1000",
            "WorkingDir": "/app",
            "Env": [f"PATH=/{PREFIX}/bin:/usr/bin:/bin", "LANG=C.UTF-8"],
            "Entrypoint": [f"/{PREFIX}/bin/python"],
        },
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id)]},
    }
    config = layout.blobs.write(dump_object(document), IMAGE_CONFIG)
    manifest = write_manifest(config, [layer.descriptor])
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, NAME)
    return Image(NAME, layout.root, str(manifest.descriptor.digest), str(config.digest))


def _entries() -> Iterator[Entry]:
    yield from python_entries(PREFIX, "python")
    yield Entry("etc/passwd", b"root:x:0:0::/:/none\nmodel:x:1000:1000::/app:/none\n")
    yield Entry("app", owner=1000)
    yield Entry("tmp", mode=0o1777)
    for folder in ("run", "data"):
        yield Entry(folder)


def python_entries(prefix: str, name: str) -> Iterator[Entry]:
    """This machine's Python with its standard library, and what both are linked with.

    Args:
        prefix: Where it stands, ``usr/local``.
        name: Of the program below ``bin``.
    """
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    yield Entry(f"{prefix}/bin/{name}", program, executable=True)
    extensions = []
    for path in sorted(library.rglob("*")):
        inside = path.relative_to(library)
        if _LEFT_OUT.isdisjoint(inside.parts) and not inside.parts[0].startswith("config-") and path.is_file():
            extensions += [path] if path.suffix == ".so" else []
            yield Entry(f"{prefix}/lib/{library.name}/{inside.as_posix()}", path, executable=path.suffix == ".so")
            yield from _compiled(path, f"{prefix}/lib/{library.name}/{inside.parent.as_posix()}".removesuffix("/."))
    yield from _libraries([program, *extensions])


def _compiled(source: Path, folder: str) -> Iterator[Entry]:
    kept = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    if source.suffix == ".py" and kept.is_file():
        data = kept.read_bytes()
        yield Entry(f"{folder}/__pycache__/{kept.name}", data[:4] + _UNCHECKED + data[16:])


def _libraries(programs: list[Path]) -> Iterator[Entry]:
    """What the dynamic linker finds for them, where it looks first."""
    listed = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True).stdout
    for place in sorted(set(re.findall(r"(?:=> )?(/\S+) \(0x", listed))):
        found = Path(place)
        folder = f"lib/{sysconfig.get_config_var('MULTIARCH')}"
        path = place.lstrip("/") if "/ld-linux" in place else f"{folder}/{found.name}"
        yield Entry(path, found.resolve(), executable=True)
