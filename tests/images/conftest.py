import hashlib
import io
import json
import tarfile
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.unpacking import opened
from nova_spi.images.build import build_image
from nova_spi.images.debian_records import Package
from nova_spi.images.layers import Entry, write_layer
from nova_spi.project.folder import open_folder

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
LIBC = b"\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\nCopyright\0"
MANIFEST = """\
spi_version: "1"
model:
  name: built-model
  version: 1.2.3
  description: A model that a test puts into an image.
  domain: text
  license: MIT
  authors: [{name: Ada}]
execution:
  python_version: "3.11"
  requirements: requirements.txt
  environment: {GREETING: hello}
  entry_point: {callable: "model:predict"}
inputs:
  - {name: prompt, type: string, required: true, description: What to say}
outputs:
  - {name: said, type: string, required: true, description: The same again}
"""


def python_tree(version: str = "3.11", libc: bytes = LIBC) -> list[Entry]:
    """What a base with Python looks like; the program is a link's target on Debian, and no program here."""
    return [
        Entry("usr/lib/x86_64-linux-gnu/libc.so.6", libc),
        Entry(f"usr/bin/python{version}", b"\x7fELF", executable=True),
        Entry("usr/bin/python3", PurePosixPath(f"python{version}")),
        Entry("bin", PurePosixPath("usr/bin")),
    ]


def make_base(root: Path, *trees: list[Entry], platform: Platform = AMD64, name: str = "base", **config) -> Path:
    layout = Layout.create(root)
    layers = [write_layer(layout, tree, "made") for tree in trees]
    document = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Labels": {"from": "base"}, **config},
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
    }
    described = layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG)
    manifest = write_manifest(described, [layer.descriptor for layer in layers])
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, name)
    return root


def read_layer(layout: Layout, descriptor) -> dict[str, SimpleNamespace]:
    """The members of one layer, with their contents as ``content``."""
    found = {}
    with layout.blobs.open(descriptor) as blob, opened(blob, descriptor.media_type, "It") as stream:
        plain = io.BytesIO(stream.read())
    with tarfile.open(fileobj=plain) as tar:
        for member in tar:
            content = tar.extractfile(member).read() if member.isreg() else b""
            found[member.name] = SimpleNamespace(**member.get_info(), content=content)
    return found


def deb_ar(members: dict[str, bytes]) -> bytes:
    """The archive that a .deb is."""
    found = b"!<arch>\n"
    for name, data in members.items():
        found += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        found += data + b"\n" * (len(data) % 2)
    return found


def deb_member(name: str, source: object = None, mode: int = 0o644, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar, as its fields say and however wrong it is."""
    info = tarfile.TarInfo(name)
    data = source if isinstance(source, bytes) else b""
    if source is None:
        info.type, mode = tarfile.DIRTYPE, 0o755
    elif isinstance(source, PurePosixPath):
        info.type, info.linkname = tarfile.SYMTYPE, str(source)
    else:
        info.size = len(data)
    info.mode = mode
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def deb_tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as found:
        for info, data in members:
            found.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def make_deb(
    members: list[tuple[tarfile.TarInfo, bytes]],
    name: str = "made",
    version: str = "1.0",
    architecture: str = "amd64",
    postinst: str = "",
) -> bytes:
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n"
        "Maintainer: Ada <ada@example.org>\nDescription: made by a test\n"
    )
    inside = [deb_member("./control", control.encode())]
    if postinst:
        inside.append(deb_member("./postinst", postinst.encode(), 0o755))
    return deb_ar({"debian-binary": b"2.0\n", "control.tar": deb_tar(inside), "data.tar": deb_tar(members)})


def keep_deb(
    cache: Path, data: bytes, name: str = "made", version: str = "1.0", architecture: str = "amd64"
) -> Package:
    """Puts a .deb where fetched ones are."""
    digest = hashlib.sha256(data).hexdigest()
    folder = cache / "debian" / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{digest}.deb").write_bytes(data)
    return Package(name, version, architecture, digest)


@pytest.fixture(scope="session")
def debs() -> SimpleNamespace:
    """Packages made by hand, as `dpkg-deb` reads them: an ar archive with two tars."""
    return SimpleNamespace(ar=deb_ar, deb=make_deb, keep=keep_deb, member=deb_member, tar=deb_tar)


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    return SimpleNamespace(
        AMD64=AMD64,
        ARM64=ARM64,
        LIBC=LIBC,
        MANIFEST=MANIFEST,
        make_base=make_base,
        python_tree=python_tree,
        read_layer=read_layer,
    )


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout.create(tmp_path / "store")


@pytest.fixture
def base(tmp_path) -> Path:
    return make_base(tmp_path / "base", python_tree())


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    """A folder of wheels made here, so that nothing is fetched: one for any platform, one for each of two."""
    folder = tmp_path_factory.mktemp("wheels")
    scripts = {"entry_points.txt": "[console_scripts]\nsay-plain = plain:main\n"}
    make_wheel(folder, "plain", "py3-none-any", "VALUE = 'any'\ndef main():\n    print('said')\n", scripts)
    for machine in ("x86_64", "aarch64"):
        make_wheel(folder, "native", f"cp311-cp311-manylinux_2_34_{machine}", f"VALUE = '{machine}'\n")
    make_wheel(folder, "modern", "py3-none-manylinux_2_39_x86_64", "")
    make_wheel(folder, "onlyarm", "py3-none-any", "")
    make_wheel(folder, "onlynew", "py3-none-any", "")
    return folder


def make_wheel(folder: Path, name: str, tag: str, source: str, more: dict[str, str] | None = None) -> None:
    import base64
    import hashlib
    import zipfile

    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/__init__.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{name}-1.0.data/data/share/{name}/note.txt": "a note\n",
        **{f"{info}/{each}": text for each, text in (more or {}).items()},
    }
    rows = []
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text.encode())}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")


@pytest.fixture
def project(tmp_path, wheels):
    """Makes a project; returns its folder."""

    def made(name: str = "project", requirements: str = "", manifest: str = MANIFEST, **files: bytes) -> Path:
        root = tmp_path / name
        root.mkdir(parents=True)
        if not requirements:
            manifest = manifest.replace("  requirements: requirements.txt\n", "")
        (root / "manifest.yml").write_text(manifest)
        local = root / "wheels"
        local.mkdir()
        for wheel in wheels.iterdir():
            (local / wheel.name).write_bytes(wheel.read_bytes())
        (root / ".spiignore").write_text("wheels/\n")
        lines = ["--no-index", "--find-links wheels", *requirements.split("|")]
        (root / "requirements.txt").write_text("\n".join(lines) + "\n")
        value = "__import__('plain').VALUE" if requirements else "''"
        (root / "model.py").write_text(f"def predict(prompt):\n    return prompt + ' ' + {value}\n")
        for path, content in files.items():
            place = root / path.replace("__", "/").replace("_dot_", ".")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return root

    return made


@pytest.fixture
def build(layout, base):
    def built(root: Path, **options):
        options.setdefault("base", str(base))
        options.setdefault("platform", AMD64)
        return build_image(open_folder(root), options.pop("layout", layout), **options)

    return built
