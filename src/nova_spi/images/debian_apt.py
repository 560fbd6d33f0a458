"""apt of this machine, asked what an empty system would need, and to fetch it; nothing of the machine is changed.

apt verifies what it fetches by the machine's own sources and keys. Everything that it would write goes to folders of
ours, so no root is needed, and another architecture needs no ``dpkg --add-architecture``: it has lists of its own here.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nova_spi.artifacts.locking import held
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images.debian_failures import failed
from nova_spi.images.debian_records import MAX_TEXT, Package, package, records, to_fetch
from nova_spi.progress import Progress
from nova_spi.project.installer import without_passwords

SECONDS = 1800
ARCHITECTURES = {"amd64": "amd64", "arm64": "arm64"}
"""Ours and Debian's names of those that images are built for."""

MACHINE_LISTS = Path("/var/lib/apt/lists")
_PASSED = re.compile(r"PATH|HOME|TMPDIR|APT_CONFIG|(https?|ftp|all|no)_proxy", re.IGNORECASE)


class Apt:
    """apt for one architecture. Make one with `asked`."""

    def __init__(self, folder: Path, lists: Path, architecture: str) -> None:
        self._folder = folder
        self._lists = lists
        self._architecture = architecture

    def known(self, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
        """The newest record of each package that apt knows, by its name; others are left out."""
        wanted = sorted(names)
        text = self._run(("apt-cache", "show", "--no-all-versions", *wanted), fails=True)
        return {each["package"]: each for each in records(text) if each.get("package") in wanted}

    def resolve(self, names: Sequence[str], installed: str) -> list[Package]:
        """The packages that these need, themselves included, on a system that has ``installed``.

        Args:
            names: Of packages.
            installed: What is there already, as paragraphs of dpkg's status file.

        Raises:
            BuildFailed: One is not available, or they do not go together.
        """
        (self._folder / "status").write_text(installed, "utf-8")
        words = to_fetch(self._run(("apt-get", "install", "-y", "-qq", "--print-uris", *names)))
        if not words:
            return []
        text = self._run(("apt-cache", "show", *words))
        found = {
            f"{each.name}:{each.architecture}={each.version}": each for each in map(package, records(text)) if each
        }
        missing = [word for word in words if word not in found]
        if missing:
            raise BuildFailed(f"apt has no SHA-256 of {', '.join(missing)[:300]}.", code="build.packages")
        return sorted(found[word] for word in words)

    def fetch(self, packages: Sequence[Package], folder: Path) -> None:
        """Fetches .deb files into a folder; apt verifies each by its signed lists.

        Raises:
            BuildFailed: One is not to be had any more, there is no network, or the disk is full.
        """
        words = [f"{each.name}:{each.architecture}={each.version}" for each in packages]
        self._run(("apt-get", "download", "-qq", *words), folder)

    def update(self) -> None:
        """Fetches the lists of packages into our own folder."""
        self._run(("apt-get", "update", "-qq"))

    def write_config(self) -> None:
        """Writes the file that keeps apt inside our folders."""
        for name in ("lists/partial", "cache/archives/partial"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        # Hooks of the machine (docker-clean, appstream) would write to it after an update.
        text = f"""\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architecture "{self._architecture}";
APT::Architectures {{ "{self._architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::State::lists "{self._lists}";
Dir::State::status "{self._folder}/status";
Dir::State::extended_states "{self._folder}/extended_states";
Dir::Cache "{self._folder}/cache";
"""
        (self._folder / "apt.conf").write_text(text)

    def _run(self, words: Sequence[str], folder: Path | None = None, *, fails: bool = False) -> str:
        program, verb, *rest = words
        argv = [program, "-c", str(self._folder / "apt.conf"), verb, *rest]
        passed = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            try:
                done = subprocess.run(
                    argv, cwd=folder or self._folder, env=passed | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
                    stdin=subprocess.DEVNULL, stdout=said, stderr=told, timeout=SECONDS, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired as error:
                raise BuildFailed(f"{program} {verb} took longer than {SECONDS} s.", code="build.packages") from error
            said.seek(0)
            told.seek(0)
            if done.returncode and not fails:
                raise failed(program, verb, without_passwords(told.read(64 * 1024)).decode("utf-8", "replace"))
            return said.read(MAX_TEXT + 1).decode("utf-8", "replace")


def installed(record: Mapping[str, str]) -> str:
    """One package as dpkg's status file has an installed one, without what it needs: that is judged elsewhere."""
    fields = [f"Package: {record['package']}", "Status: install ok installed"]
    for name in ("Architecture", "Multi-Arch", "Source", "Version", "Provides"):
        if value := record.get(name.lower()):
            fields.append(f"{name}: {value}")
    return "\n".join([*fields, "Maintainer: nobody <nobody@localhost>", "Description: none", "", ""])


@contextmanager
def asked(cache_dir: Path, platform: Platform, progress: Progress, *, newest: bool) -> Iterator[Apt]:
    """apt, ready to be asked about a platform.

    The machine's own lists of packages count where they are for the platform; else lists of ours are fetched.

    Args:
        cache_dir: Where lists of ours are kept.
        platform: Of the image.
        progress: Is told of the lists that are fetched.
        newest: Whether lists of ours are fetched again; the machine's are its own matter.

    Raises:
        BuildFailed: apt is not here, or there are no lists and they cannot be fetched.
    """
    _programs()
    architecture = ARCHITECTURES.get(platform.architecture)
    if platform.os != "linux" or architecture is None:
        raise BuildFailed(
            f"The base debian is not made for {platform}.",
            why=f"It is made for {', '.join(f'linux/{name}' for name in ARCHITECTURES)}.",
            code="build.base_platform",
        )
    here = Platform.here().fits(platform) and _has_lists(MACHINE_LISTS, architecture)
    lists = MACHINE_LISTS if here else cache_dir / "debian" / f"lists-{architecture}"
    with tempfile.TemporaryDirectory(prefix="nova-spi-apt-") as scratch:
        apt = Apt(Path(scratch), lists.absolute(), architecture)
        apt.write_config()
        if not here:
            lists.mkdir(parents=True, exist_ok=True)
            with held(lists.with_name(f"{lists.name}.lock")):
                if newest or not _has_lists(lists, architecture):
                    progress.stage("base", f"lists of packages for {platform}")
                    (lists / "partial").mkdir(exist_ok=True)
                    apt.update()
                if not _has_lists(lists, architecture):
                    raise _no_lists(platform)
        yield apt


def can_be_asked(platform: Platform) -> str:
    """Why the base ``debian`` cannot be made here for a platform; empty where it can."""
    try:
        _programs()
    except BuildFailed as error:
        return error.message
    return "" if platform.os == "linux" and platform.architecture in ARCHITECTURES else f"not for {platform}"


def _programs() -> None:
    for program in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(program) is None:
            raise BuildFailed(
                f"The base debian is assembled by apt, and {program} is not here.",
                why="It is a part of Debian and Ubuntu.",
                mend="Use --base-image with a reference, an OCI layout or an archive.",
                code="build.no_apt",
            )


def _has_lists(folder: Path, architecture: str) -> bool:
    return any(folder.glob(f"*_binary-{architecture}_Packages*"))


def _no_lists(platform: Platform) -> BuildFailed:
    return BuildFailed(
        f"apt's sources have no packages for {platform}.",
        why="Their lists were fetched, and hold none.",
        mend="Look at the machine's sources (/etc/apt/sources.list.d), then apt-get update.",
        code="build.no_package_lists",
    )
