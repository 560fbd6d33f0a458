"""``execution.system_packages`` on the base ``debian``: those packages and what they need, as a layer of their own.

No maintainer script runs. What scripts do as a rule (users, services, caches) a model does not need; links by
update-alternatives are read out of them; where a package cannot work without its script, it is refused.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images.debian import SCRIPTS_ONLY, package_entries, pretended
from nova_spi.images.debian_alternatives import alternatives, links
from nova_spi.images.debian_apt import asked, installed
from nova_spi.images.debian_failures import no_package
from nova_spi.images.debian_files import control_files, is_kept, placed
from nova_spi.images.debian_records import Package, records
from nova_spi.images.debian_store import fetched
from nova_spi.images.layers import Entry, Layer, write_layer
from nova_spi.images.steps import needs_step
from nova_spi.progress import Progress

_NOT_RUN = ("debconf", "dpkg", "install-info")
"""Of `SCRIPTS_ONLY` what no program of a package needs while it runs."""


def resolve_system(
    names: Sequence[str], base: Sequence[Package], platform: Platform, cache_dir: Path, progress: Progress
) -> tuple[Package, ...]:
    """The packages that the base lacks for these to be there.

    Args:
        names: execution.system_packages: ``NAME``, ``NAME=VERSION``.
        base: What the base has.
        platform: Of the image.
        cache_dir: See `nova_spi.images.debian_apt.asked`.
        progress: Is told.

    Raises:
        BuildFailed: One is not available, or they do not go together.
    """
    debs = fetched(base, platform, cache_dir, progress)
    there = "".join(
        installed(next(records(control_files(deb)["control"].decode("utf-8", "replace")))) for deb in debs.values()
    )
    progress.stage("base", f"choosing {', '.join(names)[:200]} and what they need")
    plain = {re.split("[:=]", name)[0] for name in names}
    really = [name for name in SCRIPTS_ONLY if name not in _NOT_RUN or name in plain]
    with asked(cache_dir, platform, progress, newest=False) as apt:
        unknown = sorted(plain - set(apt.known(plain)))
        if unknown:  # else apt might take a name for a pattern, or one that ends in - for a removal
            raise no_package(unknown[0], "execution.system_packages names it.")
        found = apt.resolve(sorted(names), there + pretended(but=really))
    # apt fetches again what it thinks is the same version built otherwise, since ours do not say what they need.
    return tuple(each for each in found if each not in base)


def system_layer(
    packages: Sequence[Package],
    layout: Layout,
    platform: Platform,
    cache_dir: Path,
    progress: Progress,
    *,
    seconds: int = 0,
) -> Layer:
    """Writes the layer of some packages.

    Raises:
        BuildFailed: One needs its maintainer script (``build.needs_step``), is not to be had, or is damaged.
    """
    debs = fetched(packages, platform, cache_dir, progress)
    progress.stage("base", f"laying out {len(packages)} system packages")
    made, scripted = [], []
    for each, deb in sorted(debs.items()):
        script = control_files(deb).get("postinst", b"").decode("utf-8", "replace")
        if script:
            scripted.append(each.name)
        try:
            made += alternatives(script)
        except ValueError as error:
            raise _needs_script(each.name, f"It places files by update-alternatives, and {error}.") from error
    with layout.blobs.told_when_full(), tempfile.TemporaryDirectory(prefix="nova-spi-debian-") as scratch:
        found = package_entries(debs, Path(scratch))
        for path in found:
            if path.startswith("etc/ld.so.conf.d/") and path.endswith(".conf"):
                raise _needs_script(
                    "A package", f"/{path} names a folder of libraries, which only ldconfig makes known."
                )
        for entry in _linked(list(links(made)), found):
            found.setdefault(entry.path, entry)
        layer = write_layer(layout, _below_top(found), "nova-spi: system packages", seconds=seconds)
    if scripted:
        progress.warn(
            f"Maintainer scripts do not run when an image is made without an engine: {', '.join(scripted)[:300]}."
        )
    return layer


def _needs_script(name: str, why: str) -> BuildFailed:
    return needs_step(
        f"{name} of execution.system_packages needs a step that runs inside the image.",
        why,
        "Leave it out, or use a base image that has it.",
    )


def _linked(entries: Sequence[Entry], found: "dict[str, Entry]") -> Iterator[Entry]:
    """The links of alternatives that stand for something, those to dropped manual pages left out."""
    targets = {entry.path: str(entry.source) for entry in entries}
    for entry in entries:
        end = targets.get(targets[entry.path].lstrip("/"), targets[entry.path])
        if placed(end.lstrip("/"), Path()) in found:
            path = placed(entry.path, Path())
            if is_kept(path):
                yield Entry(path, entry.source)


def _below_top(found: "dict[str, Entry]") -> list[Entry]:
    """Without the top folders, which are the base's: some are links there, and one is open to all."""
    return [entry for path, entry in found.items() if "/" in path or entry.source is not None]
