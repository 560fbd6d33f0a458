"""A command as a tool that agents call: the form that OpenAI's and compatible interfaces take.

``function.parameters`` is a plain JSON Schema object, so it serves as MCP's ``inputSchema`` too. Keys of our own are
left out, since some readers refuse what they do not know; what they say stands in the descriptions. Secret inputs are
left out as well: whoever runs the tool gives them, never the language model.
"""

import re
from typing import TYPE_CHECKING, Any

from nova_spi.interface.compiled import CompiledCommand
from nova_spi.interface.json_schema import EXTENSION, object_schema
from nova_spi_runtime.parameters import Parameter

if TYPE_CHECKING:
    from nova_spi.manifest.models import Manifest

MAX_NAME = 64
MAX_DESCRIPTION = 1024


def tool(manifest: "Manifest", command: CompiledCommand) -> dict[str, Any]:
    """The tool definition of a command.

    The name is the model's, for a further command with the command's behind it, within ``[A-Za-z0-9_-]{1,64}``.
    """
    name = manifest.model.name if command.default else f"{manifest.model.name}_{command.name}"
    described = command.description or manifest.model.description or f"Run {command.name} of {manifest.model.name}."
    shown = [parameter for parameter in command.inputs if not parameter.secret]
    parameters = _plain(object_schema(_told(parameter) for parameter in shown))
    return {
        "type": "function",
        "function": {
            "name": re.sub(r"[^A-Za-z0-9_-]", "_", name)[:MAX_NAME],
            "description": described[:MAX_DESCRIPTION],
            "parameters": parameters,
        },
    }


def _told(parameter: Parameter) -> Parameter:
    """The parameter with what the schema cannot say in its description."""
    said = [parameter.description.rstrip(".")] if parameter.description else []
    if parameter.type == "file":
        said.append("Path of a file" if parameter.single_file else "Paths of files")
        said[-1] += f" of type {' or '.join(parameter.mime_types)}" if parameter.mime_types else ""
    elif parameter.type == "decimal":
        rules = parameter.constraints
        said += [f"At least {rules['min_value']}"] if "min_value" in rules else []
        said += [f"At most {rules['max_value']}"] if "max_value" in rules else []
    return parameter.replace(description="".join(f"{sentence}. " for sentence in said).strip())


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without our own keys; a property or a default of that name is none of them."""
    found = {key: value for key, value in schema.items() if key != EXTENSION}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _plain(found[key])
    if "properties" in found:
        found["properties"] = {name: _plain(inner) for name, inner in found["properties"].items()}
    return found
