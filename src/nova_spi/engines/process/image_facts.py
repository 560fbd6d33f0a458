"""What is to be known of an unpacked image before a program runs in it: its Python, and its user."""

import json
import re
import tempfile
from pathlib import Path

from nova_spi.artifacts.configs import ImageConfig
from nova_spi.engines.port import Environment, Job, Limits
from nova_spi.engines.process.isolation.inside import DEFAULT_PATH, Inside
from nova_spi.engines.process.isolation.order import USER_INSIDE
from nova_spi.engines.process.remembering import remember
from nova_spi.engines.process.running import run
from nova_spi.errors import ArtifactInvalid, EnvironmentFailed
from nova_spi.progress import Silent

ENVIRONMENT = Path("/opt/model/bin/python")
"""The Python of a model's own environment, where an image has one; else its PATH says."""
START_SECONDS = 60.0
_VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}")
_ASK = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
_MOST_USERS = 1 << 20
"""Bytes of an image's ``/etc/passwd`` that are read."""
_LARGEST_USER = (1 << 31) - 1


def python_of(config: ImageConfig, root: Path, name: str) -> Path:
    """The interpreter, as a program inside sees it.

    Args:
        config: The image's.
        root: Its files.
        name: Its name, for messages.

    Raises:
        ArtifactInvalid: It has none.
    """
    inside = Inside(root)
    folders = config.environment.get("PATH", DEFAULT_PATH).split(":")
    tried = [ENVIRONMENT, *(Path("/", folder, each) for folder in folders for each in ("python3", "python"))]
    found = next((path for path in tried if inside.program(path)), None)
    if found is None:
        raise ArtifactInvalid(
            f"The image {name} has no Python.",
            why=f"There is no {ENVIRONMENT}, and no python3 in {':'.join(folders)[:200]}.",
            mend="nova-spi build",
        )
    return found


def version_of(environment: Environment, memory: Path) -> str:
    """The exact version of an image's Python, asked once in a sandbox, which shows too that the image runs here.

    Args:
        environment: The image's.
        memory: The file that remembers the answer.

    Raises:
        EnvironmentFailed: It does not start.
    """
    try:
        said = json.loads(memory.read_bytes())
        if said["python"] == str(environment.python) and _VERSION.fullmatch(said["version"]):
            return str(said["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not asked yet
    version = _asked(environment)
    remember(memory, {"python": str(environment.python), "version": version})
    return version


def user_of(config: ImageConfig, root: Path) -> int:
    """The user number that an image's program runs as.

    Root is nobody's: an image that says root, or nothing, is run as the usual user of a model.

    Args:
        config: The image's.
        root: Its files, for the number of a name.

    Raises:
        ArtifactInvalid: There is no such user.
    """
    said = config.user.partition(":")[0]
    number = (
        said if said.isascii() and said.isdigit() else _numbers(root).get(said, "0" if said in ("", "root") else "")
    )
    if not number.isdigit() or int(number[:11]) > _LARGEST_USER:
        raise ArtifactInvalid(
            f"The image runs as {said[:80]!r}, who is not in it.", mend="Build it with a user number, e.g. USER 1000."
        )
    return int(number) or USER_INSIDE


def _asked(environment: Environment) -> str:
    with tempfile.TemporaryDirectory(prefix="nova-spi-image-") as scratch:
        folder = Path(scratch, "run")
        folder.mkdir()
        log = Path(scratch, "log.txt")
        argv = (str(environment.python), "-I", "-S", "-c", _ASK)
        limits = Limits(START_SECONDS)
        variables = {"PATH": DEFAULT_PATH} | dict(environment.variables)
        job = Job(argv, folder, Path("/"), variables, log, limits, network="none", environment=environment)
        outcome = run(job, Silent(), level="sandbox")
        lines = log.read_text(encoding="utf-8", errors="replace").split()[-1:]
    said = lines[-1] if lines else ""
    if outcome.exit_code != 0 or not _VERSION.fullmatch(said):
        name = environment.image.name if environment.image is not None else ""
        raise EnvironmentFailed(
            f"The Python of the image {name} does not start.",
            why=said[:300] or f"{environment.python} ended with {outcome.exit_code}: {outcome.reason}.",
            mend="Build the image again: nova-spi build",
        )
    return said


def _numbers(root: Path) -> dict[str, str]:
    """The users of an image: name and number."""
    place = Inside(root).find(Path("/etc/passwd"))
    if place is None or not place.is_file() or place.is_symlink():
        return {}
    with place.open("rb") as stream:
        lines = stream.read(_MOST_USERS).decode("utf-8", "replace").splitlines()
    users = (line.split(":") for line in lines)
    return {fields[0]: fields[2] for fields in users if len(fields) > 2 and fields[2].isascii()}
