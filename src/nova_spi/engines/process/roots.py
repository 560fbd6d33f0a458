"""Images as environments of this machine: unpacked once for each digest, and looked at by starting their Python once.

    CACHE/images/HEX          the image's root; see `nova_spi.artifacts.trees`
    CACHE/images/HEX.used     held, shared, by every process that uses it; its time is that of the last use
    CACHE/images/HEX.json     what its Python said of itself

Who unpacks a new one removes those that nobody uses and that were used longest ago.
"""

import os
import re
import shutil
import time
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest, read_manifest
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.splitting import split
from nova_spi.artifacts.trees import kept_tree, tree_place
from nova_spi.engines.port import Environment, Image
from nova_spi.engines.process.image_facts import python_of, user_of, version_of
from nova_spi.engines.process.locking import locked, share
from nova_spi.errors import ArtifactInvalid, EngineUnavailable
from nova_spi.progress import Progress, Silent

KEEP = 8
IDLE_SECONDS = 3600.0
_SWITCHES = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "15000"),
)
"""Switches of the kernels of Debian and Ubuntu that forbid namespaces: name, the value that does, one that does not."""
_TREE = re.compile(r"([0-9a-f]{64}|[0-9a-f]{128})(-[0-9a-f]{16})?")


class Roots:
    """The images of the cache.

    Args:
        cache_dir: The cache's root; ``images`` is made below it.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._held: set[Path] = set()

    def provide(self, image: Image, progress: Progress) -> Environment:
        """Unpacks an image where it is not there yet, and says what a job needs to know of it.

        Its working folder is left out where that has layers of its own: a run has a folder of its own there.

        Raises:
            ArtifactInvalid: It is missing, damaged or hostile, or has no Python.
            EngineUnavailable: It is for another machine.
            EnvironmentFailed: Its Python does not start.
        """
        layout, manifest, config = _opened(image)
        work_dir = config.environment.get("SPI_WORK_DIR") or config.working_dir
        manifest, _ = split(layout, manifest, work_dir.strip("/"), self._cache_dir)
        place = tree_place(manifest, self._cache_dir)
        self._use(place)
        cached = place.is_dir()
        root = kept_tree(layout, manifest, self._cache_dir, progress=progress)
        if not cached:
            with suppress(OSError):  # what cannot be tidied up is no reason to fail
                prune(self._cache_dir)
        python = python_of(config, root, image.name)
        environment = Environment(
            python=python,
            version="",
            digest=image.manifest,
            variables=dict(config.environment),
            cached=cached,
            image=image,
            root=root,
            user=user_of(config, root),
        )
        return replace(environment, version=version_of(environment, root.with_suffix(".json")))

    def _use(self, place: Path) -> None:
        """From now on, as long as this object lives, nobody removes the tree."""
        used = place.with_suffix(".used")
        with suppress(OSError):  # a cache that we may read and not write: nobody of us prunes it either
            if place not in self._held:
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                weakref.finalize(self, os.close, share(used))
                self._held.add(place)
            os.utime(used)


def prune(cache_dir: Path, keep: int = KEEP, idle_seconds: float = IDLE_SECONDS) -> list[str]:
    """Deletes trees that were not used for long; never one that somebody uses or makes.

    Args:
        cache_dir: The cache's root.
        keep: How many stay, those used last.
        idle_seconds: None is deleted whose last use began in this time.

    Returns:
        The names of those that were deleted.
    """
    folder = cache_dir.absolute() / "images"
    trees = [path for path in folder.glob("*") if _TREE.fullmatch(path.name) and path.is_dir()]
    deleted = []
    for last_use, tree in sorted(((_last_use(tree), tree) for tree in trees), reverse=True)[keep:]:
        if last_use > time.time() - idle_seconds:
            continue
        lock, used, draft = (tree.with_suffix(suffix) for suffix in (".lock", ".used", ".draft"))
        with locked(lock, Silent(), wait=False) as not_made, locked(used, Silent(), wait=False) as not_used:
            if not_made and not_used:
                shutil.rmtree(draft, ignore_errors=True)
                tree.rename(draft)  # at once: what is half deleted is no tree
                shutil.rmtree(draft)
                tree.with_suffix(".json").unlink(missing_ok=True)
                used.unlink(missing_ok=True)
                deleted.append(tree.name)
    return deleted


def mend_for_sandbox() -> str:
    """What would give this machine a sandbox, or else another way to run an image."""
    for switch, wrong, mend in _SWITCHES:
        try:
            if Path("/proc/sys", *switch.split(".")).read_text(encoding="ascii").strip() == wrong:
                return f"sudo sysctl {switch}={mend}"
        except (OSError, ValueError):
            continue  # a kernel without it
    return "Install Docker or Podman (sudo apt-get install podman), and use --engine docker."


def _opened(image: Image) -> tuple[Layout, Manifest, ImageConfig]:
    layout = Layout.open(image.layout)
    digest = Digest.parse(image.manifest)
    place = layout.blobs.path(digest)
    try:
        descriptor = Descriptor("", digest, place.stat().st_size)
    except OSError as error:
        raise ArtifactInvalid(
            f"The image {image.name} is not in {image.layout}.", why=f"{error}.", code="artifact.missing"
        ) from error
    manifest = read_manifest(layout.blobs.read(descriptor))
    if not isinstance(manifest, Manifest):
        raise ArtifactInvalid(f"{image.manifest} is an index of images, not an image.")
    config = layout.config(manifest)
    here = Platform.here()
    if not config.platform.fits(here):
        raise EngineUnavailable(
            f"The image {image.name} is for {config.platform}, and this machine is {here}.",
            mend=f"nova-spi build --platform {here}",
            image_platform=str(config.platform),
            platform=str(here),
        )
    return layout, manifest, config


def _last_use(tree: Path) -> float:
    times = [0.0]
    for place in (tree, tree.with_suffix(".used")):
        with suppress(OSError):
            times.append(place.stat().st_mtime)
    return max(times)
