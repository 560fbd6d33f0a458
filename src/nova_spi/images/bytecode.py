"""Layers of bytecode, so that a start in a read-only container does not compile every module that it imports.

    nova-spi: bytecode of Python    of the standard library; changes with the base
    nova-spi: bytecode              of the model's packages and of the runtime; changes with these too
    nova-spi: bytecode of the server    of an image for serving; changes with nova-spi

An edit of the app changes neither.

The image's own Python makes it (see `bytecode_program`), run by whoever can: see `nova_spi.images.steps.Steps`. Where
nobody can, the image is built without. What comes back was made by a program of the image's, so it is looked at.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.images import bytecode_program
from nova_spi.images.base import Base
from nova_spi.images.bytecode_sources import Sources, TooManySources, cached_name
from nova_spi.images.keeping import Kept
from nova_spi.images.layers import EMPTY, Entry, Layer, write_layer
from nova_spi.images.serving import PLACE as SERVER
from nova_spi.images.steps import COMPILE_INPUT, COMPILE_OUTPUT, COMPILE_PROGRAM, Steps
from nova_spi.images.wheels import ENVIRONMENT
from nova_spi.progress import Progress

FORMAT = "1"
MAX_BYTES = 1 << 30
"""Of one layer's bytecode, not packed; the largest packages have some 100 MB."""

_HEADER_BYTES = 16
_UNCHECKED_HASH = (1).to_bytes(4, "little")


class _None(Exception):
    """There is no bytecode: nobody can make it, or what was made is not taken; the text says why, where it is news."""


class Bytecode:
    """The bytecode of one image.

    Args:
        layout: Where its layers are.
        base: Whose Python compiles.
        platform: The image's.
        steps: Who runs that Python; None is nobody, and earlier builds do not count either.
        kept: Layers of earlier builds.
        seconds: The time of everything in a layer.
        work_dir: base_work_dir without its first slash; above and below it the project may have modules of its own,
            so nothing is compiled there but the runtime.
        progress: Is told.
    """

    def __init__(
        self,
        layout: Layout,
        base: Base,
        platform: Platform,
        steps: Steps | None,
        kept: Kept,
        seconds: int,
        work_dir: str,
        progress: Progress,
    ) -> None:
        self._layout = layout
        self._base = base
        self._platform = platform
        self._steps = steps
        self._kept = kept
        self._seconds = seconds
        self._work_dir = work_dir
        self._progress = progress
        self._tag = f"cpython-{base.python.minor.replace('.', '')}"
        self._key = [
            FORMAT,
            hashlib.sha256(_program()).hexdigest(),
            str(base.manifest.descriptor.digest),
            str(platform),
            asdict(base.python),
        ]

    def of_python(self, system: Sequence[Layer]) -> list[Layer]:
        """The layer of the standard library, as the base and the layers of system packages have it."""
        library = self._apart([f"{PurePosixPath(self._base.python.path).parent.parent}/lib/python{self._minor}"])
        layers = [*self._base.manifest.layers, *(layer.descriptor for layer in system)]
        return self._layer("bytecode of Python", library, layers, [str(layer.diff_id) for layer in system])

    def of_packages(self, packages: Layer, runtime: Layer) -> list[Layer]:
        """The layer of what two layers have: the model's packages, and the runtime."""
        folders = [*self._apart([f"/{ENVIRONMENT}/lib/python{self._minor}/site-packages"]), f"{self._work_dir}/spi"]
        # The runtime's layer has nothing else, and nothing that comes later has its files.
        key = [str(packages.diff_id), str(runtime.diff_id), self._work_dir]
        return self._layer("bytecode", folders, [packages.descriptor, runtime.descriptor], key)

    def of_server(self, packages: Layer, server: Layer) -> list[Layer]:
        """The layer of what an image for serving has beside the model: the server's packages, and the server."""
        folders = self._apart([f"/{SERVER}/lib/python{self._minor}/site-packages"])
        key = [str(packages.diff_id), str(server.diff_id)]
        return self._layer("bytecode of the server", folders, [packages.descriptor, server.descriptor], key)

    @property
    def _minor(self) -> str:
        return self._base.python.minor

    def _apart(self, folders: Sequence[str]) -> list[str]:
        work = PurePosixPath(self._work_dir)
        found = [PurePosixPath(folder.lstrip("/")) for folder in folders]
        return [str(each) for each in found if not each.is_relative_to(work) and not work.is_relative_to(each)]

    def _layer(self, what: str, folders: list[str], layers: Sequence[Descriptor], key: Sequence[str]) -> list[Layer]:
        steps = self._steps
        if steps is None or not folders:
            return []

        def made() -> Layer:
            with self._layout.blobs.scratch() as scratch:
                entries = list(self._compiled(steps, scratch, folders, layers))
                return write_layer(self._layout, entries, f"nova-spi: {what}", seconds=self._seconds)

        try:
            found = self._kept.layer(what, json.dumps([*self._key, folders, *key]), made)
        except _None as why:
            if not str(why):
                self._steps = None  # whoever could not do it has said so, and would say it again of the next layer
            else:
                self._progress.warn(f"The image holds no {what}, so it starts more slowly: {why}")
            return []
        return [] if found.diff_id == EMPTY else [found]

    def _compiled(
        self, steps: Steps, scratch: Path, folders: list[str], layers: Sequence[Descriptor]
    ) -> Iterator[Entry]:
        contents, folder = scratch / "contents", scratch / "work"
        given, out = folder / COMPILE_INPUT, folder / COMPILE_OUTPUT
        for each in (contents, given / "sources", out):
            each.mkdir(parents=True)
        try:
            sources = Sources(self._layout, folders, self._tag, contents).read(layers)
        except TooManySources as error:
            raise _None("it has too many modules.") from error
        if not sources:
            return
        self._progress.stage("bytecode", f"{len(sources)} modules")
        (given / COMPILE_PROGRAM).write_bytes(_program())
        (given / "names").write_text("\0".join(f"/{path}" for path in sources), encoding="utf-8")
        for number, content in enumerate(sources.values()):
            content.rename(given / "sources" / str(number))
        if not steps.compile_modules(self._layout, self._base, self._platform, folder, self._tag):
            raise _None
        yield from results(out, tuple(sources), self._tag)


def results(folder: Path, sources: Sequence[str], tag: str) -> Iterator[Entry]:
    """What was compiled, at its places in the image. A module that did not compile is not there.

    Args:
        folder: Where the N-th module's bytecode has the name N; other names are not looked at.
        sources: The modules by their paths in the image.
        tag: See `nova_spi.images.bytecode_sources.cached_name`.

    Raises:
        _None: A file is not the bytecode that was asked for; then none is taken.
    """
    total, magic, caches = 0, b"", set[str]()
    for number, source in enumerate(sources):
        place = folder / str(number)
        try:
            size, header = _looked_at(place)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _None(f"what was compiled of /{source} is no file ({error.strerror}).") from error
        total, magic = total + size, magic or header[:4]
        good = len(header) == _HEADER_BYTES and header[2:4] == b"\r\n"
        if not good or header[:4] != magic or header[4:8] != _UNCHECKED_HASH or total > MAX_BYTES:
            raise _None(f"what was compiled of /{source} is not what Python's bytecode looks like.")
        path = cached_name(source, tag)
        cache = path.rpartition("/")[0]
        if cache not in caches:
            caches.add(cache)
            yield Entry(cache)
        yield Entry(path, place)


def _looked_at(place: Path) -> tuple[int, bytes]:
    """Size and first bytes of a file that the program in the image left, which has ended."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            return 0, b""
        return status.st_size, os.read(handle, _HEADER_BYTES)
    finally:
        os.close(handle)


def _program() -> bytes:
    return Path(bytecode_program.__file__).read_bytes()
