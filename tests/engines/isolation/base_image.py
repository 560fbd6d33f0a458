"""A small image made of this machine's own Python and C library, for the tests of images."""

import json
import sys
from pathlib import PurePosixPath

from bench.small_image import python_entries
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.port import Image
from nova_spi.images.layers import Entry

USER = 1234
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
VARIABLES = {
    "PATH": "/opt/model/bin:/usr/local/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "VIRTUAL_ENV": "/opt/model",
}
TOOL = b"#!/opt/model/bin/python\nimport sys\nprint('tool', sys.argv[1:])\n"


def base_entries():
    """This machine's Python below /usr/local, with the names that an image's base gives it."""
    yield from folders("etc", "home/model")
    yield from python_entries("usr/local", f"python{MINOR}")
    yield Entry("usr/local/bin/python3", PurePosixPath(f"python{MINOR}"))


def model_entries():
    """The environment of a model, a script, a user and the links that images have."""
    yield from folders("opt/model/bin", "app/inputs", "var", "bin", f"opt/model/lib/python{MINOR}/site-packages")
    yield Entry("opt/model/pyvenv.cfg", b"home = /usr/local/bin\n")
    yield Entry("opt/model/bin/python", PurePosixPath(f"/usr/local/bin/python{MINOR}"))
    yield Entry("app/tool", TOOL, executable=True)
    yield Entry("app/plain.txt", b"of the image")
    yield Entry("app/inputs/given.txt", b"of the image")
    yield Entry("bin/linked-tool", PurePosixPath("../app/tool"))
    yield Entry("var/run", PurePosixPath("/run"))
    yield Entry("etc/passwd", f"root:x:0:0::/:/bin/sh\nmodel:x:{USER}:{USER}::/home/model:/bin/sh\n".encode())


def folders(*paths):
    seen = {str(each) for path in paths for each in (PurePosixPath(path), *PurePosixPath(path).parents)} - {"."}
    return (Entry(path) for path in sorted(seen))


def make(layout: Layout, *layers, user: str = str(USER), variables=None, platform=None) -> Image:
    """An image of these layers."""
    platform = platform or Platform.here()
    config = {
        **platform.to_dict(),
        "config": {
            "User": user,
            "Env": [f"{n}={v}" for n, v in (VARIABLES if variables is None else variables).items()],
        },
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
    }
    blob = layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG)
    manifest = write_manifest(blob, [layer.descriptor for layer in layers])
    layout.blobs.write(manifest.raw, manifest.media_type)
    return Image("test/base:1", layout.root, str(manifest.descriptor.digest), str(blob.digest))
