"""``nova-spi.lock``: the base that a project's images are built from, exactly; it belongs beside the manifest.

A build whose platform is in the lock takes that base and never chooses again. A build that had to choose writes what
it chose; ``--base-image`` and an ``execution.base_image`` that names another base choose anew, and rewrite it. What
the lock says is not a part of the image: the first build and the next give one digest.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.platforms import Platform
from nova_spi.images.debian_records import Package

LOCK = "nova-spi.lock"
VERSION = 1
KINDS = ("registry", "disk", "debian")
"""A reference, an image that stood on a disk, the base that is assembled."""

_HEAD = """\
# What this project's images are built from, exactly. `nova-spi build` wrote it; keep it beside the manifest.
# A build takes this base and chooses no other; `nova-spi build --base-image NAME` chooses anew and rewrites it.
"""


@dataclass(frozen=True, slots=True)
class Locked:
    """The base for one platform.

    Attributes:
        platform: Of the image.
        kind: One of `KINDS`.
        name: As it was asked for: ``python:3.12-slim``, ``debian``; of a file its name alone.
        digest: Of its manifest.
        image_id: Of ``debian``, the digest of its config, which says what its layers hold and not how they are packed:
            two versions of zlib may pack one content differently.
        packages: What ``debian`` is assembled from.
        system: The execution.system_packages that the next field is for.
        system_packages: These and what they need.
    """

    platform: Platform
    kind: str
    name: str
    digest: Digest
    image_id: Digest | None = None
    packages: tuple[Package, ...] = ()
    system: tuple[str, ...] = ()
    system_packages: tuple[Package, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """All that a lock says, a platform once."""

    bases: tuple[Locked, ...] = ()

    def base(self, platform: Platform) -> Locked | None:
        """The base for a platform."""
        return next((each for each in self.bases if each.platform.fits(platform)), None)

    def with_base(self, base: Locked) -> "Lock":
        """The same with this base in place of the one for its platform."""
        others = [each for each in self.bases if not each.platform.fits(base.platform)]
        return Lock(tuple(sorted((*others, base), key=lambda each: str(each.platform))))


def dump_lock(lock: Lock) -> str:
    """The lock as text; `nova_spi.images.lock_reading.parse_lock` reads it back."""
    lines = [_HEAD, f"version = {VERSION}"]
    for base in lock.bases:
        lines += [
            "",
            "[[base]]",
            f'platform = "{base.platform}"',
            f'kind = "{base.kind}"',
            f'name = "{_quoted(base.name)}"',
            f'digest = "{base.digest}"',
        ]
        if base.image_id:
            lines.append(f'image_id = "{base.image_id}"')
        if base.packages:
            lines += _list("packages", map(str, base.packages))
        if base.system:
            lines += [*_list("system", base.system), *_list("system_packages", map(str, base.system_packages))]
    return "\n".join(lines) + "\n"


def write_lock(root: Path, lock: Lock) -> None:
    """Writes a project's lock, as a whole; nothing where it says this already.

    Raises:
        OSError: The project's folder cannot be written.
    """
    place, text = root / LOCK, dump_lock(lock).encode()
    try:
        if place.read_bytes() == text:
            return
    except OSError:
        pass  # there is none yet, or it will be replaced
    handle, beside = tempfile.mkstemp(dir=root, prefix=f".{LOCK}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
            os.fchmod(handle, 0o644)
        Path(beside).replace(place)
    finally:
        Path(beside).unlink(missing_ok=True)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _list(name: str, values: Any) -> list[str]:
    return [f"{name} = [", *(f'    "{_quoted(value)}",' for value in values), "]"]
