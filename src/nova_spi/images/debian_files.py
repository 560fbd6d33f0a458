"""What a .deb holds, read by dpkg-deb and never installed: its control files, and its tree as entries of a layer."""

import posixpath
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from nova_spi.artifacts.unpacking import bounded_members
from nova_spi.errors import ArtifactInvalid, BuildFailed
from nova_spi.images.layers import Entry

MAX_MEMBERS = 200_000
MAX_BYTES = 1 << 33
"""8 GiB out of one .deb; the largest of Debian have some 2."""

MAX_CONTROL_BYTES = 16 * 1024 * 1024
SMALL = 64 * 1024
"""Files up to here stay in memory until the layer is written."""

MERGED = frozenset({"bin", "sbin", "lib", "lib32", "lib64", "libx32"})
"""Top folders that are links into /usr (usrmerge), whatever a package calls them."""

DROPPED = tuple(
    f"usr/share/{name}/"
    for name in ("bash-completion", "bug", "doc-base", "gtk-doc", "info", "lintian", "locale", "man", "zsh")
)
"""What nobody reads in an image, and messages in other languages; of usr/share/doc the copyright files stay."""

CONVERTERS = frozenset(
    {"CP1252.so", "ISO8859-1.so", "ISO8859-15.so", "UNICODE.so", "UTF-16.so", "UTF-32.so", "UTF-7.so"}
)
"""Of C's 250 converters between character sets (8 MB) these stay; Python has its own and uses none."""

_GCONV = re.compile(r"usr/lib/[^/]+/gconv/(.+)\.so")
_DOC = PurePosixPath("usr/share/doc")
_DOC_PARTS = 5


def control_files(deb: Path) -> dict[str, bytes]:
    """The control files of a .deb: ``control``, ``postinst`` ...

    Raises:
        BuildFailed: It is damaged, or passes a bound.
    """
    found = {}
    with _members(deb, "--ctrl-tarfile", MAX_CONTROL_BYTES) as inside:
        for tar, member in inside:
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                found[posixpath.basename(member.name)] = content.read()
    if "control" not in found:
        raise _damaged(deb, "It has no control file.")
    return found


def tree(deb: Path, scratch: Path) -> Iterator[Entry]:
    """The tree of a .deb, as it stands in an image.

    Args:
        deb: The file.
        scratch: A folder for its larger files, until the layer is written.

    Raises:
        BuildFailed: It is damaged, passes a bound, or holds what no package holds: a name or a link that leads out,
            a device.
    """
    files: dict[str, Entry] = {}
    scratch.mkdir(parents=True)
    with _members(deb, "--fsys-tarfile", MAX_BYTES) as inside:
        for number, (tar, member) in enumerate(inside):
            path = placed(member.name, deb)
            if not path or (path in MERGED and (member.issym() or member.isdir())):
                continue
            entry = _entry(member, tar, path, files, scratch / str(number), deb)
            files[path] = entry
    yield from (entry for path, entry in files.items() if is_kept(path, folder=entry.source is None))


def placed(name: str, deb: Path) -> str:
    """Where a member stands from the image's root, with /bin and its like below /usr; empty is the root itself.

    Raises:
        BuildFailed: It would stand outside.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise _damaged(deb, f"It holds a file that would stand outside: {name[:200]!r}.")
    if len(parts) > 1 and parts[0] in MERGED:
        parts.insert(0, "usr")
    return "/".join(parts)


def is_kept(path: str, *, folder: bool = False) -> bool:
    """Whether a path belongs into an image; see `DROPPED`."""
    if f"{path}/".startswith(DROPPED):
        return False
    if _GCONV.fullmatch(path):
        return path.rpartition("/")[2] in CONVERTERS
    if path.startswith(f"{_DOC}/"):
        parts = path.split("/")
        # A link in place of the folder stays: packages of one source share a copyright file so.
        return not folder and (len(parts) < _DOC_PARTS or parts[-1] == "copyright")
    return True


def _entry(
    member: tarfile.TarInfo, tar: tarfile.TarFile, path: str, files: dict[str, Entry], scratch: Path, deb: Path
) -> Entry:
    executable = bool(member.mode & 0o111)
    if member.isdir():
        return Entry(path)
    if member.issym():
        return Entry(path, _link(member, path, deb))
    if member.islnk():
        other = files.get(placed(member.linkname, deb))
        if other is None or other.source is None:
            raise _damaged(deb, f"{path[:200]!r} is a link to a file that it does not hold.")
        return Entry(path, other.source, other.executable)
    content = tar.extractfile(member) if member.isreg() else None
    if content is None:
        raise _damaged(deb, f"{path[:200]!r} is a device or a pipe.")
    if member.size <= SMALL:
        return Entry(path, content.read(), executable)
    with scratch.open("wb") as stream:
        while chunk := content.read(1 << 20):
            stream.write(chunk)
    return Entry(path, scratch, executable)


def _link(member: tarfile.TarInfo, path: str, deb: Path) -> PurePosixPath:
    target = member.linkname
    climbs = [part for part in PurePosixPath(target).parts if part == ".."]
    if not target or "\0" in target or (not target.startswith("/") and len(climbs) > path.count("/")):
        raise _damaged(deb, f"The link {path[:200]!r} leads out, to {target[:200]!r}.")
    return PurePosixPath(target)


@contextmanager
def _members(deb: Path, how: str, most: int) -> Iterator[Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]]:
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            ["dpkg-deb", how, str(deb)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )  # fmt: skip
        stream = cast("IO[bytes]", process.stdout)
        try:
            yield bounded_members(cast("BinaryIO", stream), deb.name, MAX_MEMBERS, most)
            while stream.read(1 << 20):
                pass  # what pads the tar's end, so that dpkg-deb does not meet a closed pipe
            if process.wait():
                told.seek(0)
                raise _damaged(deb, told.read(500).decode("utf-8", "replace").strip())
        except ArtifactInvalid as error:
            raise _damaged(deb, f"{error}.") from error
        finally:
            process.kill()
            stream.close()
            process.wait()


def _damaged(deb: Path, why: str) -> BuildFailed:
    return BuildFailed(
        f"The package {deb.name} cannot be read.", why=why, mend=f"Remove {deb} and build again.", code="build.package"
    )
