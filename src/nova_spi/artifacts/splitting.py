"""An image taken apart into what its working folder is made of and all the rest, so that each is unpacked for itself.

An edit of the project changes the layers of the working folder alone: the rest, which is a thousand times larger,
stays as it was unpacked. What folders a layer has is found by reading it once, and kept by its digest in
``CACHE/images/layers``.
"""

import json
import os
import posixpath
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nova_spi.artifacts.documents import dump_object
from nova_spi.artifacts.unpacking import members, opened

if TYPE_CHECKING:
    from nova_spi.artifacts.descriptors import Descriptor
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.manifests import Manifest

MAX_TOPS = 200
"""Folders of the root in one layer; one that has more is not worth taking apart."""

_EVERYWHERE = "/"
"""No name of a folder."""


class Split(NamedTuple):
    """Two parts of an image, each as a manifest that `nova_spi.artifacts.trees.kept_tree` takes.

    Attributes:
        root: The layers that make everything but the working folder; the whole image where it cannot be taken apart.
        app: The layers that the working folder is made of.
    """

    root: "Manifest"
    app: "Manifest"


def split(layout: "Layout", manifest: "Manifest", below: str, cache_dir: Path) -> Split:
    """Takes an image apart.

    Args:
        layout: Where its blobs are.
        manifest: The image's.
        below: Its working folder, one name: ``app``. Of a deeper one nothing is taken apart.
        cache_dir: The cache's root.

    Raises:
        ArtifactInvalid: A layer is missing or damaged.
    """
    if not below or "/" in below:
        return Split(manifest, manifest)
    count = len(manifest.layers)
    while count and _only(_tops(layout, manifest.layers[count - 1], cache_dir), below):
        count -= 1
    lower, upper = manifest.layers[:count], manifest.layers[count:]
    if not lower or not upper:
        return Split(manifest, manifest)
    mixed = any(_has_files(_tops(layout, layer, cache_dir), below) for layer in lower)
    return Split(_part(manifest, lower), manifest if mixed else _part(manifest, upper))


def _only(tops: Mapping[str, bool], below: str) -> bool:
    return set(tops) <= {below}


def _has_files(tops: Mapping[str, bool], below: str) -> bool:
    return tops.get(below, False) or _EVERYWHERE in tops


def _part(manifest: "Manifest", layers: "tuple[Descriptor, ...]") -> "Manifest":
    """Some layers under a digest of their own, which depends on nothing else of the image."""
    return replace(manifest, raw=dump_object({"layers": [layer.to_dict() for layer in layers]}), layers=layers)


def _tops(layout: "Layout", layer: "Descriptor", cache_dir: Path) -> dict[str, bool]:
    """The first part of every path of a layer, and whether there is more than folders."""
    place = cache_dir.absolute() / "images" / "layers" / f"{layer.digest.hex}.json"
    try:
        known = json.loads(place.read_bytes())
        if isinstance(known, dict) and all(isinstance(value, bool) for value in known.values()):
            return known
    except (OSError, ValueError):
        pass  # not read yet, or not whole
    found = _read(layout, layer)
    _keep(place, found)
    return found


def _read(layout: "Layout", layer: "Descriptor") -> dict[str, bool]:
    what = f"The layer {layer.digest}"
    layout.blobs.verify(layer)
    found: dict[str, bool] = {}
    with layout.blobs.open(layer) as blob, opened(blob, layer.media_type, what) as stream:
        for _, member in members(stream, what):
            parts = [part for part in posixpath.normpath(member.name).split("/") if part not in ("", ".")]
            if not parts:
                continue
            # A folder of the root that is itself a file or a whiteout concerns the root, not what is below it.
            top = parts[0] if len(parts) > 1 or member.isdir() else ""
            found[top] = found.get(top, False) or not member.isdir()
            if len(found) > MAX_TOPS:
                return {_EVERYWHERE: True}
    return found


def _keep(place: Path, tops: dict[str, bool]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, beside = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w") as stream:
            json.dump(tops, stream)
        Path(beside).replace(place)
    except OSError:
        return  # a cache that cannot be written: it is read again the next time
