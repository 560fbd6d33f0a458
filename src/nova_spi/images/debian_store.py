"""The .deb files that were fetched, each under its digest in the cache, so that a later build asks nobody."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nova_spi.artifacts.blobs import FULL
from nova_spi.artifacts.locking import held
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images.debian_apt import asked
from nova_spi.images.debian_records import Package
from nova_spi.progress import Progress


def fetched(
    packages: Sequence[Package], platform: Platform, cache_dir: Path, progress: Progress
) -> dict[Package, Path]:
    """The .deb file of each package, verified; what is not in the cache, or damaged there, is fetched.

    Args:
        packages: Which ones.
        platform: Of the image, for apt.
        cache_dir: The cache; theirs is ``debian/packages`` in it.
        progress: Is told of what is fetched.

    Raises:
        BuildFailed: One is not to be had, is not what its digest says, or the disk is full.
    """
    folder = cache_dir / "debian" / "packages"
    with _told_when_full(folder):
        folder.mkdir(parents=True, exist_ok=True)
        found = {each: folder / f"{each.sha256}.deb" for each in packages}
        if any(not is_whole(path, each.sha256) for each, path in found.items()):
            with held(folder.parent / "packages.lock"):
                missing = [each for each, path in found.items() if not is_whole(path, each.sha256)]
                if missing:
                    _fetch(missing, platform, cache_dir, folder, progress)
    return found


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a plain file is there with this digest."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as stream:
        return stat.S_ISREG(os.fstat(handle).st_mode) and hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def _fetch(missing: Sequence[Package], platform: Platform, cache_dir: Path, folder: Path, progress: Progress) -> None:
    progress.stage("base", f"fetching {len(missing)} packages of the distribution")
    with asked(cache_dir, platform, progress, newest=False) as apt, tempfile.TemporaryDirectory(dir=folder) as scratch:
        apt.fetch(missing, Path(scratch))
        came = {_digest(path): path for path in sorted(Path(scratch).glob("*.deb"))}
        for each in missing:
            path = came.get(each.sha256)
            if path is None:
                raise BuildFailed(
                    f"{each.name} {each.version} came with another content than its digest says.",
                    why=f"sha256:{each.sha256} is pinned, and no file that came has it.",
                    mend="Choose anew, which rewrites nova-spi.lock: --base-image debian",
                    code="build.package",
                )
            path.chmod(0o644)
            path.replace(folder / f"{each.sha256}.deb")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _told_when_full(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in FULL
        raise BuildFailed(
            f"{folder} cannot be written: {error.strerror}.",
            mend="Make room on its disk, or set NOVA_SPI_CACHE_DIR to a larger one." if full else "",
            code="artifact.disk_full" if full else "artifact.unwritable",
        ) from error
