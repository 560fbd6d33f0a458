"""Reads a tar of an image into a layout: an OCI layout as a tar, or what ``docker save`` writes, old or new.

Nothing of the tar is unpacked: its members are looked up by name, and each blob goes through the layout, which
verifies it. A docker-archive has no digests of its layers' files but those in the image's config, so these count.
"""

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nova_spi.artifacts.blobs import CHUNK
from nova_spi.artifacts.choosing import choose
from nova_spi.artifacts.configs import read_config
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_BYTES, MAX_CONFIG_BYTES, MAX_ITEMS, Fields, load_object
from nova_spi.artifacts.indexes import NAME, read_entries, read_mark
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Index, Manifest, read_manifest, write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_GZIP, LAYER_TAR
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.unpacking import BoundedMember, unpacked
from nova_spi.errors import ArtifactInvalid

MAX_MEMBERS = 100_000
MEND = "Name an archive that nova-spi build --archive, docker save or skopeo copy wrote, whole."
_GZIP = b"\x1f\x8b"


def read_archive(path: Path, layout: Layout, *, platform: Platform | None = None, name: str = "") -> Descriptor:
    """Reads one image of an archive into a layout.

    Args:
        path: The tar, not compressed.
        layout: Where it goes.
        platform: Which one of an index; by default this machine's.
        name: Which image of several: its name in the index, or its ``RepoTags``.

    Returns:
        What names its manifest; an OCI manifest is kept as it is, for a docker-archive one is written.

    Raises:
        ArtifactInvalid: It is no such tar, damaged, hostile, or without the image.
    """
    try:
        with tarfile.open(path, "r:", errorlevel=2, tarinfo=BoundedMember) as tar:
            members = _members(tar, path)
            if "index.json" in members.by_name and "oci-layout" in members.by_name:
                return _Oci(members, layout).read(platform or Platform.here(), name)
            if "manifest.json" in members.by_name:
                return _docker(members, layout, name)
    except tarfile.TarError as error:
        raise ArtifactInvalid(f"{path} is no tar that can be read.", why=f"{error}.", mend=MEND) from error
    except OSError as error:
        raise ArtifactInvalid(
            f"{path} cannot be read: {error.strerror or error}.", mend=MEND, code="artifact.missing"
        ) from error
    raise ArtifactInvalid(f"{path} is neither an OCI layout nor a docker-archive.", mend=MEND)


@dataclass(frozen=True)
class _Members:
    """The members of a tar by their plain names."""

    tar: tarfile.TarFile
    by_name: dict[str, tarfile.TarInfo]

    def open(self, name: str) -> tuple[IO[bytes], int]:
        """One file; a link to another member, as old versions of Docker write for a layer that comes twice, counts."""
        member = self.by_name.get(name)
        if member is not None and member.issym():
            member = self.by_name.get(posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname)))
        if member is None or not member.isreg():
            raise ArtifactInvalid(f"The archive has no file {name[:200]!r}.", code="artifact.missing")
        stream = self.tar.extractfile(member)
        if stream is None:
            raise ArtifactInvalid(f"The archive has no file {name[:200]!r}.", code="artifact.missing")
        return stream, member.size

    def small(self, name: str, limit: int) -> bytes:
        stream, size = self.open(name)
        if size > limit:
            raise ArtifactInvalid(f"{name[:200]!r} in the archive is larger than {limit} bytes.")
        return stream.read(limit)


def _members(tar: tarfile.TarFile, path: Path) -> _Members:
    found: dict[str, tarfile.TarInfo] = {}
    for count, member in enumerate(tar):
        if count >= MAX_MEMBERS:
            raise ArtifactInvalid(f"{path} has more than {MAX_MEMBERS} members.")
        name = posixpath.normpath(member.name)
        if name.startswith(("/", "..")) or "\0" in name:
            raise ArtifactInvalid(f"{path} names a place outside itself: {member.name[:200]!r}.")
        if name in found and not member.isdir():
            raise ArtifactInvalid(f"{path} has {name[:200]!r} twice.")
        found[name] = member
    return _Members(tar, found)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


class _Oci:
    """A tar of an OCI layout."""

    def __init__(self, members: _Members, layout: Layout) -> None:
        self._members = members
        self._layout = layout

    def read(self, platform: Platform, name: str) -> Descriptor:
        read_mark(self._members.small("oci-layout", MAX_BYTES))
        entries = read_entries(self._members.small("index.json", MAX_BYTES))
        manifest = self._manifest(_chosen(entries, name), platform)
        for blob in manifest.blobs:
            stream, _ = self._members.open(_place(blob))
            self._layout.blobs.keep(blob, _chunks(stream))
        return self._layout.blobs.write(manifest.raw, manifest.media_type)

    def _manifest(self, entries: tuple[Descriptor, ...], platform: Platform) -> Manifest:
        while True:
            descriptor = entries[0] if len(entries) == 1 else choose(entries, platform, "The archive")
            data = self._members.small(_place(descriptor), MAX_BYTES)
            if len(data) != descriptor.size or not descriptor.digest.matches(data):
                raise ArtifactInvalid(f"{descriptor.digest} in the archive is damaged.", code="artifact.damaged")
            found = read_manifest(data, descriptor.media_type)
            if isinstance(found, Manifest):
                return found
            # What an index names is named by a digest within it: such a chain ends.
            entries = _of(found, platform)


def _of(index: Index, platform: Platform) -> tuple[Descriptor, ...]:
    return (choose(index.manifests, platform, "The archive"),)


def _chosen(entries: tuple[Descriptor, ...], name: str) -> tuple[Descriptor, ...]:
    found = tuple(each for each in entries if not name or name in (each.annotations.get(NAME), str(each.digest)))
    distinct = {str(each.digest): each for each in found}
    if not distinct or (len(distinct) > 1 and not any(each.platform for each in distinct.values())):
        here = ", ".join(sorted(each.annotations.get(NAME, str(each.digest)) for each in entries))[:300]
        said = f"no image {name!r}" if name else f"{len(distinct)} images"
        raise ArtifactInvalid(f"The archive has {said}.", why=f"It has {here or 'none'}.", code="artifact.missing")
    return tuple(distinct.values())


def _place(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.hex}"


def _docker(members: _Members, layout: Layout, name: str) -> Descriptor:
    entry = _entry(members.small("manifest.json", MAX_BYTES), name)
    place = posixpath.normpath(entry.text("Config"))
    data = members.small(place, MAX_CONFIG_BYTES)
    _named_as(place, data)
    config = read_config(data)
    places = entry.texts("Layers")
    if len(places) != len(config.diff_ids):
        raise ArtifactInvalid(f"The archive has {len(places)} layers, and its config names {len(config.diff_ids)}.")
    layers = [
        _layer(members, layout, posixpath.normpath(place), diff_id)
        for place, diff_id in zip(places, config.diff_ids, strict=True)
    ]
    manifest = write_manifest(layout.blobs.write(data, IMAGE_CONFIG), layers)
    return layout.blobs.write(manifest.raw, manifest.media_type)


def _entry(data: bytes, name: str) -> Fields:
    """One entry of ``manifest.json``, which is a list and so read as the field of an object."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactInvalid("manifest.json is not UTF-8.") from error
    whole = load_object(b'{"images":' + json_list(text) + b"}", "manifest.json", limit=MAX_BYTES + 16)
    entries = list(Fields(whole, "manifest.json").objects("images"))
    found = [each for each in entries if not name or name in each.texts("RepoTags")]
    if len(found) != 1:
        tags = ", ".join(tag for each in entries for tag in each.texts("RepoTags"))[:300]
        said = f"no image {name!r}" if name and not found else f"{len(found)} images"
        raise ArtifactInvalid(f"The archive has {said}.", why=f"It has {tags or 'no names'}.", code="artifact.missing")
    return found[0]


def json_list(text: str) -> bytes:
    """The text of one JSON list, as bytes.

    Raises:
        ArtifactInvalid: It is something else, or too long.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArtifactInvalid("manifest.json is not valid JSON.") from error
    if not isinstance(found, list) or len(found) > MAX_ITEMS:
        raise ArtifactInvalid("manifest.json is no list of images.")
    return text.encode()


def _named_as(place: str, data: bytes) -> None:
    """Where a config is named by its digest, as ``docker save`` does, that must be right."""
    stem = posixpath.basename(place).removesuffix(".json")
    if len(stem) == hashlib.sha256().digest_size * 2 and stem != hashlib.sha256(data).hexdigest():
        raise ArtifactInvalid(f"{place[:200]!r} in the archive is damaged.", code="artifact.damaged")


def _layer(members: _Members, layout: Layout, place: str, diff_id: Digest) -> Descriptor:
    """Keeps a layer as it is in the archive; its unpacked bytes must have the digest that the config says."""
    stream, _ = members.open(place)
    packed, plain, size = hashlib.sha256(), diff_id.hasher(), 0
    media_type = LAYER_GZIP if stream.read(len(_GZIP)) == _GZIP else LAYER_TAR
    stream.seek(0)
    for chunk in _chunks(stream):
        packed.update(chunk)
        size += len(chunk)
    stream.seek(0)
    for chunk in unpacked(stream, media_type, f"The layer {place[:200]!r}"):
        plain.update(chunk)
    if plain.hexdigest() != diff_id.hex:
        raise ArtifactInvalid(
            f"The layer {place[:200]!r} is not what the image's config says.", code="artifact.damaged"
        )
    stream.seek(0)
    descriptor = Descriptor(media_type, Digest("sha256", packed.hexdigest()), size)
    layout.blobs.keep(descriptor, _chunks(stream))
    return descriptor
