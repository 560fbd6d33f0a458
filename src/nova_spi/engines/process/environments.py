"""The model's own virtual environment, made once for each recipe and shared by everything that asks for the same.

    CACHE/envs/DIGEST/           the environment; ``.complete`` is written last and touched at each use
    CACHE/envs/DIGEST.lock       held while it is made, so that two processes make it once
    CACHE/envs/DIGEST.used       held, shared, by every process that uses it
    CACHE/envs/interpreters.json what the Pythons of this machine said of themselves

The digest covers the Python's version and build and the requirements' contents, not where the project lies. An
environment without ``.complete`` was broken off and is made anew. Without requirements there is no pip in it. Who makes
a new one removes those that nobody uses and that were used longest ago.
"""

import hashlib
import json
import os
import shutil
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path

from nova_spi.engines.port import Environment, Job, Limits, Recipe
from nova_spi.engines.process.installing import install
from nova_spi.engines.process.interpreters import Interpreter, find
from nova_spi.engines.process.locking import locked, share
from nova_spi.engines.process.running import run
from nova_spi.errors import EnvironmentFailed
from nova_spi.progress import Progress, Silent
from nova_spi.project import requirements

FORMAT = "1"
"""Changes with everything here that makes an environment of the same recipe another one."""
KEEP = 10
IDLE_SECONDS = 3600.0
MAKING_SECONDS = 120.0
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_COMPLETE = ".complete"
_LANG = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
_DIGEST_LENGTH = 64


class Environments:
    """The cache of environments."""

    def __init__(self, cache_dir: Path) -> None:
        """Nothing happens yet.

        Args:
            cache_dir: The cache's root; ``envs`` is made below it.
        """
        self._cache_dir = cache_dir
        self._root = cache_dir.absolute() / "envs"
        self._held: set[str] = set()

    def provide(self, recipe: Recipe, progress: Progress) -> Environment:
        """Finds or makes the environment of a recipe.

        Raises:
            EngineUnavailable: Its Python is not on this machine.
            EnvironmentFailed: The requirements cannot be used, or installing failed.
        """
        interpreter = find(recipe.python_version, self._root / "interpreters.json")
        snapshot = None if recipe.requirements is None else requirements.read(recipe.project, recipe.requirements)
        digest = _digest(interpreter, snapshot)
        folder = self._root / digest
        self._use(folder)
        cached = _ready(folder)
        if not cached:
            try:
                cached = _make_once(folder, interpreter, snapshot, progress)
            except OSError as error:
                mend = "Free some disk space, or set NOVA_SPI_CACHE_DIR to a folder that you can write."
                raise EnvironmentFailed(
                    "The model's environment could not be made.", why=str(error), mend=mend
                ) from error
            with suppress(OSError):  # what cannot be tidied up is no reason to fail
                prune(self._cache_dir)
        return Environment(
            python=folder / "bin" / "python",
            version=interpreter.version,
            digest=f"sha256:{digest}",
            variables=_variables(folder),
            cached=cached,
        )

    def _use(self, folder: Path) -> None:
        """From now on, as long as this object lives, nobody removes the environment."""
        if folder.name in self._held:
            return
        with suppress(OSError):  # a cache that we may read and not write: nobody of us prunes it either
            folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = share(folder.with_suffix(".used"))
            weakref.finalize(self, os.close, descriptor)
            self._held.add(folder.name)


def prune(cache_dir: Path, keep: int = KEEP, idle_seconds: float = IDLE_SECONDS) -> list[str]:
    """Deletes environments that were not used for long; never one that somebody uses or makes.

    Args:
        cache_dir: The cache's root.
        keep: How many stay, those used last.
        idle_seconds: None is deleted whose last use began in this time.

    Returns:
        The digests that were deleted.
    """
    root = cache_dir.absolute() / "envs"
    folders = [path for path in root.glob("*") if len(path.name) == _DIGEST_LENGTH and path.is_dir()]
    used = sorted(((_last_use(folder), folder) for folder in folders), reverse=True)
    deleted = []
    for last_use, folder in used[keep:]:
        if last_use > time.time() - idle_seconds:
            continue
        lock, use = folder.with_suffix(".lock"), folder.with_suffix(".used")
        with locked(lock, Silent(), wait=False) as not_made, locked(use, Silent(), wait=False) as not_used:
            if not_made and not_used:
                _remove(folder)
                lock.unlink(missing_ok=True)
                use.unlink(missing_ok=True)
                deleted.append(f"sha256:{folder.name}")
    return deleted


def _digest(interpreter: Interpreter, snapshot: requirements.Snapshot | None) -> str:
    parts = [FORMAT, interpreter.version, interpreter.build, "" if snapshot is None else snapshot.digest]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _ready(folder: Path) -> bool:
    """True where the environment is whole and its Python is still there; notes the use."""
    try:
        os.utime(folder / _COMPLETE)
    except FileNotFoundError:
        return False
    except OSError:
        pass  # a cache that we may read and not write
    return (folder / "bin" / "python").exists()


def _make_once(
    folder: Path, interpreter: Interpreter, snapshot: requirements.Snapshot | None, progress: Progress
) -> bool:
    """Makes the environment, unless another process has done so while we waited for the lock; True where it has."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(folder.with_suffix(".lock"), progress):
        if _ready(folder):
            return True
        _make(folder, interpreter, snapshot, progress)
        return False


def _make(folder: Path, interpreter: Interpreter, snapshot: requirements.Snapshot | None, progress: Progress) -> None:
    """Makes the environment in its place (a virtual environment cannot be moved) and marks it as complete."""
    progress.stage("environment", f"Python {interpreter.version}")
    _remove(folder)
    try:
        folder.mkdir(mode=0o700)
        create_venv(folder, interpreter)
        if snapshot is not None:
            copied = snapshot.copy_to(folder / "requirements")
            install(folder, interpreter.version, copied, folder / "requirements", progress)
        said = {"format": FORMAT, "python": interpreter.path, "version": interpreter.version}
        draft = folder / f"{_COMPLETE}.draft"
        draft.write_text(json.dumps(said), encoding="utf-8")
        draft.replace(folder / _COMPLETE)
    except BaseException:  # also Ctrl-C: put in order, and raised again
        _remove(folder)
        raise


def create_venv(folder: Path, interpreter: Interpreter) -> None:
    """Runs the venv module of the very Python that the environment is for; there is no pip in it.

    Args:
        folder: Where to; it exists. ``create.log`` is left there.
        interpreter: The Python.

    Raises:
        EnvironmentFailed: It could not be made.
    """
    log = folder / "create.log"
    argv = (interpreter.path, "-I", "-m", "venv", "--without-pip", "--symlinks", str(folder))
    job = Job(argv, folder, folder, {"PATH": SYSTEM_PATH, "LANG": _LANG}, log, Limits(MAKING_SECONDS))
    outcome = run(job, Silent())
    if outcome.exit_code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        raise EnvironmentFailed(
            "The model's environment could not be made.",
            why=lines[-1] if lines else f"{interpreter.path} -m venv ended with {outcome.exit_code}.",
            mend=f"Try: {interpreter.path} -m venv --without-pip FOLDER",
            lines=lines,
        )


def _variables(folder: Path) -> dict[str, str]:
    """What a model's process gets of its environment; HOME, TMPDIR and the SPI_* variables come from the execution.

    Its own programs come first on PATH, then the machine's; output is not buffered, so that a log is whole when the
    program is killed; a crash of the interpreter leaves a traceback; nothing is compiled into the shared environment.
    """
    return {
        "PATH": f"{folder / 'bin'}:{SYSTEM_PATH}",
        "VIRTUAL_ENV": str(folder),
        "LANG": _LANG,
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _last_use(folder: Path) -> float:
    try:
        return (folder / _COMPLETE).stat().st_mtime
    except OSError:
        return 0.0


def _remove(folder: Path) -> None:
    """Deletes a folder, its marker first: what is half deleted is not complete."""
    if folder.is_dir():
        (folder / _COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)
