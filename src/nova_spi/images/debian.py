"""The base ``debian``: Python and what it needs, assembled from a distribution's packages without root and daemon.

The packages are those that ``python3`` and a few others need on an empty system, by apt's own solver; what only their
maintainer scripts need (debconf, perl, dpkg, a shell) stays out. Their files become one layer, with the few files that
the scripts would have made. The same packages give the same digest.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.documents import dump_object
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images.contents import USER
from nova_spi.images.debian_apt import asked, installed
from nova_spi.images.debian_files import MERGED, control_files, tree
from nova_spi.images.debian_records import Package
from nova_spi.images.debian_store import fetched
from nova_spi.images.layers import Entry, write_layer
from nova_spi.images.notes import keep_note, noted
from nova_spi.progress import Progress

NAME = "debian"
FORMAT = "1"
"""Of the assembling: another one may give another digest for the same packages."""

WANTED = ("base-files", "ca-certificates", "libstdc++6", "netbase", "python3", "tzdata")
"""Wheels take libstdc++ from the system (PEP 513); the rest is Python and what its library reads."""

WHERE_KNOWN = ("python3-distutils",)
"""A part of the standard library that some distributions keep apart."""

SCRIPTS_ONLY = {
    "debconf": "debconf-2.0",
    "dpkg": "",
    "install-info": "",
    "libc-bin": "",
    "mawk": "awk",
    "openssl": "",
    "perl-base": "",
    "tar": "",
}
"""Packages that count as there, since nothing but maintainer scripts runs them, with what they provide."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSWD = f"""\
root:x:0:0:root:/root:/usr/sbin/nologin
model:x:{USER}:{USER}:model:/tmp:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = f"root:x:0:\nmodel:x:{USER}:\nnogroup:x:65534:\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_CERTIFICATES = "usr/share/ca-certificates/"


def resolve(platform: Platform, cache_dir: Path, progress: Progress) -> tuple[Package, ...]:
    """The packages that a base of today has, each with its version and digest.

    Raises:
        BuildFailed: apt or its lists are not here, or a package is not available.
    """
    progress.stage("base", "choosing packages of the distribution")
    with asked(cache_dir, platform, progress, newest=True) as apt:
        names = [*WANTED, *sorted(apt.known(WHERE_KNOWN))]
        return tuple(apt.resolve(names, pretended()))


def pretended(but: Iterable[str] = ()) -> str:
    """The packages of `SCRIPTS_ONLY` as installed ones.

    Args:
        but: These are really wanted.
    """
    return "".join(
        installed(
            {"package": name, "architecture": "all", "multi-arch": "foreign", "version": "99999", "provides": provides}
        )
        for name, provides in SCRIPTS_ONLY.items()
        if name not in but
    )


def assemble(
    packages: Sequence[Package], layout: Layout, platform: Platform, cache_dir: Path, progress: Progress
) -> Descriptor:
    """Makes the base of some packages, or takes the one that is in the layout.

    Args:
        packages: What `resolve` gave, today or when the lock was written.
        layout: Where to.
        platform: Of the image.
        cache_dir: Where .deb files are kept.
        progress: Is told.

    Returns:
        What names the base's manifest.

    Raises:
        BuildFailed: A package is not to be had, damaged, or they do not fit into one tree.
        ArtifactInvalid: The disk is full.
    """
    origin = "\n".join((NAME, FORMAT, str(platform), *map(str, sorted(packages))))
    if (known := noted(layout, origin)) is not None:
        return known
    debs = fetched(packages, platform, cache_dir, progress)
    progress.stage("base", f"assembling {len(packages)} packages")
    with layout.blobs.told_when_full(), tempfile.TemporaryDirectory(prefix="nova-spi-debian-") as scratch:
        entries = base_entries(debs, Path(scratch))
        layer = write_layer(layout, entries, "nova-spi: packages of the distribution")
    document = {
        "architecture": platform.architecture,
        "os": platform.os,
        **({"variant": platform.variant} if platform.variant else {}),
        "created": "1970-01-01T00:00:00Z",
        "config": {"Env": [f"PATH={PATH}"]},
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id)]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": layer.made_by}],
    }
    config = layout.blobs.write(dump_object(document), IMAGE_CONFIG)
    manifest = write_manifest(config, [layer.descriptor])
    descriptor = layout.blobs.write(manifest.raw, manifest.media_type)
    keep_note(layout, origin, descriptor)
    return descriptor


def base_entries(debs: "dict[Package, Path]", scratch: Path) -> list[Entry]:
    """Everything that a base holds: the trees of its packages, and the files that their scripts would have made."""
    found = package_entries(debs, scratch)
    merged = sorted(name for name in MERGED if any(path.startswith(f"usr/{name}/") for path in found))
    for name in merged:
        found[name] = Entry(name, PurePosixPath(f"usr/{name}"))
    bundle = b"".join(
        entry.source.rstrip(b"\n") + b"\n"
        for path, entry in sorted(found.items())
        if path.startswith(_CERTIFICATES) and path.endswith(".crt") and isinstance(entry.source, bytes)
    )
    made = (
        Entry("etc/group", _GROUP.encode()),
        Entry("etc/nsswitch.conf", _NSSWITCH.encode()),
        Entry("etc/passwd", _PASSWD.encode()),
        Entry(_BUNDLE, bundle),
        # Where OpenSSL looks by itself; the package openssl, which has these links, is not here.
        Entry("usr/lib/ssl/cert.pem", PurePosixPath(f"/{_BUNDLE}")),
        Entry("usr/lib/ssl/certs", PurePosixPath("/etc/ssl/certs")),
        *(Entry(name) for name in ("dev", "etc", "proc", "root", "run", "sys", "usr", "var")),
        *(Entry(name, mode=0o1777) for name in ("tmp", "var/tmp")),
    )
    return list((found | {entry.path: entry for entry in made}).values())


def package_entries(debs: "dict[Package, Path]", scratch: Path) -> dict[str, Entry]:
    """The trees of some packages as one, and what says to scanners which packages these are.

    Raises:
        BuildFailed: Two packages have different files at one place.
    """
    found: dict[str, Entry] = {}
    for number, (each, deb) in enumerate(sorted(debs.items())):
        for entry in tree(deb, scratch / str(number)):
            before = found.get(entry.path)
            if before is not None and not _same(before, entry):
                raise BuildFailed(
                    f"Two packages have a file at /{entry.path}; one is {each.name}.", code="build.packages"
                )
            found[entry.path] = before or entry
        control = control_files(deb)["control"].rstrip(b"\n") + b"\n"
        # One file a package, as images without dpkg have it (distroless), so that scanners find them.
        path = f"var/lib/dpkg/status.d/{each.name}"
        found[path] = Entry(path, control)
    return found


def _same(one: Entry, other: Entry) -> bool:
    return one.source == other.source or (
        isinstance(one.source, Path) and isinstance(other.source, Path)
        and one.source.read_bytes() == other.source.read_bytes()
    )  # fmt: skip
