"""The commands of a model as models of the protocol.

The default command is the model itself, by the plan's name. Every other command is a model of its own,
``NAME.command``: clients ask for the metadata of a model by its name alone, and each command has its own tensors.
"""

from typing import Any

from nova_spi.errors import UsageError
from nova_spi.serving.http.statuses import NOT_FOUND
from nova_spi.serving.http.v2.shapes import TensorType
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi.version import __version__

PLATFORM = "nova-spi"
EXTENSIONS = ("binary_tensor_data",)
"""What is done of the protocol's extensions: Triton's binary tensor data, by its name."""


def name_of(plan: Plan, command: ServedCommand) -> str:
    """The model that a command is."""
    return plan.name if command.default else f"{plan.name}.{command.name}"


def command_of(plan: Plan, name: str, version: str | None) -> ServedCommand:
    """The command that a model is.

    Raises:
        UsageError: There is no such model, or not in this version (``usage.not_found``).
    """
    for command in plan.commands.values():
        if name_of(plan, command) == name:
            if version in (None, plan.version):
                return command
            raise UsageError(
                f"The model {name} has no version {str(version)[:80]}; it is {plan.version}.", code=NOT_FOUND
            )
    known = ", ".join(name_of(plan, command) for command in plan.commands.values())
    raise UsageError(f"There is no model {name[:130]}; there is {known}.", code=NOT_FOUND)


def server_metadata() -> dict[str, Any]:
    """What ``GET /v2`` says."""
    return {"name": PLATFORM, "version": __version__, "extensions": list(EXTENSIONS)}


def model_metadata(plan: Plan, command: ServedCommand) -> dict[str, Any]:
    """What ``GET /v2/models/NAME`` says."""
    return {
        "name": name_of(plan, command),
        "versions": [plan.version],
        "platform": PLATFORM,
        "inputs": [TensorType.of(parameter).metadata for parameter in command.inputs],
        "outputs": [TensorType.of(parameter).metadata for parameter in command.outputs],
    }
