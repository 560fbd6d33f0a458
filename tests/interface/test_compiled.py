import json
from typing import Any

import pytest

from nova_spi.errors import UsageError
from nova_spi.interface.compiled import Interface, compile_interface
from nova_spi.manifest.models import Manifest
from nova_spi_runtime.manifests import select_command
from nova_spi_runtime.parameters import Parameter

PROMPT = {"name": "prompt", "type": "string", "required": True}
TEXT = {"name": "text", "type": "string"}


def compiled(**changes: Any) -> Interface:
    manifest: dict[str, Any] = {
        "model": {"name": "echo", "version": "1.0.0", "domain": "text", "description": "Says it again."},
        "execution": {
            "entry_point": {"callable": "model:Echo"},
            "resources": {"memory": "1Gi"},
            "timeout_seconds": 60.0,
        },
        "inputs": [PROMPT],
        "outputs": [TEXT],
    }
    return compile_interface(Manifest.model_validate(manifest | changes))


def test_the_top_level_is_the_default_command_called_run() -> None:
    interface = compiled()
    assert interface.default == "run"
    assert list(interface.commands) == ["run"]
    command = interface.command()
    assert command is interface.command("run")
    assert command.inputs == (Parameter.from_dict(PROMPT),)
    assert command.outputs == (Parameter.from_dict(TEXT),)
    assert command.default
    assert command.description == "Says it again."
    assert command.timeout_seconds == 60
    assert command.entry_point is not None
    assert command.entry_point.callable == "model:Echo"
    assert command.resources is not None
    assert command.resources.memory_bytes == 1 << 30


def test_an_entry_with_default_names_the_default_command() -> None:
    interface = compiled(
        commands={
            "say": {"default": True, "description": "Speaks.", "timeout_seconds": 5.0},
            "more": {"inputs": [TEXT]},
        }
    )
    assert interface.default == "say"
    assert list(interface.commands) == ["say", "more"]
    assert interface.command().inputs == (Parameter.from_dict(PROMPT),)
    assert (interface.command().description, interface.command().timeout_seconds) == ("Speaks.", 5)


def test_a_further_command_has_its_own_interface_and_inherits_the_rest() -> None:
    interface = compiled(commands={"batch": {"inputs": [TEXT], "outputs": [], "resources": {"memory": "2Gi"}}})
    batch = interface.command("batch")
    assert batch.inputs == (Parameter.from_dict(TEXT),)
    assert batch.outputs == ()
    assert not batch.default
    assert batch.timeout_seconds == 60
    assert batch.entry_point is not None
    assert batch.resources is not None
    assert batch.resources.memory_bytes == 2 << 30


def test_a_manifest_without_execution_compiles_with_the_defaults() -> None:
    command = compiled(execution=None).command()
    assert (command.entry_point, command.resources, command.timeout_seconds) == (None, None, 600)


def test_an_unknown_command_is_told_with_the_one_that_is_meant() -> None:
    with pytest.raises(UsageError, match="did you mean 'batch'") as caught:
        compiled(commands={"batch": {}}).command("bacht")
    assert caught.value.error_code == "usage.unknown_command"
    assert "run, batch" in caught.value.why


def test_what_the_runtime_reads_is_json_and_gives_the_same_parameters() -> None:
    inputs = [
        PROMPT,
        {"name": "size", "type": "decimal", "default": "1.10", "constraints": {"min_value": "0.1"}},
        {
            "name": "photo",
            "type": "file",
            "mime_types": ["image/*"],
            "domain_specific": {"image": {"color_modes": ["L"]}},
        },
        {"name": "options", "type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}},
    ]
    interface = compiled(inputs=inputs, commands={"other": {"entry_point": {"module": "pkg.mod"}}})
    read = json.loads(json.dumps(interface.to_runtime()))
    assert read["default_command"] == "run"
    assert read["commands"]["run"]["timeout_seconds"] == 60
    command = select_command({"x-compiled": read}, "manifest.json", None)
    assert command.inputs == interface.command().inputs
    assert command.entry_point == {"callable": "model:Echo"}
    assert select_command({"x-compiled": read}, "manifest.json", "other").entry_point == {"module": "pkg.mod"}
