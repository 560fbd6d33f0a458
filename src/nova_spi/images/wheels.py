"""A model's packages for the image's platform and Python, installed on this machine without running any of their code.

pip takes wheels alone and lays them into a folder. What it writes of this machine is taken out again: the interpreter
in the first line of scripts, where a file came from, and when.
"""

import base64
import csv
import hashlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images import target_pip
from nova_spi.images.layers import Entry
from nova_spi.images.python_facts import PythonFacts
from nova_spi.progress import Progress
from nova_spi.project import requirements
from nova_spi.project.installer import variables, without_passwords

SECONDS = 3600
ENVIRONMENT = "opt/model"
"""Where the model's virtual environment stands in an image."""

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
OLDEST_GLIBC = 17
"""Tags begin with manylinux_2_17, as manylinux2014 is called too; 2.5 and 2.12 come as manylinux1 and manylinux2010."""

UNKNOWN_GLIBC = 28
_DROPPED = frozenset({"direct_url.json", "REQUESTED"})
_MISSING = re.compile(r"No matching distribution found for (.+)")
_SHEBANG = re.compile(rb"\A#!([^\n]*python[^\n]*)\n")
_TRAMPOLINE = re.compile(rb"\A#!/bin/sh\n'''exec' [^\n]+\n' '''\n")
LAST_LINES = 20


def tags(python: PythonFacts, platform: Platform) -> tuple[str, ...]:
    """The platform tags of wheels that run there, the newest first (PEP 600, PEP 656).

    Raises:
        BuildFailed: Nobody publishes wheels for it.
    """
    machine = MACHINES.get(platform.architecture)
    if machine is None:
        raise BuildFailed(f"Images for {platform} are not built; {', '.join(sorted(MACHINES))} are.")
    if python.libc == "musl":
        return tuple(f"musllinux_1_{minor}_{machine}" for minor in (2, 1))
    newest = int(python.libc_version.partition(".")[2] or UNKNOWN_GLIBC)
    old = ("manylinux2014", *(("manylinux2010", "manylinux1") if machine == "x86_64" else ()))
    named = [f"manylinux_2_{minor}" for minor in range(newest, OLDEST_GLIBC - 1, -1)]
    return tuple(f"{name}_{machine}" for name in (*named, *old, "linux"))


def install_packages(
    snapshot: "requirements.Snapshot | None",
    python: PythonFacts,
    platform: Platform,
    folder: Path,
    progress: Progress,
    *,
    place: str = ENVIRONMENT,
) -> Iterator[Entry]:
    """Makes an environment, the model's as a rule: what a virtual environment holds, and the packages.

    Args:
        snapshot: The requirements; None is an environment without packages.
        python: Of the base image.
        platform: Of the image.
        folder: A new folder for what pip installs; it must stay until the entries are written.
        progress: Is told.
        place: Where it stands in the image.

    Raises:
        BuildFailed: pip failed, as a rule since there is no wheel; the details hold its last lines.
    """
    yield from _environment(python, place)
    if snapshot is None:
        return
    progress.stage("packages", f"for Python {python.version} on {platform}")
    target = folder / "packages"
    _install(snapshot, python, platform, folder, target)
    yield from _entries(target, python, place)


def _environment(python: PythonFacts, place: str) -> Iterator[Entry]:
    """What makes a folder a virtual environment (PEP 405); by hand, since the base's Python does not run here."""
    home = PurePosixPath(python.path).parent
    config = f"home = {home}\ninclude-system-site-packages = false\nversion = {python.version}\n"
    yield Entry(place)
    yield Entry(f"{place}/pyvenv.cfg", config.encode())
    for folder in ("bin", "lib", f"lib/python{python.minor}", f"lib/python{python.minor}/site-packages"):
        yield Entry(f"{place}/{folder}")
    yield Entry(f"{place}/bin/python{python.minor}", PurePosixPath(python.path))
    for name in ("python", "python3"):
        yield Entry(f"{place}/bin/{name}", PurePosixPath(f"python{python.minor}"))


def _install(
    snapshot: "requirements.Snapshot", python: PythonFacts, platform: Platform, folder: Path, target: Path
) -> None:
    if importlib.util.find_spec("pip") is None:
        raise BuildFailed(
            "pip is not here.", mend="python -m ensurepip, or apt-get install python3-pip", code="build.no_pip"
        )
    main = snapshot.copy_to(folder / "requirements")
    argv = [
        *(sys.executable, "-P", target_pip.__file__, json.dumps(_markers(python, platform))),
        *("--no-input", "--disable-pip-version-check", "install", "--progress-bar", "off", "--no-compile"),
        *("--target", str(target), "--only-binary", ":all:", "--implementation", "cp"),
        *(
            "--python-version",
            python.version,
            "--abi",
            f"cp{python.minor.replace('.', '')}",
            "--abi",
            "abi3",
            "--abi",
            "none",
        ),
        *(word for tag in tags(python, platform) for word in ("--platform", tag)),
        *("-r", str(main)),
    ]
    # pip makes folders for its own use with this mask in force; what it makes is normalised in the layer.
    with tempfile.TemporaryFile() as log:
        try:
            done = subprocess.run(
                argv, cwd=folder / "requirements", env=variables(os.environ), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise BuildFailed(f"The model's packages took longer than {SECONDS} s to fetch.") from error
        log.seek(0)
        told = without_passwords(log.read()[-64 * 1024 :]).decode("utf-8", "replace")
    if done.returncode:
        raise _failed(told, done.returncode, python, platform)


def _failed(told: str, status: int, python: PythonFacts, platform: Platform) -> BuildFailed:
    lines = [line for line in told.splitlines() if line.strip()][-LAST_LINES:]
    missing = _MISSING.search(told)
    if missing:
        return BuildFailed(
            f"There is no wheel of {missing[1].strip()[:200]} for Python {python.version} on {platform}.",
            why="An image is made without running anything, so it takes wheels and builds none.",
            mend="Choose a version with a wheel, or put a wheel of your own into the project and name its path.",
            code="build.no_wheel",
            lines=lines,
        )
    errors = [line for line in lines if line.lower().startswith("error")]
    why = errors[-1] if errors else lines[-1] if lines else f"pip ended with {status}."
    return BuildFailed("The model's packages could not be installed.", why=why, code="build.packages", lines=lines)


def _markers(python: PythonFacts, platform: Platform) -> dict[str, str]:
    full = python.version if python.version.count(".") > 1 else f"{python.version}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": MACHINES[platform.architecture],
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": python.minor,
        "sys_platform": "linux",
    }


def _entries(target: Path, python: PythonFacts, environment: str) -> Iterator[Entry]:
    """What pip laid there, at its places in the environment; a wheel's own data stands beside the packages."""
    site = f"lib/python{python.minor}/site-packages"
    outside, records = _outside(target), sorted(target.glob("*.dist-info/RECORD"))
    digests: dict[str, tuple[str, str]] = {}
    for path in sorted(each for each in target.rglob("*") if each.is_file() and not each.is_symlink()):
        relative = path.relative_to(target).as_posix()
        if path in records or (path.name in _DROPPED and path.parent.name.endswith(".dist-info")):
            continue
        place = relative if relative in outside else f"{site}/{relative}"
        script = relative in outside and relative.startswith("bin/")
        content = _own_script(path.read_bytes(), python, environment) if script else None
        if content is not None:
            digests[relative] = (_hash(content), str(len(content)))
        executable = script or bool(path.stat().st_mode & 0o111)
        yield from with_parents(environment, place, path if content is None else content, executable=executable)
    for record in records:
        relative = record.relative_to(target).as_posix()
        yield from with_parents(environment, f"{site}/{relative}", _record(record, digests))


def with_parents(
    environment: str, relative: str, source: "bytes | Path", *, executable: bool = False
) -> Iterator[Entry]:
    """A file of an environment, and the folders above it that are its own."""
    path = f"{environment}/{relative}"
    for parent in PurePosixPath(path).parents:
        if not PurePosixPath(environment).is_relative_to(parent):
            yield Entry(str(parent))
    yield Entry(path, source, executable)


def _outside(target: Path) -> frozenset[str]:
    """Files that belong beside the packages and not among them: RECORD names them by ``../../``."""
    found = set()
    for record in target.glob("*.dist-info/RECORD"):
        for row in csv.reader(io.StringIO(record.read_text("utf-8"))):
            if row and row[0].startswith("../../"):
                found.add(row[0].removeprefix("../../"))
    return frozenset(found)


def _own_script(content: bytes, python: PythonFacts, environment: str) -> bytes:
    """A script that runs with the environment's Python, and not with this machine's."""
    own = f"#!/{environment}/bin/python{python.minor}\n".encode()
    for pattern in (_TRAMPOLINE, _SHEBANG):
        if pattern.match(content):
            return pattern.sub(own, content, count=1)
    return content


def _record(record: Path, digests: "dict[str, tuple[str, str]]") -> bytes:
    """RECORD for the files as they are in the image (PEP 376): sorted, without what was taken out."""
    rows = []
    for row in csv.reader(io.StringIO(record.read_text("utf-8"))):
        if not row or PurePosixPath(row[0]).name in _DROPPED:
            continue
        inside = row[0].removeprefix("../../")
        name = f"../../../{inside}" if inside != row[0] else row[0]
        rows.append([name, *digests.get(inside, ())] if inside != row[0] and inside in digests else [name, *row[1:]])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    return text.getvalue().encode()


def _hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
