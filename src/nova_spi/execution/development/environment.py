"""A virtual environment in the project, for work without a container engine.

    .venv/                      the environment, where every editor looks for it
    .venv/nova-spi.json         what it was made from; without it the environment is somebody's own, and is left alone
    .venv/lib/nova-spi/         ``nova_spi_runtime`` and ``spi/utils.py``, as they stand beside a model
    .venv/.../nova-spi.pth      puts the project and that folder on the path

The model's own runs do not use it: they have environments of their own, made from the requirements alone.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nova_spi.engines.port import Job, Limits
from nova_spi.engines.process.environments import MAKING_SECONDS, create_venv
from nova_spi.engines.process.installing import install
from nova_spi.engines.process.interpreters import Interpreter, find
from nova_spi.engines.process.locking import locked
from nova_spi.engines.process.running import run
from nova_spi.errors import EngineUnavailable, EnvironmentFailed, ProjectError
from nova_spi.execution.places import PRIVATE, ignored_by_git
from nova_spi.execution.removal import remove_tree
from nova_spi.progress import Progress, Silent
from nova_spi.project import requirements
from nova_spi.project.beside import NAME, UTILS, runtime_files
from nova_spi.project.devcontainer import JUPYTER, replace_file

FOLDER = ".venv"
RECORD = "nova-spi.json"
FORMAT = "1"
DEFAULT_PYTHON = "3.12"
"""Where neither the call nor the manifest names one, and where it is on this machine."""

MAX_RECORD_BYTES = 64 * 1024

Done = Literal["made", "updated", "there"]


@dataclass(frozen=True, slots=True)
class LocalEnvironment:
    """A virtual environment that is ready.

    Attributes:
        folder: ``.venv``.
        version: Its Python's, ``3.12.4``.
        reason: Why this Python.
        done: ``made`` anew, ``updated`` in place, or ``there`` as it should be.
        jupyter: JupyterLab is in it.
    """

    folder: Path
    version: str
    reason: str
    done: Done
    jupyter: bool

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the environment shall hold.

    Attributes:
        root: The project.
        requirements: Its requirements file, relative to it; empty where there is none.
        python: The version asked for, e.g. ``3.12``; None leaves it to us.
        python_said_by: Who asks for it, for the message: ``--python-version``, ``the manifest``.
        jupyter: JupyterLab too.
        force: Make it anew, whatever is there.
    """

    root: Path
    requirements: str = ""
    python: str | None = None
    python_said_by: str = ""
    jupyter: bool = False
    force: bool = False


def prepare_environment(wish: Wish, cache_dir: Path, progress: Progress) -> LocalEnvironment:
    """Makes the environment, or brings it up to date; what somebody has installed in it beside stays.

    Args:
        wish: See `Wish`.
        cache_dir: Where the answers of this machine's Pythons are kept.
        progress: Is told.

    Raises:
        EngineUnavailable: The Python is not on this machine.
        EnvironmentFailed: It could not be made, or the requirements not be installed.
        ProjectError: There is an environment that is not ours, or one of another Python.
    """
    interpreter, reason = _interpreter(wish, cache_dir / "envs" / "interpreters.json")
    snapshot = requirements.read(wish.root, wish.root / wish.requirements) if wish.requirements else None
    place = wish.root / FOLDER
    private = wish.root / PRIVATE
    try:
        private.mkdir(exist_ok=True)
        ignored_by_git(private)
        with locked(private / "venv.lock", progress):
            done, jupyter = _bring(wish, place, interpreter, snapshot, progress)
    except OSError as error:
        raise EnvironmentFailed(f"{place} cannot be made: {error.strerror or error}.") from error
    return LocalEnvironment(place, interpreter.version, reason, done, jupyter)


def _bring(
    wish: Wish, place: Path, interpreter: Interpreter, snapshot: requirements.Snapshot | None, progress: Progress
) -> tuple[Done, bool]:
    known = None if wish.force else _known(place)
    if not wish.force and (known is None or known["python"] != interpreter.version):
        _check_free(place, known, interpreter)
    jupyter = wish.jupyter or bool(known and known["jupyter"])
    record = {
        "format": FORMAT,
        "python": interpreter.version,
        "requirements": snapshot.digest if snapshot else "",
        "jupyter": jupyter,
        "runtime": hashlib.sha256(repr(runtime_files()).encode()).hexdigest(),
    }
    if known == record:
        return "there", jupyter
    if known is None:
        _make(place, interpreter, progress)
    _fill(
        wish.root, place, interpreter.version, snapshot if _differs(known, record, "requirements") else None, progress
    )
    if _differs(known, record, "jupyter") and jupyter:
        _install(place, interpreter.version, JUPYTER, progress)
    replace_file(place / RECORD, json.dumps(record, indent=2).encode())
    return ("made" if known is None else "updated"), jupyter


def _differs(known: dict[str, Any] | None, record: dict[str, Any], name: str) -> bool:
    return known is None or known[name] != record[name]


def _interpreter(wish: Wish, memory: Path) -> tuple[Interpreter, str]:
    if wish.python is not None:
        return find(wish.python, memory), f"{wish.python_said_by} says {wish.python}"
    try:
        return find(DEFAULT_PYTHON, memory), f"the default is {DEFAULT_PYTHON}"
    except EngineUnavailable:
        return find(None, memory), f"it runs nova-spi, and {DEFAULT_PYTHON}, the default, is not on this machine"


def _known(place: Path) -> dict[str, Any] | None:
    """What an environment of ours was made from; None where it is none, or broken."""
    try:
        with (place / RECORD).open("rb") as stream:
            found = json.loads(stream.read(MAX_RECORD_BYTES))
        whole = (place / "bin" / "python").exists() and found["format"] == FORMAT
        return {"requirements": "", "jupyter": False, "runtime": "", "python": ""} | found if whole else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _check_free(place: Path, known: dict[str, Any] | None, interpreter: Interpreter) -> None:
    """Nothing is there, or an environment of ours whose making was broken off."""
    if known is not None:
        raise ProjectError(
            f"{FOLDER} is there with Python {known['python']}; Python {interpreter.version} is wanted.",
            why="Another Python is another environment, and what was installed by hand would be gone.",
            mend="nova-spi init-env --force",
        )
    if os.path.lexists(place) and (place.is_symlink() or not (place / RECORD).is_file()):
        raise ProjectError(
            f"{place} is there already, and init-env did not make it.",
            why="It may hold what you have installed.",
            mend="Move it away, or replace it: nova-spi init-env --force",
        )


def _make(place: Path, interpreter: Interpreter, progress: Progress) -> None:
    progress.stage("environment", f"Python {interpreter.version}")
    remove_tree(place)
    place.mkdir()
    (place / RECORD).write_text("{}")  # ours from the first moment on, and not whole before the last
    create_venv(place, interpreter)
    (place / "create.log").unlink(missing_ok=True)
    (place / ".gitignore").write_text("*\n")


def _fill(root: Path, place: Path, version: str, snapshot: requirements.Snapshot | None, progress: Progress) -> None:
    _lay_runtime(root, place, version)
    if not (place / "bin" / "pip").exists():
        _give_pip(place)
    if snapshot is not None:
        folder = place / "requirements"
        shutil.rmtree(folder, ignore_errors=True)
        install(place, version, snapshot.copy_to(folder), folder, progress)


def _give_pip(place: Path) -> None:
    """People and editors expect pip in a ``.venv``; a Python that comes without it, as Debian's does, goes without."""
    argv = (str(place / "bin" / "python"), "-I", "-m", "ensurepip", "--default-pip")
    log = place / "pip.log"
    run(Job(argv, place, place, {"PATH": os.defpath}, log, Limits(MAKING_SECONDS)), Silent())
    log.unlink(missing_ok=True)


def _install(place: Path, version: str, what: str, progress: Progress) -> None:
    folder = place / "lib" / "nova-spi"
    named = folder / "more.txt"
    named.write_text(f"{what}\n")
    install(place, version, named, folder, progress)


def _lay_runtime(root: Path, place: Path, version: str) -> None:
    """``import spi.utils`` works from anywhere: the project's own file where it has one, else ours."""
    base = place / "lib" / "nova-spi"
    shutil.rmtree(base, ignore_errors=True)
    for relative, content in runtime_files():
        target = base / NAME / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (base / "spi").mkdir()
    (base / "spi" / "utils.py").write_bytes(dict(runtime_files())[UTILS])
    site = place / "lib" / f"python{version.rpartition('.')[0]}" / "site-packages"
    (site / "nova-spi.pth").write_text(f"{root}\n{base}\n", encoding="utf-8")
