"""The routes of the protocol as paths of the OpenAPI document: one set for each model that there is."""

from typing import Any

from nova_spi.serving.http.v2.models import model_metadata, name_of, server_metadata
from nova_spi.serving.http.v2.shapes import TensorType
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.parameters import Parameter

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_PARAMETERS: Schema = {"type": ["object", "null"]}
_SHAPE: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 32}
_REFUSED = {
    "400": "The request or an input is not what it should be.",
    "404": "There is no such model or version.",
    "413": "The body is too large.",
    "415": "The Content-Encoding is none that is read.",
    "429": "The queue is full; Retry-After says when to come back.",
    "500": "The model failed.",
    "503": "The model is not ready, or the server is about to end.",
    "504": "The deadline passed.",
}


def openapi_paths(plan: Plan) -> dict[str, Any]:
    """The paths, to be put among those of ``/openapi.json``; every schema stands where it is used."""
    found: dict[str, Any] = {
        "/v2": {
            "get": _get("Who serves", _object(name=_TEXT, version=_TEXT, extensions=_list(_TEXT)), server_metadata())
        },
        "/v2/health/live": {"get": _get("Whether the server answers", _object(live={"type": "boolean"}))},
        "/v2/health/ready": {"get": _ready("Whether a call would be served", _object(ready={"type": "boolean"}))},
    }
    for command in plan.commands.values():
        base = f"/v2/models/{name_of(plan, command)}"
        for path in (base, f"{base}/versions/{plan.version}"):
            found |= _model_paths(plan, command, path)
    return found


def _model_paths(plan: Plan, command: ServedCommand, path: str) -> dict[str, Any]:
    tensors = _list(_object(name=_TEXT, datatype=_TEXT, shape=_list({"type": "integer"})))
    metadata = _object(name=_TEXT, versions=_list(_TEXT), platform=_TEXT, inputs=tensors, outputs=tensors)
    return {
        path: {"get": _get("What the model takes and gives", metadata, model_metadata(plan, command))},
        f"{path}/ready": {"get": _ready("Whether the model is ready", _object(name=_TEXT, ready={"type": "boolean"}))},
        f"{path}/infer": {"post": _infer(command)},
    }


def _get(summary: str, schema: Schema, example: Any = None) -> dict[str, Any]:
    content = {"schema": schema} | ({"example": example} if example is not None else {})
    return {
        "tags": ["Open Inference Protocol"],
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {"application/json": content}}},
    }


def _ready(summary: str, schema: Schema) -> dict[str, Any]:
    found = _get(summary, schema)
    found["responses"]["503"] = found["responses"]["200"] | {"description": "It is not."}
    return found


def _infer(command: ServedCommand) -> dict[str, Any]:
    failures = {
        status: {"description": text, "content": {"application/json": {"schema": _object(error=_TEXT)}}}
        for status, text in _REFUSED.items()
    }
    answer = {
        "application/json": {"schema": _answer()},
        "application/octet-stream": {"schema": {"description": "The same JSON, and behind it binary tensors."}},
    }
    return {
        "tags": ["Open Inference Protocol"],
        "summary": f"Infer with {command.name}",
        "description": "Binary tensors stand behind the JSON (header Inference-Header-Content-Length).",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _request(command)}}},
        "responses": {"200": {"description": "The outputs.", "content": answer}} | failures,
    }


def _request(command: ServedCommand) -> Schema:
    needed = sum(1 for parameter in command.inputs if parameter.required)
    inputs: Schema = {"type": "array", "minItems": needed, "maxItems": len(command.inputs)}
    kinds = [_input(TensorType.of(parameter)) for parameter in command.inputs]
    if kinds:
        inputs["items"] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    wanted: Schema = {
        "type": ["array", "null"],
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"enum": [parameter.name for parameter in command.outputs]},
                "parameters": _binary("binary_data"),
            },
        },
    }
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": ["string", "null"]},
            "parameters": _binary("binary_data_output"),
            "inputs": inputs,
            "outputs": wanted if command.outputs else {"type": ["array", "null"], "maxItems": 0},
        },
    }


def _binary(name: str) -> Schema:
    return _PARAMETERS | {"properties": {name: {"type": "boolean"}}}


def _input(kind: TensorType) -> Schema:
    scalar = kind.depth == 0
    data: Schema = {"type": "array"} | ({"minItems": 1, "maxItems": 1} if scalar else {})
    if scalar:
        data["items"] = _element(kind)
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": kind.parameter.name},
            "shape": {"enum": [[1], [1, 1], []]} if scalar else _SHAPE,
            "datatype": {"const": kind.datatype.name},
            "parameters": _PARAMETERS,
            "data": data,
        },
    }


def _element(kind: TensorType) -> Schema:
    from nova_spi.interface.json_schema import parameter_schema

    if kind.content in ("json", "file"):
        return _TEXT
    found = parameter_schema(_bare(kind.parameter))
    datatype = kind.datatype
    if kind.content == "value" and datatype.kind != "bool":
        bounds = {"minimum": datatype.low, "maximum": datatype.high}
        found = bounds | found
    return found


def _bare(parameter: Parameter) -> Parameter:
    """The parameter without what belongs to an object's key."""
    return parameter.replace(default=None, description="")


def _answer() -> Schema:
    tensor = _object(name=_TEXT, shape=_SHAPE, datatype=_TEXT)
    tensor["properties"] |= {"parameters": {"type": "object"}, "data": {"type": "array"}}
    found = _object(model_name=_TEXT, outputs=_list(tensor))
    found["properties"] |= {"model_version": _TEXT, "id": _TEXT}
    return found


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}
