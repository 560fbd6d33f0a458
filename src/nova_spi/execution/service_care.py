"""How a model that stays is looked after: the manifest's restart and health_check as an engine has them."""

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from nova_spi.engines.docker.connecting import Connection
from nova_spi.engines.docker.service_starting import Health, Restarting, checks_health

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution

Warn = Callable[[str], None]
_PAUSES = {"docker": "0.1 s, twice as long each time", "podman": "none"}


def restarting_of(execution: "Execution", connection: Connection, warn: Warn) -> Restarting:
    """The engine's restart policy.

    Args:
        execution: Of the manifest.
        connection: The engine.
        warn: Hears where the engine does not do just what the manifest says.
    """
    restart = execution.restart
    if restart is None or restart.policy == "no" or (restart.policy == "on-failure" and not restart.max_retries):
        return Restarting()  # to an engine no retries would be retries without an end
    name = connection.engine.capitalize()
    if "backoff_seconds" in restart.model_fields_set:
        own = _PAUSES[connection.engine]
        warn(f"{name} has its own pause between restarts ({own}); restart.backoff_seconds does not count here.")
    if restart.policy == "on-failure":
        return Restarting("on-failure", restart.max_retries)
    if "max_retries" in restart.model_fields_set:
        warn(f"{name} restarts without an end where the policy is 'always'; restart.max_retries does not count here.")
    return Restarting("always")


def health_of(execution: "Execution", connection: Connection, restarting: Restarting, warn: Warn) -> Health | None:
    """What the engine runs in the container to know whether it is well; None where the manifest does not say.

    Args:
        execution: Of the manifest.
        connection: The engine.
        restarting: Its policy; with any but ``no``, enough failures in a row end the program.
        warn: Hears where the engine will not ask.
    """
    check = execution.health_check
    if check is None or (check.command is None and check.callable is None):
        return None
    if not checks_health(connection):
        warn("The health check does not run: Podman has systemd's timers run it, and systemd does not run here.")
    words = ["python", "-m", "nova_spi_runtime.health", "--timeout", f"{check.timeout_seconds:g}"]
    words += ["--retries", str(check.retries), *(["--end"] if restarting.policy != "no" else [])]
    if check.callable is not None:
        words += ["--callable", check.callable]
    else:
        command = check.command or ()
        words += ["--", *(shlex.split(command) if isinstance(command, str) else command)]
    return Health(tuple(words), check.interval_seconds, check.timeout_seconds, check.retries)
