"""A model's commands as an OpenAPI 3.1 document: one POST a command, JSON or, with files, a form of parts."""

from typing import TYPE_CHECKING, Any

from nova_spi.interface.compiled import CompiledCommand, Interface
from nova_spi.interface.examples import example_value
from nova_spi.interface.json_schema import DIALECTS, object_schema, outputs_schema

if TYPE_CHECKING:
    from nova_spi.manifest.models import Manifest

_ERRORS = {
    "400": "The inputs do not meet the interface (input.invalid).",
    "429": "The queue is full; Retry-After says when to come back.",
    "500": "The model failed (model.error, output.invalid, worker.crashed, ...).",
    "504": "The deadline passed (run.timeout).",
}
_STRUCTURED = ("array", "map", "object")


def openapi(manifest: "Manifest", interface: Interface) -> dict[str, Any]:
    """The document of ``GET /openapi.json``.

    In JSON a file is base64 (``contentEncoding``); in a form it is a part with its own media type.
    """
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECTS["2020-12"],
        "info": _info(manifest),
        "paths": {
            f"/v1/commands/{name}": {"post": _operation(command)} for name, command in interface.commands.items()
        },
        "components": {"schemas": _components(interface)},
    }


def _info(manifest: "Manifest") -> dict[str, Any]:
    model = manifest.model
    found: dict[str, Any] = {"title": model.name, "version": model.version}
    if model.description:
        found["description"] = model.description
    if model.license:
        # The field takes expressions of SPDX's own identifiers alone; others have only a name.
        custom = "LicenseRef-" in model.license
        found["license"] = {"name": model.license} | ({} if custom else {"identifier": model.license})
    return found


def _operation(command: CompiledCommand) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": command.name, "summary": _summary(command)}
    if command.description:
        found["description"] = command.description
    found["requestBody"] = {
        "required": "required" in object_schema(command.inputs),
        "content": {"application/json": _json_body(command)},
    }
    if command.file_inputs:
        found["requestBody"]["content"]["multipart/form-data"] = _form(command)
    found["responses"] = {"200": _json_response("The outputs.", _reference(command, "Result"))}
    found["responses"] |= {
        status: _json_response(text, {"$ref": "#/components/schemas/Error"}) for status, text in _ERRORS.items()
    }
    return found


def _summary(command: CompiledCommand) -> str:
    first = command.description.partition("\n")[0].partition(". ")[0].strip().rstrip(".")
    return first[:120] or f"Run {command.name}"


def _json_response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _component(command: CompiledCommand, what: str) -> str:
    return f"{command.name}.{what}"


def _reference(command: CompiledCommand, what: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{_component(command, what)}"}


def _json_body(command: CompiledCommand) -> dict[str, Any]:
    body: dict[str, Any] = {"schema": _reference(command, "Inputs")}
    shown = [p for p in command.inputs if p.type != "file" and not p.secret]
    if shown and not command.file_inputs:
        body["example"] = {parameter.name: example_value(parameter) for parameter in shown}
    return body


def _form(command: CompiledCommand) -> dict[str, Any]:
    encoding = {p.name: {"contentType": "application/json"} for p in command.inputs if p.type in _STRUCTURED}
    for parameter in command.file_inputs:
        if parameter.mime_types:
            encoding[parameter.name] = {"contentType": ", ".join(parameter.mime_types)}
    form: dict[str, Any] = {"schema": object_schema(command.inputs, "binary")}
    return form | {"encoding": encoding} if encoding else form


def _components(interface: Interface) -> dict[str, Any]:
    found: dict[str, Any] = {"Error": _error()}
    for command in interface.commands.values():
        outputs = outputs_schema(command)
        del outputs["$schema"]
        found[_component(command, "Inputs")] = object_schema(command.inputs, "base64")
        found[_component(command, "Outputs")] = outputs
        found[_component(command, "Result")] = {
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "The execution."},
                "outputs": _reference(command, "Outputs"),
            },
            "required": ["id", "outputs"],
        }
    return found


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "code": text | {"description": "Stable, e.g. input.invalid."},
            "message": text | {"description": "What happened."},
            "why": text | {"description": "The cause."},
            "mend": text | {"description": "What mends it."},
            "details": {
                "type": "object",
                "properties": {
                    "problems": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"path": text, "message": text}},
                    }
                },
            },
        },
        "required": ["code", "message"],
    }
