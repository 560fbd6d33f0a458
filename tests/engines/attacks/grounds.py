"""Places where attacks are made: one for each engine, level and user of a machine. A new engine is a new class."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path

from hostile import attempt
from victim import Victim

import nova_spi
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.port import Image, Job, Limits, Mount, Recipe
from nova_spi.progress import Silent

USER = 65534
MODULES = ("files", "network", "processes", "kernel")
SOURCES = str(Path(nova_spi.__file__).parent.parent)
BASE = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
HOSTILE = Path(__file__).parent / "hostile"
DRIVER = """
import json, os, sys
from dataclasses import asdict
from pathlib import Path
from nova_spi.engines.port import Image, Job, Limits, Mount, Recipe
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.progress import Silent

asked = json.load(sys.stdin)
folder, limits = Path(asked["folder"]), Limits(**asked["limits"])
left_open = os.open(asked["left_open"], os.O_RDONLY)
os.set_inheritable(left_open, True)
engine = ProcessEngine(Path(asked["cache"]), asked["level"], folder.parent)
if asked["image"]:
    name, layout, *digests = asked["image"]
    image = Image(name, Path(layout), *digests)
    environment = engine.provide(Recipe(Path("/"), image=image), Silent())
    rows = engine.protection(limits, asked["network"], image=image)
    where = {"work_dir": Path("/app"), "environment": environment, "mounts": (Mount(folder, Path("/app"), True),)}
    variables = dict(environment.variables) | asked["variables"]
else:
    rows = engine.protection(limits, asked["network"])
    where = {"work_dir": folder, "base_work_dir": Path("/app"), "readable": tuple(map(Path, asked["readable"]))}
    variables = {"PATH": "/usr/bin:/bin"} | asked["variables"]
log, argv = Path(asked["log"]), tuple(asked["argv"])
job = Job(argv, folder, variables=variables, log=log, limits=limits, network=asked["network"], **where)
outcome = engine.run(job, Silent()) if argv else None
print(json.dumps({"outcome": outcome and asdict(outcome), "rows": {row.what: asdict(row) for row in rows}}))
"""
REASON = """
import sys
from pathlib import Path
from nova_spi.engines.process.isolation.levels import why_not
print(why_not(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[2])))
"""


class Unavailable(Exception):
    """This machine has no such place; the message says why."""


def as_user(who: str, argv: list[str], given: str = "", cwd: str = "/", **variables: str):
    """Runs a program as root or as an ordinary user."""
    user = {"user": USER, "group": USER, "extra_groups": []} if who == "user" and os.geteuid() == 0 else {}
    environment = {"PATH": os.defpath, "PYTHONPATH": SOURCES, "PYTHONDONTWRITEBYTECODE": "1"} | variables
    return subprocess.run(
        argv, input=given, capture_output=True, text=True, env=environment, cwd=cwd, timeout=110, check=False, **user
    )


@cache
def python_of(who: str) -> str:
    """A Python 3.11 or later that this user can start and import nova_spi with."""
    if who == "root" and os.geteuid() != 0:
        raise Unavailable("not root")
    wanted = "import sys; assert sys.version_info >= (3, 11); import nova_spi.engines.process.engine"
    for name in (BASE, *filter(None, map(shutil.which, ("python3", "/usr/bin/python3")))):
        with contextlib.suppress(OSError):
            done = as_user(who, [name, "-B", "-c", wanted])
            if done.returncode == 0:
                return name
            assert "Traceback" not in done.stderr or "AssertionError" in done.stderr, done.stderr
    raise Unavailable("no Python that an ordinary user can start with nova-spi")


class Ended:
    """One run: how it ended (the fields of `Outcome`), what it printed, what the report said of it."""

    def __init__(self, outcome: dict, log: str, rows: dict) -> None:
        self.outcome, self.log, self.rows = outcome, log, rows


def ends_in(said: str) -> dict[str, tuple[str, str]]:
    """What the hostile programs have printed: attack -> how it ended, and why."""
    lines = [line.partition(attempt.MARK)[2] for line in said.splitlines() if attempt.MARK in line]
    found = {line["name"]: (line["end"], line["how"]) for line in map(json.loads, lines)}
    assert found, said
    return found


class Control:
    """No engine at all: what the machine itself hinders, so that an engine is not praised for it."""

    level = "control"

    def __init__(self, who: str) -> None:
        self.who, self.name = who, f"{who}-control"
        self.python = python_of(who)
        self.owner = USER if who == "user" and os.geteuid() == 0 else os.geteuid()
        self.victim = Victim(self.owner)
        self.folder = Path(tempfile.mkdtemp(prefix="ground-", dir="/var/tmp"))
        self.work, self.log = self.folder / "run", self.folder / "log.txt"
        self.work.mkdir()
        shutil.copytree(HOSTILE, self.work / "hostile", ignore=shutil.ignore_patterns("__pycache__"))
        for path in (self.folder, self.work, *self.work.rglob("*")):
            os.chown(path, self.owner, self.owner)

    def facts(self) -> str:
        """What the attackers are told, as they take it."""
        return json.dumps(self.victim.facts() | {"log": str(self.log)})

    def attack(self) -> str:
        """Makes every attack; returns what was printed."""
        argv = [self.python, "-B", "-m", "hostile", *MODULES]
        done = as_user(self.who, argv, cwd=str(self.work), FACTS=self.facts())
        return done.stdout + done.stderr

    @cached_property
    def ends(self) -> dict[str, tuple[str, str]]:
        """Attack -> ``open``, ``blocked`` or ``broken``, and how."""
        return ends_in(self.attack())

    def tidy(self) -> None:
        """Empties the run's folder."""
        for path in self.work.iterdir():
            if path.is_dir() and not path.is_symlink():
                if path.name != "hostile":
                    shutil.rmtree(path)
            else:
                path.unlink()

    def close(self) -> None:
        """Takes everything away."""
        self.victim.close()
        shutil.rmtree(self.folder)


class Place(Control):
    """Where an engine runs programs."""

    def attack(self) -> str:
        return self.run("-m", "hostile", *MODULES).log

    @cached_property
    def worked(self) -> Ended:
        """One run of all normal work."""
        return self.run("-m", "hostile", "work")

    @cached_property
    def work_ends(self) -> dict[str, tuple[str, str]]:
        """As `ends`, of normal work."""
        return ends_in(self.worked.log)

    @cached_property
    def rows(self) -> dict[str, dict]:
        """The report without a network and without limits."""
        return self.run().rows

    def living(self, word: str) -> list[int]:
        """Processes of the machine with this word among their arguments."""
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if word.encode() in place.read_bytes().split(b"\0"):
                    found.append(int(place.parent.name))
        return found


class ProcessGround(Place):
    """The process engine at one level, driven by a process of the user that runs nova-spi.

    Attributes:
        own: The folders that a run may write, where it sees nothing else.
    """

    def __init__(self, who: str, level: str) -> None:
        python = python_of(who)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            Path(folder).chmod(0o777)
            found = as_user(who, [python, "-B", "-c", REASON, level, folder])
        if reason := found.stdout.strip() or found.stderr.strip():
            raise Unavailable(reason)
        super().__init__(who)
        self.level, self.name = level, f"{who}-{level}"
        self.program, self.image = self.python, []
        self.own = (str(self.work), "/app", "/tmp", "/dev/shm")

    @contextlib.contextmanager
    def use(self, python: str) -> Iterator[None]:
        """Another Python for a while."""
        before, self.program = self.program, python
        try:
            yield
        finally:
            self.program = before

    def run(
        self, *argv: str, network: str = "none", variables=None, readable=(), log: str = "log.txt", **limits: float
    ) -> Ended:
        """Runs the engine's Python with these arguments; none asks for the report alone."""
        place = self.folder / log
        place.unlink(missing_ok=True)
        asked = {
            "folder": str(self.work),
            "cache": str(self.folder / "cache"),
            "log": str(place),
            "argv": [self.program, "-B", *argv] if argv else [],
            "image": self.image,
            "level": self.level,
            "network": network,
            "variables": {"FACTS": self.facts()} | (variables or {}),
            "limits": {"timeout_seconds": 60.0} | limits,
            "readable": [str(path) for path in readable],
            "left_open": str(self.victim.folder / "secret.txt"),
        }
        done = as_user(self.who, [self.python, "-B", "-c", DRIVER], json.dumps(asked))
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        return Ended(said["outcome"], place.read_text(errors="replace") if argv else "", said["rows"])


class ImageGround(ProcessGround):
    """An image in the sandbox of the process engine."""

    def __init__(self, who: str, image: Image) -> None:
        super().__init__(who, "sandbox")
        self.name = f"{who}-image"
        self.own = ("/app", "/tmp", "/dev/shm", "/run")
        self.program = "/opt/model/bin/python"
        self.image = [image.name, str(image.layout), image.manifest, image.config]


class ContainerGround(Place):
    """The docker engine, on Docker's socket or on Podman's."""

    level = "container"
    own = ("/app", "/tmp", "/dev/shm", "/dev/mqueue", "/run", "/var/tmp")

    def __init__(self, kind: str, address: str, image: Image) -> None:
        super().__init__("root" if os.geteuid() == 0 else "user")
        self.name = kind
        self.engine = DockerEngine(address)
        self.environment = self.engine.provide(Recipe(Path("/"), image=image), Silent())

    def run(
        self, *argv: str, network: str = "none", variables=None, readable=(), log: str = "log.txt", **limits: float
    ) -> Ended:
        """Runs the image's Python with these arguments; none asks for the report alone."""
        assert not readable
        given = Limits(**({"timeout_seconds": 60.0} | limits))
        rows = {row.what: asdict(row) for row in self.engine.protection(given, network)}
        if not argv:
            return Ended({}, "", rows)
        place = self.folder / log
        place.unlink(missing_ok=True)
        job = Job(
            (str(self.environment.python), "-B", *argv),
            self.work,
            Path("/app"),
            dict(self.environment.variables) | {"FACTS": self.facts()} | (variables or {}),
            place,
            given,
            network=network,
            environment=self.environment,
            mounts=(Mount(self.work, Path("/app"), writable=True),),
        )
        outcome = asdict(self.engine.run(job, Silent()))
        return Ended(outcome, place.read_text(errors="replace"), rows)

    def close(self) -> None:
        """Takes everything away."""
        self.engine.close()
        super().close()


WHO = ("root", "user")
GROUNDS = {
    **{f"{who}-{level}": (who, level) for who in WHO for level in ("sandbox", "landlock", "process")},
    **{f"{who}-image": (who, "image") for who in WHO},
    **{kind: ("any", kind) for kind in ("docker", "podman")},
}
"""Name -> who runs nova-spi, and a level, ``image`` or a container engine."""
