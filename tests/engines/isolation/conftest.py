"""Real attacks, each in a run of its own. As root at level ``sandbox`` alone: at others by another user."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what images are made of, and run by

from image_range import Base, ImageRange

import nova_spi

USER = 65534
SOURCES = str(Path(nova_spi.__file__).parent.parent)
BASE = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
DRIVER = """
import json, sys
from pathlib import Path
from nova_spi.engines.port import Job, Limits
from nova_spi.engines.process.running import run
from nova_spi.progress import Silent

asked = json.load(sys.stdin)
folder = Path(asked["folder"])
job = Job(
    (asked.get("python") or sys.executable, "-c", asked["program"]), folder, folder,
    {"PATH": "/usr/bin:/bin"} | asked["variables"], Path(asked["log"]), Limits(**asked["limits"]),
    network=asked["network"], base_work_dir=Path("/app"),
    readable=tuple(map(Path, asked["readable"])),
)
outcome = run(job, Silent(), level=asked["level"])
print(json.dumps({"reason": outcome.reason, "exit": outcome.exit_code, "signal": outcome.signal,
                  "left": outcome.leftovers, "wall": outcome.wall_seconds}))
"""
REASONS = """
import sys
from pathlib import Path
from nova_spi.engines.process.isolation.levels import why_not
print(why_not(sys.argv[1], Path(sys.argv[2])))
"""


@cache
def python_of(who: str) -> str:
    """A Python 3.11 or later that this user can start and import nova_spi with; empty where there is none."""
    wanted = "import sys; assert sys.version_info >= (3, 11); import nova_spi.engines.process.isolation.levels"
    for name in (BASE, *filter(None, map(shutil.which, ("python3", "/usr/bin/python3")))):
        with contextlib.suppress(OSError):
            if as_user(who, [name, "-B", "-c", wanted]).returncode == 0:
                return name
    return ""


def as_user(who: str, argv: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    user = {"user": USER, "group": USER, "extra_groups": []} if who == "user" and os.geteuid() == 0 else {}
    environment = {"PATH": os.defpath, "PYTHONPATH": SOURCES, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        argv, input=given, capture_output=True, text=True, env=environment, cwd="/", timeout=60, check=False, **user
    )


@cache
def missing(who: str, level: str) -> str:
    """Why a level is not to be had for root or for an ordinary user; empty where it is."""
    python = python_of(who)
    if not python:
        return "no Python that an ordinary user can start with nova-spi"
    with tempfile.TemporaryDirectory() as folder:
        found = as_user(who, [python, "-B", "-c", REASONS, level, folder])
    return found.stdout.strip() or found.stderr.strip()


class Range:
    """Where programs run: as root or as an ordinary user, at one level."""

    def __init__(self, who: str, level: str) -> None:
        self.who, self.level = who, level
        self.owner = USER if who == "user" and os.geteuid() == 0 else os.geteuid()
        self.folder = Path(tempfile.mkdtemp(prefix="range-", dir="/var/tmp"))
        self.work = self.folder / "run"
        self.work.mkdir()
        for path in (self.folder, self.work):
            os.chown(path, self.owner, self.owner)

    def run(self, program: str, *, network: str = "none", python: str = "", variables=None, readable=(), **limits):
        """Runs a program; returns how it ended, and everything that it printed."""
        log = self.folder / "log.txt"
        log.unlink(missing_ok=True)
        asked = {"folder": str(self.work), "program": program, "level": self.level, "network": network}
        asked |= {
            "python": python,
            "variables": variables or {},
            "limits": {"timeout_seconds": 20.0} | limits,
            "log": str(log),
        }
        asked |= {"readable": list(map(str, readable))}
        found = as_user(self.who, [python_of(self.who), "-B", "-c", DRIVER], json.dumps(asked))
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout), log.read_text()

    def start(self, program: str) -> subprocess.Popen[str]:
        """Starts a run and does not wait for it; it is of the caller's own user."""
        asked = {"folder": str(self.work), "program": program, "level": self.level, "network": "none"}
        asked |= {"python": "", "variables": {}, "limits": {"timeout_seconds": 20.0}, "readable": []}
        environment = {"PATH": os.defpath, "PYTHONPATH": SOURCES}
        argv = [python_of("root"), "-B", "-c", DRIVER]
        started = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, env=environment, stdout=subprocess.DEVNULL)
        with started.stdin as told:
            json.dump(asked | {"log": str(self.folder / "log.txt")}, told)
        return started

    @property
    def python(self) -> str:
        """The Python that programs are run with."""
        return python_of(self.who)

    def drive(self, source: str, asked: dict[str, object]) -> subprocess.CompletedProcess[str]:
        """Runs a program of the test's own that uses an engine."""
        return as_user(self.who, [self.python, "-B", "-c", source], json.dumps(asked, default=str))

    def close(self) -> None:
        shutil.rmtree(self.folder)


@pytest.fixture
def field(request) -> Iterator[Range]:
    """A `Range`; parametrised indirectly with who and level."""
    who, level = request.param
    if who == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    if level == "process" and not python_of(who):
        pytest.skip("no Python that an ordinary user can start with nova-spi")
    if level != "process" and (reason := missing(who, level)):
        pytest.skip(reason)
    made = Range(who, level)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def base_image() -> Iterator[Base]:
    """A small image with this machine's Python, and more of its kind."""
    if sys.platform != "linux":
        pytest.skip("images are of Linux")
    made = Base()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session", params=["root", "user"])
def image_ranges(request, base_image) -> Iterator[ImageRange]:
    """One cache for each user, so that the image is unpacked once."""
    who = request.param
    if who == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    if reason := missing(who, "sandbox"):
        pytest.skip(reason)
    owner = USER if who == "user" and os.geteuid() == 0 else os.geteuid()
    made = ImageRange(who, owner, lambda words, given: as_user(who, [python_of(who), *words], given), base_image.image)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def images(image_ranges) -> ImageRange:
    """An `ImageRange` with empty folders."""
    image_ranges.fresh()
    return image_ranges
