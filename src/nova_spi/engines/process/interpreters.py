"""Finding the Python that a model asks for, and asking it what it is: a name on PATH proves nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nova_spi.engines.process.remembering import remember
from nova_spi.errors import EngineUnavailable, UsageError

ASK_SECONDS = 20.0
KNOWN_MINORS = range(9, 16)
MAX_REMEMBERED = 64
_WANTED = re.compile(r"3\.\d{1,2}(\.\d{1,3})?")
_QUESTION = """\
import json, os, sys
print(json.dumps({
    "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "version": ".".join(map(str, sys.version_info[:3])),
    "build": "-".join([
        sys.implementation.name + getattr(sys, "abiflags", ""), sys.platform, os.uname().machine,
        getattr(sys.implementation, "_multiarch", ""),
    ]),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python of this machine, as it answered itself.

    Attributes:
        path: Its executable, links resolved, outside any virtual environment.
        version: E.g. ``3.11.7``.
        build: Implementation, flags, platform, machine and C library: what compiled packages depend on.
    """

    path: str
    version: str
    build: str

    def fits(self, wanted: str) -> bool:
        """True where ``wanted`` (``3.12``, ``3.12.4``) is its version or the beginning of it."""
        return self.version == wanted or self.version.startswith(wanted + ".")


def find(wanted: str | None, memory: Path) -> Interpreter:
    """The interpreter for a version: the running one, then PATH, then pyenv's, the newest first.

    Args:
        wanted: ``3.12`` or ``3.12.4``; None takes the running one.
        memory: A file that keeps the answers, since asking costs some 20 ms; an answer counts as long as the file of
            the interpreter is unchanged.

    Raises:
        UsageError: ``wanted`` is no version.
        EngineUnavailable: None fits; the message names those that are here.
    """
    if wanted is None:
        return running()
    if not _WANTED.fullmatch(wanted):
        raise UsageError(f"'{wanted}' is no Python version.", mend="Write it as 3.12 or 3.12.4.")
    if running().fits(wanted):
        return running()
    answers = _Answers(memory)
    for candidate in _candidates(wanted):
        found = answers.of(candidate)
        if found is not None and found.fits(wanted):
            return found
    here = available(memory)
    raise EngineUnavailable(
        f"Python {wanted} is not on this machine.",
        why=f"Here are: {', '.join(here)}.",
        mend=f"Install it (e.g. pyenv install {wanted}), or set execution.python_version to one that is here.",
        wanted=wanted,
        available=here,
    )


def running() -> Interpreter:
    """The interpreter that runs nova-spi."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    implementation = sys.implementation
    words = (
        implementation.name + sys.abiflags,
        sys.platform,
        os.uname().machine,
        getattr(implementation, "_multiarch", ""),
    )
    version = ".".join(str(number) for number in sys.version_info[:3])
    return Interpreter(str(Path(base).resolve()), version, "-".join(words))


def available(memory: Path) -> list[str]:
    """Every Python version that `find` would find, the oldest first."""
    answers = _Answers(memory)
    found = {running().version}
    for minor in KNOWN_MINORS:
        for candidate in _candidates(f"3.{minor}"):
            answer = answers.of(candidate)
            if answer is not None:
                found.add(answer.version)
    return sorted(found, key=_order)


def _order(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _candidates(wanted: str) -> Iterator[Path]:
    minor = ".".join(wanted.split(".")[:2])
    home = os.path.expanduser("~/.pyenv")  # noqa: PTH111 - a Path's raises for a user without a home
    roots = [Path(root) for root in dict.fromkeys([os.environ.get("PYENV_ROOT"), home]) if root]
    # pyenv's shims answer for another folder's choice, and slowly; its versions are looked at themselves
    shims = {str(root / "shims") for root in roots}
    folders = [folder for folder in os.get_exec_path() if folder.rstrip("/") not in shims]
    named = shutil.which(f"python{minor}", path=os.pathsep.join(folders))
    if named is not None:
        yield Path(named)
    for root in roots:
        for version in sorted(_installed(root, minor), key=_order, reverse=True):
            yield root / "versions" / version / "bin" / "python"


def _installed(root: Path, minor: str) -> list[str]:
    """The versions below one of pyenv's roots, which may be missing, or another user's."""
    try:
        names = os.listdir(root / "versions")  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return []
    return [name for name in names if name.startswith(f"{minor}.") and _WANTED.fullmatch(name)]


class _Answers:
    """What interpreters said of themselves, kept in a file that may vanish at any time."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known = _load(memory)

    def of(self, candidate: Path) -> Interpreter | None:
        """The answer of ``candidate``; None where it is no Python that works."""
        try:
            found = candidate.resolve().stat()
        except OSError:
            return None
        key = f"{candidate}|{found.st_ino}|{found.st_size}|{found.st_mtime_ns}"
        answer = _interpreter(self._known.get(key))
        if answer is None or not Path(answer.path).exists():
            answer = ask(candidate)
            if answer is not None:
                self._remember(key, answer)
        return answer

    def _remember(self, key: str, answer: Interpreter) -> None:
        self._known = dict([*self._known.items(), (key, asdict(answer))][-MAX_REMEMBERED:])
        remember(self._memory, self._known)


def _load(memory: Path) -> dict[str, Any]:
    try:
        found = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _interpreter(answer: Any) -> Interpreter | None:
    """An `Interpreter` from JSON; None where it is anything else."""
    found = answer if isinstance(answer, dict) else {}
    words = [str(found.get(name, "")) for name in ("path", "version", "build")]
    return Interpreter(*words) if all(words) and _WANTED.fullmatch(words[1]) else None


def ask(candidate: Path) -> Interpreter | None:
    """Runs ``candidate`` and has it say what it is; None where it does not answer."""
    try:
        answer = subprocess.run(
            [str(candidate), "-I", "-S", "-c", _QUESTION],
            capture_output=True,
            timeout=ASK_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return _interpreter(json.loads(answer.stdout)) if answer.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
