"""A small image made of this machine's own Python and C library, for the tests of images."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path, PurePosixPath

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.platforms import Platform
from nova_spi.engines.port import Image
from nova_spi.images.layers import Entry

USER = 1234
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
LIBRARIES = "usr/lib/base"
LEFT_OUT = ("test", "idlelib", "ensurepip", "site-packages", "dist-packages", "__pycache__", "turtledemo", "tkinter")
VARIABLES = {
    "PATH": "/opt/model/bin:/usr/local/bin:/bin",
    "LD_LIBRARY_PATH": f"/{LIBRARIES}",
    "PYTHONDONTWRITEBYTECODE": "1",
    "VIRTUAL_ENV": "/opt/model",
}
TOOL = b"#!/opt/model/bin/python\nimport sys\nprint('tool', sys.argv[1:])\n"


def python_entries():
    """This machine's Python below /usr/local, and what it is linked with."""
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    yield from folders("usr/local/bin", f"usr/local/lib/python{MINOR}", LIBRARIES, "usr/lib64", "etc", "home/model")
    yield Entry(f"usr/local/bin/python{MINOR}", program, executable=True)
    yield Entry("usr/local/bin/python3", PurePosixPath(f"python{MINOR}"))
    yield Entry("lib64", PurePosixPath("usr/lib64"))
    extensions = []
    for folder, below, files in os.walk(library):
        inside = PurePosixPath(Path(folder).relative_to(library))
        below[:] = [name for name in below if name not in LEFT_OUT and not name.startswith("config-")]
        yield from (Entry(f"usr/local/lib/python{MINOR}/{inside / name}") for name in below)
        for name in files:
            yield Entry(f"usr/local/lib/python{MINOR}/{inside / name}", Path(folder, name))
            extensions += [Path(folder, name)] if name.endswith(".so") else []
    yield from linked(program, *extensions)


def linked(*programs):
    """The libraries that these are linked with; the loader where they expect it."""
    found = {}
    for line in subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True).stdout.splitlines():
        words = line.split()
        if "=>" in words and len(words) > 2 and words[2].startswith("/"):
            found[words[0].rpartition("/")[2]] = words[2]
        elif words and words[0].startswith("/") and "ld-linux" in words[0] and not line.endswith(":"):
            found[""] = words[0]
    for name, place in sorted(found.items()):
        if name:
            yield Entry(f"{LIBRARIES}/{name}", Path(place).resolve(), executable=True)
    loader = found[""].removeprefix("/").replace("lib64/", "usr/lib64/", 1)
    yield Entry(loader, Path(found[""]).resolve(), executable=True)


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
