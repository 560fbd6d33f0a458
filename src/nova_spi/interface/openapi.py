"""A model's commands as an OpenAPI 3.1 document: one POST a command, JSON or, with files, a form of parts.

A served model's ``/openapi.json`` has these paths and more; what is said here of a command is what a server does.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from nova_spi.interface.examples import example_value
from nova_spi.interface.json_schema import DIALECTS, Outputs, object_schema, outputs_schema
from nova_spi_runtime.parameters import Parameter

if TYPE_CHECKING:
    from nova_spi.interface.compiled import Interface
    from nova_spi.manifest.models import Manifest

Schema = dict[str, Any]

FAILURES = {
    "400": "The request cannot be read: no JSON, a header that makes no sense (usage.invalid).",
    "403": "A page of another site asked (usage.forbidden).",
    "409": "The execution was cancelled (run.cancelled).",
    "413": "The body, or a file, is too large (usage.too_large).",
    "415": "The body is of a type that is not read (usage.media_type).",
    "421": "Without a token the server answers on this machine's own names alone (usage.misdirected).",
    "422": "The inputs do not meet the interface (input.invalid), or a key came with another request.",
    "429": "The queue is full (queue.full); Retry-After says when to come back.",
    "500": "The model failed (model.error, output.invalid, worker.crashed, ...).",
    "503": "The model is not there (worker.unavailable), or the server is about to end (serving.draining).",
    "504": "The deadline passed (run.timeout).",
    "507": "The disk is full (serving.disk_full).",
}
EVENT: Schema = {
    "type": "object",
    "properties": {
        "event": {"enum": ["started", "output", "progress", "log", "result", "error", "ended"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
"""One of the server-sent events that an execution is told in."""
KEY = "^[!-~](?:[ -~]*[!-~])?$"
LINKS: Schema = {
    name: {"operationId": f"executions.{name}", "parameters": {"id": "$response.body#/id"}}
    for name in ("show", "delete", "logs", "events")
}
_STRUCTURED = ("array", "map", "object")
_TEXT: Schema = {"type": "string"}
_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}


class Described(Outputs, Protocol):
    """What is said of a command: a compiled one, or one that is served."""

    @property
    def description(self) -> str:
        """For people."""
        ...

    @property
    def inputs(self) -> tuple[Parameter, ...]:
        """What it takes."""
        ...


def openapi(manifest: "Manifest", interface: "Interface") -> Schema:
    """The document of a model's commands.

    In JSON a file is base64 or a ``data:`` URI; in a form it is a part with its own media type.
    """
    commands = list(interface.commands.values())
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECTS["2020-12"],
        "info": _info(manifest),
        "paths": command_paths(commands),
        "components": {"schemas": schemas(commands)},
    }


def _info(manifest: "Manifest") -> Schema:
    model = manifest.model
    found: Schema = {"title": model.name, "version": model.version}
    if model.description:
        found["description"] = model.description
    if model.license:
        # The field takes expressions of SPDX's own identifiers alone; others have only a name.
        custom = "LicenseRef-" in model.license
        found["license"] = {"name": model.license} | ({} if custom else {"identifier": model.license})
    return found


def command_paths(commands: Iterable[Described], *, links: bool = False) -> Schema:
    """The paths that run commands.

    Args:
        commands: What is run.
        links: The document says what can be asked of an execution, and answers lead there.
    """
    return {f"/v1/commands/{command.name}": {"post": _operation(command, links)} for command in commands}


def _operation(command: Described, links: bool) -> Schema:
    found: Schema = {"operationId": command.name, "summary": _summary(command)}
    if command.description:
        found["description"] = command.description
    found["parameters"] = [
        _header("Prefer", "`respond-async`: answer 202 at once; with `wait=N`, only after N seconds.", _TEXT),
        _header(
            "Idempotency-Key",
            "The same request with the same key is run once, and answered again.",
            _TEXT | {"maxLength": 255, "pattern": KEY},
        ),
    ]
    needed = "required" in object_schema(command.inputs)
    found["requestBody"] = {"required": needed, "content": {"application/json": _json_body(command)}}
    if _has_files(command):
        found["requestBody"]["content"]["multipart/form-data"] = _form(command)
    done = answer("The execution has succeeded.", _reference(command, "Result"))
    done["content"]["text/event-stream"] = {"schema": EVENT}
    begun = answer("The execution goes on; Location is where it is.", reference("Execution"))
    begun["headers"] = {"Location": {"schema": _TEXT}, "Preference-Applied": {"schema": _TEXT}}
    if links:
        done["links"] = begun["links"] = LINKS
    found["responses"] = {"200": done, "202": begun} | failures(*FAILURES)
    return found


def _header(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _summary(command: Described) -> str:
    first = command.description.partition("\n")[0].partition(". ")[0].strip().rstrip(".")
    return first[:120] or f"Run {command.name}"


def _has_files(command: Described) -> bool:
    return any(parameter.type == "file" for parameter in command.inputs)


def answer(description: str, schema: Schema) -> Schema:
    """An answer in JSON."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def failures(*statuses: str) -> Schema:
    """The answers that say what went wrong, all of one shape; none is forgotten that is not in `FAILURES`."""
    found = {status: answer(FAILURES[status], reference("Failure")) for status in statuses}
    for status in {"429", "503"} & found.keys():
        found[status]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def reference(name: str) -> Schema:
    """A schema by its name in the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _component(command: Described, what: str) -> str:
    return f"{command.name}.{what}"


def _reference(command: Described, what: str) -> Schema:
    return reference(_component(command, what))


def _json_body(command: Described) -> Schema:
    body: Schema = {"schema": _reference(command, "Inputs")}
    shown = [p for p in command.inputs if p.type != "file" and not p.secret]
    if shown and not _has_files(command):
        body["example"] = {parameter.name: example_value(parameter) for parameter in shown}
    return body


def _form(command: Described) -> Schema:
    encoding = {p.name: {"contentType": "application/json"} for p in command.inputs if p.type in _STRUCTURED}
    for parameter in command.inputs:
        if parameter.type == "file" and parameter.mime_types:
            encoding[parameter.name] = {"contentType": ", ".join(parameter.mime_types)}
    form: Schema = {"schema": object_schema(command.inputs, "binary")}
    return form | {"encoding": encoding} if encoding else form


def schemas(commands: Iterable[Described]) -> Schema:
    """Every schema that `command_paths` refers to."""
    found: Schema = {"Error": _error(), "Execution": _execution(), "Failure": _failure(), "File": _file()}
    for command in commands:
        outputs = outputs_schema(command)
        del outputs["$schema"]
        for parameter in command.outputs:
            if parameter.type == "file":
                outputs["properties"][parameter.name] |= {"items": reference("File")}
        found[_component(command, "Inputs")] = _inputs(command)
        found[_component(command, "Outputs")] = outputs
        own = {"status": {"const": "succeeded"}, "outputs": _reference(command, "Outputs"), "error": {"type": "null"}}
        found[_component(command, "Result")] = _execution(**own)
    return found


def _inputs(command: Described) -> Schema:
    """The object of inputs; null stands for one that is not given."""
    found = object_schema(command.inputs, "base64")
    for name, schema in found["properties"].items():
        if name not in found.get("required", ()):
            schema["type"] = [schema["type"], "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
    return found


def _execution(**own: Schema) -> Schema:
    properties: Schema = {
        "id": _TEXT | {"description": "Its name, below /v1/executions."},
        "command": _TEXT,
        "status": {"enum": ["queued", "running", "succeeded", "failed", "cancelled"]},
        "outputs": {"type": ["object", "null"]},
        "error": {"anyOf": [reference("Error"), {"type": "null"}]},
        "created_at": _MOMENT | {"type": "string"},
        "started_at": _MOMENT,
        "finished_at": _MOMENT,
    }
    properties |= own
    required = list(properties)
    properties["warnings"] = {"type": "array", "items": _TEXT, "description": "What was left out of the inputs."}
    return {"type": "object", "properties": properties, "required": required}


def _file() -> Schema:
    properties: Schema = {
        "name": _TEXT | {"description": "With its folders."},
        "url": _TEXT | {"format": "uri-reference"},
        "size_bytes": {"type": "integer", "minimum": 0},
        "media_type": _TEXT,
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _failure() -> Schema:
    """What every failure says; that of an execution says all of the execution too."""
    return {"type": "object", "properties": {"error": reference("Error")}, "required": ["error"]}


def _error() -> Schema:
    problem = {"type": "object", "properties": {"path": _TEXT, "message": _TEXT}}
    details = {
        "problems": {"type": "array", "items": problem},
        "traceback": _TEXT | {"description": "The model's own frames."},
        "log": _TEXT | {"description": "The end of what the model wrote."},
    }
    return {
        "type": "object",
        "properties": {
            "code": _TEXT | {"description": "Stable, e.g. input.invalid."},
            "message": _TEXT | {"description": "What happened."},
            "why": _TEXT | {"description": "The cause."},
            "mend": _TEXT | {"description": "What mends it."},
            "details": {"type": "object", "properties": details},
        },
        "required": ["code", "message"],
    }
