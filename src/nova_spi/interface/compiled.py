"""The interface of a model, compiled once: each command with its typed parameters.

Forms, JSON Schema, OpenAPI, tool definitions, the binding of inputs and the runtime's ``x-compiled`` are all made from
what stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nova_spi.errors import UsageError
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.problems import suggestion

if TYPE_CHECKING:
    from nova_spi.manifest.models import Command, EntryPoint, Execution, Manifest, Resources
    from nova_spi.manifest.models import Parameter as Declared

DEFAULT_NAME = "run"
"""The name of the default command, unless an entry of ``commands`` with ``default: true`` gives it another."""

DEFAULT_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class CompiledCommand:
    """One command with all that was inherited filled in.

    Attributes:
        name: Its name.
        description: For people; empty where none is given.
        inputs: What it takes.
        outputs: What it gives.
        entry_point: Where it begins: its own, else the model's; None where the manifest names none.
        timeout_seconds: Its own deadline, else the model's.
        resources: What it needs: its own, else the model's.
        default: True for the command that runs when none is named.
    """

    name: str
    description: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]
    entry_point: "EntryPoint | None"
    timeout_seconds: float
    resources: "Resources | None"
    default: bool

    @property
    def file_inputs(self) -> tuple[Parameter, ...]:
        """The inputs that are files."""
        return tuple(parameter for parameter in self.inputs if parameter.type == "file")

    def to_runtime(self) -> dict[str, Any]:
        """The command as the runtime reads it under ``x-compiled.commands``."""
        seconds = self.timeout_seconds
        found: dict[str, Any] = {
            "inputs": [parameter.to_dict() for parameter in self.inputs],
            "outputs": [parameter.to_dict() for parameter in self.outputs],
            "timeout_seconds": int(seconds) if seconds.is_integer() else seconds,
        }
        if self.entry_point is not None:
            found["entry_point"] = self.entry_point.to_dict()
        return found


@dataclass(frozen=True, slots=True)
class Interface:
    """All commands of a model.

    Attributes:
        commands: By name, the default one first.
        default: The name of the default command.
    """

    commands: Mapping[str, CompiledCommand]
    default: str

    def command(self, name: str | None = None) -> CompiledCommand:
        """The command of a name, or the default one.

        Raises:
            UsageError: There is no such command; the message says which one may be meant.
        """
        wanted = self.default if name is None else name
        if wanted in self.commands:
            return self.commands[wanted]
        raise UsageError(
            f"There is no command '{wanted[:80]}'{suggestion(wanted, self.commands)}.",
            why=f"The manifest has {', '.join(self.commands)}.",
            mend=f"--command {self.default}",
            code="usage.unknown_command",
        )

    def to_runtime(self) -> dict[str, Any]:
        """The object ``x-compiled`` of ``spi/manifest.json``."""
        return {
            "default_command": self.default,
            "commands": {name: command.to_runtime() for name, command in self.commands.items()},
        }


def compile_interface(manifest: "Manifest") -> Interface:
    """Compiles the commands of a manifest that has no errors.

    The top level's ``inputs`` and ``outputs`` are the default command; ``commands`` adds others beside it, and an entry
    with ``default: true`` gives the default one its name, description, entry point, resources and deadline.
    """
    declared = manifest.commands or {}
    named = next(((name, command) for name, command in declared.items() if command.default), None)
    default, own = named or (DEFAULT_NAME, None)
    execution = manifest.execution
    described = manifest.model.description or ""
    found = {default: _compiled(default, own, execution, manifest.inputs, manifest.outputs, described)}
    for name, command in declared.items():
        if name not in found:
            found[name] = _compiled(name, command, execution, command.inputs, command.outputs)
    return Interface(MappingProxyType(found), default)


def _compiled(
    name: str,
    own: "Command | None",
    execution: "Execution | None",
    inputs: "tuple[Declared, ...]",
    outputs: "tuple[Declared, ...]",
    described: str | None = None,
) -> CompiledCommand:
    entry_point = (own and own.entry_point) or (execution and execution.entry_point)
    resources = (own and own.resources) or (execution and execution.resources)
    timeout = (own and own.timeout_seconds) or (execution.timeout_seconds if execution else DEFAULT_TIMEOUT_SECONDS)
    return CompiledCommand(
        name=name,
        description=(own and own.description) or described or "",
        inputs=tuple(Parameter.from_dict(parameter.to_dict()) for parameter in inputs),
        outputs=tuple(Parameter.from_dict(parameter.to_dict()) for parameter in outputs),
        entry_point=entry_point or None,
        timeout_seconds=float(timeout),
        resources=resources or None,
        default=described is not None,
    )
