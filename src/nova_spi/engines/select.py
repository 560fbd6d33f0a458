"""Which engine a run takes."""

from importlib.util import find_spec
from pathlib import Path

from nova_spi.engines.port import Engine
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.in_place import InPlaceEngine
from nova_spi.engines.process.isolation.levels import Level, require_at_least
from nova_spi.errors import EngineUnavailable, ExtraMissing, UsageError
from nova_spi.settings import Settings

_ABSENT = {"ray": "Ray spreads many inputs over a cluster, and here is nothing to spread."}


def select(name: str, settings: Settings, isolation: Level | None = None, place: Path | None = None) -> Engine:
    """The engine for a name.

    Args:
        name: ``auto`` and ``process`` are the embedded engine; ``docker`` or ``ray``.
        settings: Where environments are kept.
        isolation: The least level of isolation; None takes the strongest that the machine has, whatever it is.
        place: Where runs will have their folders; see `ProcessEngine`.

    Raises:
        EngineUnavailable: It is not on this machine, or the machine cannot isolate a model as far as ``isolation``.
        ExtraMissing: The package that speaks to it is not installed.
        UsageError: There is no engine of this name.
    """
    if name in ("auto", "process"):
        if isolation is not None:
            require_at_least(isolation, settings.cache_dir, place)
        return ProcessEngine(settings.cache_dir, "auto", place)
    if name == "docker":
        if find_spec("docker") is None:
            raise ExtraMissing.named("docker", "docker", "The engine 'docker'")
        from nova_spi.engines.docker.engine import DockerEngine

        return DockerEngine()
    if name in _ABSENT:
        raise EngineUnavailable(
            f"The engine '{name}' is not available for a single model.",
            why=_ABSENT[name],
            mend="nova-spi batch --engine ray for many inputs, else --engine process",
            engine=name,
        )
    raise UsageError(
        f"There is no engine '{name}'.",
        mend=f"--engine {' | '.join(['auto', 'docker', 'process', *_ABSENT])}",
        engine=name,
    )


def in_place(settings: Settings, isolation: Level | None = None) -> Engine:
    """The engine for a model whose environment is that of the container that we are in.

    Args:
        settings: Where what is found out is kept.
        isolation: The least level of isolation; None takes the strongest that the container has.

    Raises:
        EngineUnavailable: The container cannot isolate a model as far as ``isolation``.
    """
    if isolation is not None:
        require_at_least(isolation, settings.cache_dir)
    return InPlaceEngine(settings.cache_dir, "auto")


def container_engine_answers() -> bool:
    """Whether Docker or Podman is on this machine, answers, and can be spoken to from here."""
    if find_spec("docker") is None:
        return False
    from nova_spi.engines.docker.connecting import answers

    return answers()
