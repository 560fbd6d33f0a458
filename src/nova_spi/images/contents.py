"""What of a project stands in its image, by layers that change for different reasons: runtime, app, weights."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from nova_spi.images.layers import Entry
from nova_spi.images.lock import LOCK
from nova_spi.project.beside import NAME, UTILS, manifest_files, runtime_files
from nova_spi.project.files import ProjectFile, project_files

if TYPE_CHECKING:
    from nova_spi.interface.compiled import Interface
    from nova_spi.project.folder import Folder

USER = 1000
"""Who a model is in its image: no name, and nothing but its own folders to write to."""

NOT_COPIED = ("inputs", "outputs", "test_outputs", ".nova-spi")
"""Folders of the project that a run has of its own, or that hold what earlier runs gave."""

LARGE = 32 * 1024 * 1024
"""From this size on, in bytes, a file has a layer of its own, whatever it is."""

WEIGHTS = frozenset(
    (
        *(".bin", ".ckpt", ".gguf", ".h5", ".joblib", ".keras", ".mlmodel", ".msgpack"),
        *(".npz", ".onnx", ".pb", ".pt", ".pth", ".safetensors", ".tflite"),
    )
)
_SPI = "app/spi"
"""Where an image always has the manifest, wherever base_work_dir is."""


def runtime_entries(base: str) -> Iterator[Entry]:
    """``spi/utils.py`` and ``spi/nova_spi_runtime``, below base_work_dir.

    Args:
        base: base_work_dir without its first slash.
    """
    yield from _placed(f"{base}/spi/utils.py", dict(runtime_files())[UTILS], base)
    for relative, content in runtime_files():
        yield from _placed(f"{base}/spi/{NAME}/{relative}", content, base)


def app_entries(folder: "Folder", interface: "Interface", base: str, files: list[ProjectFile]) -> Iterator[Entry]:
    """The project's files, the manifest at all its places, and the folders that a run writes to."""
    manifests = manifest_files(folder.manifest, interface, folder.manifest_path.read_bytes())
    own = {"spi/utils.py", *(f"spi/{NAME}/{relative}" for relative, _ in runtime_files()), *manifests}
    for file in files:
        if file.relative not in own:
            yield from file_entries(file, base)
    for relative, content in manifests.items():
        yield from _placed(f"{base}/{relative}", content, base)
        if relative.startswith("spi/") and base != PurePosixPath(_SPI).parent.as_posix():
            yield from _placed(f"{_SPI}/{relative.removeprefix('spi/')}", content, "app")
    yield from _writable(interface, base)


def _writable(interface: "Interface", base: str) -> Iterator[Entry]:
    """The folders that a run writes to, which belong to the image's user."""
    outputs = (parameter for command in interface.commands.values() for parameter in command.outputs)
    for relative in {"inputs/files", "inputs/config", "outputs", *(each.mount_path or "outputs" for each in outputs)}:
        place = PurePosixPath("/", base, relative).relative_to("/")
        for each in (place, *place.parents):
            if each.is_relative_to(base) and str(each) != base:
                yield Entry(str(each), owner=USER)


def file_entries(file: ProjectFile, base: str) -> Iterator[Entry]:
    """One file of the project, with the folders above it."""
    yield from _placed(f"{base}/{file.relative}", file.path, base, executable=bool(file.mode & 0o111))


def split_files(folder: "Folder") -> tuple[list[ProjectFile], list[ProjectFile]]:
    """The project's files: those of the app, and those that have a layer each."""
    prefixes = tuple(f"{name}/" for name in NOT_COPIED)
    files = [
        file
        for file in project_files(folder.root)
        # The lock says what an image is built from, and is no part of it: else the first build, which writes it, and
        # the second would give two digests.
        if file.relative != LOCK and not file.relative.startswith(prefixes)
    ]
    weights = [file for file in files if _is_weight(file)]
    chosen = {file.relative for file in weights}
    return [file for file in files if file.relative not in chosen], weights


def _is_weight(file: ProjectFile) -> bool:
    return file.size >= LARGE or PurePosixPath(file.relative).suffix.lower() in WEIGHTS


def _placed(path: str, source: object, base: str, *, executable: bool = False) -> Iterator[Entry]:
    for parent in PurePosixPath(path).parents:
        if parent.is_relative_to(base):
            yield Entry(str(parent))
    yield Entry(path, source, executable)  # type: ignore[arg-type]  # bytes or a path, as its callers say
