"""Where models run: the process engine with its levels and the kernel's control groups, and Docker or Podman."""

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.checks.machine.finding import Finding
from nova_spi.errors import EngineUnavailable, ExtraMissing, NovaSpiError
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection, Heard

TRIAL_SECONDS = 20
_KEPT = {
    "sandbox": "files and network are isolated",
    "landlock": "files are isolated; it is no sandbox",
    "process": "neither files nor network are isolated",
}


def process_engine(settings: Settings, place: Path | None) -> Finding:
    """Runs a real program through the engine: what is only looked up may still not work."""
    from nova_spi.engines.port import Job, Limits
    from nova_spi.engines.process.engine import ProcessEngine
    from nova_spi.progress import Silent

    try:
        with tempfile.TemporaryDirectory(prefix="nova-spi-doctor-", dir=place) as scratch:
            folder = Path(scratch)
            program = (sys.executable, "-c", "pass")
            job = Job(program, folder, folder, {}, folder / "log.txt", Limits(timeout_seconds=TRIAL_SECONDS))
            outcome = ProcessEngine(settings.cache_dir, "auto", place).run(job, Silent())
    except (NovaSpiError, OSError) as error:
        return Finding("engine process", "problem", str(error))
    if outcome.exit_code != 0:
        return Finding("engine process", "problem", f"a trial program ended with {outcome.reason}")
    took = f"a trial program ran in {outcome.wall_seconds * 1000:.0f} ms"
    return Finding("engine process", "ok", f"{took}; models run at the level {_level(settings, place)}")


def _level(settings: Settings, place: Path | None) -> str:
    """The level of isolation, and why it is no higher."""
    from nova_spi.engines.process.isolation.levels import LEVELS, best, why_not

    found = best(settings.cache_dir, place)
    above = [(level, why_not(level, settings.cache_dir, place)) for level in LEVELS[: LEVELS.index(found)]]
    where = f"'{found}' in {place}" if place else f"'{found}'"
    missing = (f"'{level}' is not to be had: {reason.strip().rstrip('.')}" for level, reason in above)
    return "; ".join([f"{where}: {_KEPT[found]}", *missing])


def control_groups(settings: Settings, place: Path | None) -> Finding:
    """Which limits of a run of the process engine control groups hold, and what stands in for the others."""
    from nova_spi.engines.process.cgroups.finding import find
    from nova_spi.engines.process.isolation.levels import best

    versions = {name: parent.version for parent in find() for name in parent.controllers}
    sandboxed = best(settings.cache_dir, place) == "sandbox"
    instead = {
        "memory": "memory is watched by samples",
        "pids": f"the number of processes is {'limited by the sandbox' if sandboxed else 'not limited'}",
        "cpu": "CPU time is not limited",
    }
    held = [f"{name} (cgroup v{versions[name]})" for name in instead if name in versions]
    says = f"the kernel holds a run to {', '.join(held)}" if held else "none can be made here"
    if rest := [text for name, text in instead.items() if name not in versions]:
        return Finding("control groups", "missing", "; ".join([says, *rest]), _delegated())
    return Finding("control groups", "ok", says)


def _delegated() -> str:
    """How an ordinary user gets groups of their own from systemd."""
    systemd = Path("/run/systemd/system").exists() and Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return "systemd-run --user --scope -p Delegate=yes nova-spi ..." if systemd else ""


def container_engine(settings: Settings) -> Finding:
    """Docker or Podman: which, and what it can; or each place that was tried, and why not."""
    from nova_spi.engines.docker.connecting import connect, listen

    wanted = settings.engine == "docker"
    try:
        heard = listen()
        with connect(heard.place.host) as connection:
            detail = f"{_named(heard)}: {_abilities(connection)}{_before(heard)}"
            return Finding("engine docker", "ok", detail)
    except ExtraMissing as error:
        detail = f"{_named(heard)} answers, and the package that speaks to it is not installed"
        return Finding("engine docker", "problem" if wanted else "missing", detail, error.mend)
    except EngineUnavailable as error:
        detail = f"{error.message} {error.why}".strip()
        if importlib.util.find_spec("docker") is None:
            detail += " The package that speaks to one is not installed either: pip install 'nova-spi[docker]'."
        return Finding("engine docker", "problem" if wanted else "missing", detail, error.mend)


def _named(heard: "Heard") -> str:
    name = "Podman" if heard.answer.engine == "podman" else "Docker"
    by = f", which {heard.place.told_by} names" if heard.place.told_by else ""
    return f"{name} {heard.answer.version or '(no version said)'} at {heard.place.host}{by}"


def _abilities(connection: "Connection") -> str:
    driver = connection.cgroup_driver
    groups = "no control groups: limits of containers are not held" if driver == "none" else f"control groups: {driver}"
    devices = "takes devices by CDI" if connection.cdi else "no CDI"
    return f"{'rootless' if connection.rootless else 'as root'}; {groups}; {devices}"


def _before(heard: "Heard") -> str:
    """The places before it that are there and did not do; those that are not there say little."""
    said = [f"{each.place}: {each.why}" for each in heard.before if not each.absent]
    return f"; tried before it: {'; '.join(said)}" if said else ""
