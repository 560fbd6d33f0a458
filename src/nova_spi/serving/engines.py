"""The engine that a plan was made for, in a process that knows nothing of manifests or settings."""

from nova_spi.engines.port import Engine
from nova_spi.errors import EngineUnavailable, ExtraMissing
from nova_spi.serving.plan import Plan


def engine_of(plan: Plan) -> Engine:
    """The engine, as it was when the plan was made: its name, its level, its cache.

    Raises:
        EngineUnavailable: This version has no engine of this name, or the level is none.
        ExtraMissing: The package that speaks to it is not installed.
    """
    if plan.engine == "docker":
        try:
            from nova_spi.engines.docker.engine import DockerEngine
        except ImportError as error:
            raise ExtraMissing.named("docker", "docker", "The engine 'docker'") from error
        return DockerEngine()
    if plan.engine != "process":
        raise EngineUnavailable(
            f"The engine '{plan.engine}' serves no models.", mend="--engine process", engine=plan.engine
        )
    from nova_spi.engines.process.engine import ProcessEngine
    from nova_spi.engines.process.in_place import InPlaceEngine
    from nova_spi.engines.process.isolation.levels import LEVELS

    level = next((known for known in LEVELS if known == plan.level), None)
    if level is None:
        raise EngineUnavailable(f"There is no level of isolation '{plan.level}'.", mend=f"One of {', '.join(LEVELS)}.")
    made = InPlaceEngine if plan.in_place else ProcessEngine
    return made(plan.cache_dir, level, plan.folder)
