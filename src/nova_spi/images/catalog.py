"""What a catalog shows of a model, out of its image: the Workbench's fields, the texts, the thumbnail, the carousel.

The image need not run, and need not be ours. Its manifest is the label ``dev.nova-spi.manifest``, else a file at one
of the places where a model finds it: ``$SPI_MANIFEST``, the working folder, ``spi`` below it, ``/app/spi``.
"""

import hashlib
import posixpath
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nova_spi.artifacts.configs import ImageConfig
from nova_spi.errors import ArtifactInvalid, ManifestInvalid
from nova_spi.images.catalog_fields import workbench_fields
from nova_spi.images.catalog_files import ImageFiles
from nova_spi.images.labels import MANIFEST

if TYPE_CHECKING:
    from nova_spi.manifest.document import Document
    from nova_spi.manifest.models import Manifest

NAMES = ("manifest.yml", "manifest.yaml", "manifest.json")
DEFAULT_PLACE = "/app/spi"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
"""Of a compiled one, which holds its interface too; the reader of a plain one takes less."""

MAX_MEDIA_BYTES = 16 * 1024 * 1024
MAX_CAROUSEL = 64
MAX_SUFFIX = 16


@dataclass(frozen=True, slots=True)
class Medium:
    """One picture, video or sound.

    Attributes:
        path: Where it stands in the image, absolute.
        media_type: By its content, whatever its name says.
        data: Its bytes.
    """

    path: str
    media_type: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of its bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """What is said of it, without its bytes."""
        return {"path": self.path, "media_type": self.media_type, "size": len(self.data), "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class CatalogMetadata:
    """What a catalog shows of a model.

    Attributes:
        fields: The Workbench's fields by their names, every one always there.
        catalog: The manifest's block ``catalog``: ``summary``, ``long_description``, and the paths of its media.
        scorecard: Its block ``scorecard``.
        thumbnail: A small picture.
        carousel: Pictures, videos and sounds, in the manifest's order.
        missing: What the manifest names and could not be had, with ``path`` and ``why``.
        source: Where the manifest was found: ``label``, or its path in the image.
    """

    fields: dict[str, Any]
    catalog: dict[str, Any]
    scorecard: dict[str, Any]
    thumbnail: Medium | None
    carousel: tuple[Medium, ...]
    missing: tuple[dict[str, str], ...]
    source: str

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON, media without their bytes."""
        return {
            "manifest_source": self.source,
            "fields": self.fields,
            "catalog": self.catalog,
            "scorecard": self.scorecard,
            "thumbnail": self.thumbnail.to_dict() if self.thumbnail else None,
            "carousel": [medium.to_dict() for medium in self.carousel],
            "missing": [dict(each) for each in self.missing],
        }


def read_catalog(files: ImageFiles, config: ImageConfig, name: str) -> CatalogMetadata:
    """Reads what a catalog shows of the model in an image.

    Args:
        files: The image's.
        config: The image's.
        name: What the image was called, for messages.

    Raises:
        ArtifactInvalid: It holds no manifest (``artifact.no_manifest``), or a layer is damaged.
        ManifestInvalid: The manifest has errors.
        RegistryError: A layer cannot be fetched.
    """
    data, source = _manifest(files, config, name)
    filename = f"{name}:{'manifest.json' if source == 'label' else source}"
    manifest = _read(data, filename)
    written = manifest.to_dict()
    catalog = written.get("catalog") or {}
    missing: list[dict[str, str]] = []
    root = manifest.base_work_dir

    def medium(path: str) -> Medium | None:
        try:
            return _medium(files, path, root)
        except _Unusable as error:
            missing.append({"path": path, "why": str(error)})
            return None

    named = list(catalog.get("media_carousel") or ())
    missing += [{"path": path, "why": f"more than {MAX_CAROUSEL} are named"} for path in named[MAX_CAROUSEL:]]
    return CatalogMetadata(
        fields=workbench_fields(manifest),
        catalog=catalog,
        scorecard=written.get("scorecard") or {},
        thumbnail=medium(catalog["thumbnail"]) if catalog.get("thumbnail") else None,
        carousel=tuple(found for path in named[:MAX_CAROUSEL] if (found := medium(path)) is not None),
        missing=tuple(missing),
        source=source,
    )


def _manifest(files: ImageFiles, config: ImageConfig, name: str) -> tuple[bytes, str]:
    """The manifest's bytes, and where they were."""
    label = config.labels.get(MANIFEST)
    if label:
        return label.encode("utf-8", "surrogatepass"), "label"
    looked = list(dict.fromkeys(manifest_places(config)))
    for path in looked:
        data = files.read(path, MAX_MANIFEST_BYTES)
        if data is not None:
            return data, path
    raise ArtifactInvalid(
        f"The image {name} holds no manifest.",
        why=f"It has no label {MANIFEST}, and no {NAMES[0]} in {', '.join(_folders(config))}.",
        mend="Build it from a project: nova-spi build",
        code="artifact.no_manifest",
    )


def manifest_places(config: ImageConfig) -> Iterator[str]:
    """Where an image may have its manifest, in the order in which a model looks for it."""
    if named := config.environment.get("SPI_MANIFEST"):
        yield _absolute(named, config)
    for folder in _folders(config):
        for name in NAMES:
            yield posixpath.join(folder, name)


def _folders(config: ImageConfig) -> list[str]:
    work_dir = _absolute(config.environment.get("SPI_WORK_DIR") or config.working_dir or "/app", config)
    return list(dict.fromkeys((work_dir, posixpath.join(work_dir, "spi"), DEFAULT_PLACE)))


def _absolute(path: str, config: ImageConfig) -> str:
    return posixpath.normpath(posixpath.join("/", config.working_dir, path))


def _read(data: bytes, filename: str) -> "Manifest":
    from nova_spi.manifest.reading import read

    found: Document = read(_plain(data, filename), filename=filename)
    if found.manifest is not None:
        return found.manifest
    errors = found.errors
    raise ManifestInvalid(
        f"The manifest {filename} has {len(errors)} {'error' if len(errors) == 1 else 'errors'}.",
        why="; ".join(each.message for each in errors[:3]),
        mend="Mend the manifest, and build the image again.",
        diagnostics=[each.to_dict() for each in errors],
    )


def _plain(data: bytes, filename: str) -> bytes:
    """A compiled manifest without its interface, which may be longer than a manifest is allowed to be."""
    from nova_spi.artifacts.documents import load_object

    if not filename.endswith(".json"):
        return data
    import json

    try:
        found = load_object(data, "The manifest", limit=MAX_MANIFEST_BYTES)
    except ArtifactInvalid:
        return data  # the reader says what is wrong with it, and where
    if "x-compiled" not in found:
        return data
    del found["x-compiled"]
    return json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass")


class _Unusable(Exception):
    """A medium that cannot be shown."""


def _medium(files: ImageFiles, path: str, root: str) -> Medium:
    """A file of the catalog, which must stand in the model's own folder."""
    place = posixpath.normpath(posixpath.join("/", root, path))
    if not PurePosixPath(place).is_relative_to(posixpath.normpath(posixpath.join("/", root))):
        raise _Unusable("it is not below base_work_dir")
    found = files.find(place)
    if found is None:
        raise _Unusable("the image has no such file")
    if found.entry.size > MAX_MEDIA_BYTES:
        raise _Unusable(f"it has {found.entry.size} bytes; {MAX_MEDIA_BYTES} are shown")
    data = files.read(place, MAX_MEDIA_BYTES) or b""
    return Medium(place, _media_type(data, place), data)


def _media_type(data: bytes, path: str) -> str:
    from nova_spi.interface.sniffing import sniff

    suffix = PurePosixPath(path).suffix
    safe = suffix if suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= MAX_SUFFIX else ""
    with tempfile.NamedTemporaryFile(prefix="nova-spi-", suffix=safe) as stream:
        stream.write(data)
        stream.flush()
        return sniff(Path(stream.name))
