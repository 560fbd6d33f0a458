"""Filling an environment with pip, as one more supervised program: no shell, a log, and it dies with nova-spi.

The user's pip configuration, PIP_* and proxy variables count here and nowhere else: a model never sees them. Of the
rest of our environment pip gets what building a distribution may need, for what it builds is code of strangers.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path

from nova_spi.engines.port import Job, Limits, Outcome
from nova_spi.engines.process.running import run
from nova_spi.errors import EnvironmentFailed
from nova_spi.progress import Progress, Silent
from nova_spi.project.installer import variables, without_passwords

INSTALL_SECONDS = 3600.0
LOG_BYTES = 16 * 1024 * 1024
LAST_LINES = 20
OLDEST_FOR_OUR_PIP = (3, 9)
_ORIGIN = re.compile(r" \(from .*")
_TELLING = re.compile(r"(Collecting|Downloading|Using cached|Building|Preparing|Installing|Cloning) .*")


class _Lines(Silent):
    """Turns pip's output into stages of the work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun = b""

    def log(self, chunk: bytes) -> None:
        """Tells each whole line that says what pip is about to do."""
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        for line in lines:
            text = without_passwords(line).decode("utf-8", "replace").strip()
            if _TELLING.fullmatch(text):
                self._progress.stage("environment", _ORIGIN.sub("", text)[:200])


def install(environment: Path, version: str, requirements: Path, work_dir: Path, progress: Progress) -> None:
    """Installs a requirements file into a virtual environment.

    Args:
        environment: Its folder; ``install.log`` is written there.
        version: Its Python version.
        requirements: The file.
        work_dir: Where pip runs; paths in the file are relative to it.
        progress: Hears what pip collects, builds and installs.

    Raises:
        EnvironmentFailed: pip failed; the details hold its last lines.
    """
    log = environment / "install.log"
    python = environment / "bin" / "python"
    for argv in _commands(python, version, requirements):
        limits = Limits(timeout_seconds=INSTALL_SECONDS, log_bytes=LOG_BYTES)
        job = Job(argv, environment, work_dir, variables(os.environ), log, limits)
        outcome = run(job, _Lines(progress))
        if (outcome.reason, outcome.exit_code) != ("exited", 0):
            raise _failed(outcome, log)


def _commands(python: Path, version: str, requirements: Path) -> list[tuple[str, ...]]:
    """Our own pip installs into the other environment; where it cannot, that one gets a pip of its own first."""
    options = ("--no-input", "--disable-pip-version-check")
    what = ("install", "--progress-bar", "off", "--no-warn-script-location", "-r", str(requirements))
    minor = tuple(int(number) for number in version.split(".")[:2])
    if importlib.util.find_spec("pip") is not None and minor >= OLDEST_FOR_OUR_PIP:
        return [(sys.executable, "-P", "-m", "pip", "--python", str(python), *options, *what)]
    own = (str(python), "-I", "-m")
    return [(*own, "ensurepip", "--default-pip"), (*own, "pip", *options, *what)]


def _failed(outcome: Outcome, log: Path) -> EnvironmentFailed:
    text = without_passwords(log.read_bytes()[-64 * 1024 :]).decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip()][-LAST_LINES:]
    told = [line for line in lines if line.lower().startswith("error")]
    why = told[-1] if told else lines[-1] if lines else f"The installer ended with {outcome.exit_code}."
    if outcome.reason == "timeout":
        why = f"It took longer than {INSTALL_SECONDS:g} s."
    mend = "Correct the requirements file; the details hold the installer's last lines."
    if any("No module named ensurepip" in line or "ensurepip is not available" in line for line in lines):
        mend = "Install pip for the Python that runs nova-spi: python -m ensurepip, or apt-get install python3-venv."
    return EnvironmentFailed("The model's environment could not be installed.", why=why, mend=mend, lines=lines)
