"""What a base image holds, read out of its layers without running anything: its Python and its C library."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.unpacking import bounded_members, opened
from nova_spi.errors import BuildFailed
from nova_spi.images.layers import WHITEOUT

MAX_MEMBERS = 500_000
MAX_LINKS = 40
MAX_LIBRARY_BYTES = 16 * 1024 * 1024
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OPAQUE = f"{WHITEOUT}{WHITEOUT}.opq"
_PROGRAM = re.compile(r"python(3\.[0-9]{1,2})$")
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,200}?version ([0-9]+\.[0-9]+)")
_LIBC = re.compile(r"(^|/)libc\.so\.6$|(^|/)libc-2\.[0-9]+\.so$")
_MUSL = re.compile(r"(^|/)ld-musl-[a-z0-9_]+\.so\.1$")


@dataclass(frozen=True, slots=True)
class PythonFacts:
    """The Python of an image.

    Attributes:
        path: Of the program itself, links resolved: ``/usr/local/bin/python3.12``.
        version: ``3.12``, or ``3.12.4`` where the image says so.
        libc: ``glibc`` or ``musl``.
        libc_version: Of glibc, ``2.36``; empty where it is not known.
    """

    path: str
    version: str
    libc: str
    libc_version: str

    @property
    def minor(self) -> str:
        """``3.12``."""
        return ".".join(self.version.split(".")[:2])

    def fits(self, wanted: str) -> bool:
        """Whether this is the Python that a manifest asks for; its last number counts where both say one."""
        ours, theirs = self.version.split("."), wanted.split(".")
        return all(mine == other for mine, other in zip(ours, theirs, strict=False))


def python_facts(layout: Layout, manifest: Manifest, config: ImageConfig) -> PythonFacts:
    """Finds the Python of an image, as its PATH does.

    Raises:
        ArtifactInvalid: A layer is damaged, or packed in a way that we do not read.
        BuildFailed: The image has no Python.
    """
    tree, glibc = _merged(layout, manifest)
    folders = config.environment.get("PATH", DEFAULT_PATH).split(":")
    for folder in folders:
        for name in ("python3", "python"):
            found = _resolved(tree, f"{folder}/{name}")
            program = _PROGRAM.search(found or "")
            if found and program:
                musl = any(_MUSL.search(path) for path in tree)
                version = config.environment.get("PYTHON_VERSION", "")
                exact = (
                    version
                    if version.startswith(f"{program[1]}.") and re.fullmatch(r"[0-9.]+", version)
                    else program[1]
                )
                return PythonFacts(f"/{found}", exact, "musl" if musl and not glibc else "glibc", glibc)
    raise BuildFailed(
        "The base image has no Python.",
        why=f"There is no python3 on its PATH ({':'.join(folders)[:200]}).",
        mend="Use a base with Python, e.g. --base-image python:3.12-slim.",
        code="build.base_without_python",
    )


def _merged(layout: Layout, manifest: Manifest) -> tuple[dict[str, str], str]:
    """All paths of the image, each with where it links to (empty for what is no link), and glibc's version."""
    tree: dict[str, str] = {}
    glibc = ""
    for layer in manifest.layers:
        layout.blobs.verify(layer)
        added: dict[str, str] = {}
        what = f"The layer {layer.digest}"
        with layout.blobs.open(layer) as blob, opened(blob, layer.media_type, what) as stream:
            for tar, member in bounded_members(stream, what, MAX_MEMBERS):
                path = posixpath.normpath(member.name).lstrip("/")
                folder, name = posixpath.split(path)
                if name == OPAQUE:
                    _drop(tree, folder, itself=False)
                elif name.startswith(WHITEOUT):
                    _drop(tree, posixpath.join(folder, name.removeprefix(WHITEOUT)), itself=True)
                else:
                    added[path] = member.linkname if member.issym() else ""
                if member.isreg() and member.size <= MAX_LIBRARY_BYTES and _LIBC.search(path):
                    content = tar.extractfile(member)
                    version = _GLIBC.search(content.read()) if content else None
                    glibc = version[1].decode() if version else glibc
        tree |= added
    return tree, glibc


def _drop(tree: dict[str, str], path: str, *, itself: bool) -> None:
    below = f"{path}/" if path else ""
    for each in [each for each in tree if each.startswith(below) or (itself and each == path)]:
        del tree[each]


def _resolved(tree: Mapping[str, str], path: str) -> str | None:
    """Where a path leads, its links followed inside the image; None where nothing is."""
    waiting = [part for part in path.split("/") if part not in ("", ".")][::-1]
    here: list[str] = []
    for _ in range(MAX_LINKS * 16):
        if not waiting:
            found = "/".join(here)
            return found if found in tree else None
        part = waiting.pop()
        if part == "..":
            here = here[:-1]
            continue
        link = tree.get("/".join([*here, part]), "")
        if not link:
            here.append(part)
            continue
        if link.startswith("/"):
            here = []
        waiting += [each for each in link.split("/") if each not in ("", ".")][::-1]
    return None
