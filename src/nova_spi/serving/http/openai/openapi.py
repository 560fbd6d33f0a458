"""The routes of this face as paths of the OpenAPI document, with the fields that the model really takes."""

from typing import Any

from nova_spi.serving.http.openai.conversations import ROLES
from nova_spi.serving.http.openai.requests import IGNORED, NEUTRAL, OWN, Kind
from nova_spi.serving.http.openai.text_models import FINISH_REASONS, TextModel
from nova_spi.serving.plan import Plan
from nova_spi_runtime.parameters import Parameter

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_PROMPT: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 1}]}
_BINARY32 = 3.4028234663852886e38
_REFUSED = {
    "400": "A field is not what it should be, or the model has no input for it.",
    "404": "There is no such model, or it cannot be asked this way.",
    "413": "The body is too large.",
    "429": "The queue is full; Retry-After says when to come back.",
    "500": "The model failed.",
    "503": "The model is not ready, or the server is about to end.",
    "504": "The deadline passed.",
}


def openapi_paths(plan: Plan) -> dict[str, Any]:
    """The paths, to be put among those of ``/openapi.json``; none for completions where it is no text model."""
    text_model = TextModel.of(plan)
    model = _object(id=_TEXT, object={"const": "model"}, created=_INTEGER, owned_by=_TEXT)
    found: dict[str, Any] = {
        "/v1/models": {"get": _get("The models", _object(object={"const": "list"}, data=_list(model)))}
    }
    if text_model is None:
        return found
    found[f"/v1/models/{plan.name}"] = {"get": _get("The model", model)}
    found["/v1/chat/completions"] = {"post": _post("Continue a conversation", "chat", text_model)}
    if text_model.completes:
        found["/v1/completions"] = {"post": _post("Continue a prompt", "completion", text_model)}
    return found


def _get(summary: str, schema: Schema) -> dict[str, Any]:
    return {"tags": ["OpenAI"], "summary": summary, "responses": {"200": _json(summary, schema)}}


def _post(summary: str, kind: Kind, text_model: TextModel) -> dict[str, Any]:
    error = _object(error=_object(message=_TEXT, type=_TEXT, param=_nullable(_TEXT), code=_nullable(_TEXT)))
    answer = _json("The completion; with stream, its pieces as server-sent events.", _completion(kind))
    answer["content"]["text/event-stream"] = {"schema": _object(data=_TEXT)}
    return {
        "tags": ["OpenAI"],
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _request(kind, text_model)}}},
        "responses": {"200": answer} | {status: _json(text, error) for status, text in _REFUSED.items()},
    }


def _json(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _request(kind: Kind, text_model: TextModel) -> Schema:
    plan = text_model.plan
    flag = _nullable({"type": "boolean"})
    fields: dict[str, Schema] = {name: {} for name in IGNORED}
    fields |= {name: {"enum": [None, *values]} for name, values in NEUTRAL.items()}
    fields |= {
        "model": {"enum": [plan.name, f"{plan.name}:{plan.version}"]},
        "stream": flag,
        "stream_options": _nullable({"type": "object", "properties": {"include_usage": flag}}),
        "n": {"enum": [1, None]},
    }
    fields |= {name: _field(name, each) for name, each in text_model.inputs.items() if name not in OWN}
    fields |= {"messages": _messages(text_model)} if kind == "chat" else {"prompt": _PROMPT}
    needed = [name for name, each in text_model.inputs.items() if each.required and name not in OWN]
    return {
        "type": "object",
        "required": ["model", "messages" if kind == "chat" else "prompt", *needed],
        "properties": fields,
        "additionalProperties": False,
    }


def _field(name: str, parameter: Parameter) -> Schema:
    from nova_spi.interface.json_schema import parameter_schema

    found = parameter_schema(parameter, "base64")
    if parameter.type == "float" and parameter.precision != 64:
        found = {"minimum": -_BINARY32, "maximum": _BINARY32} | found
    if name == "stop":
        return {"anyOf": [found, _TEXT, _list(_TEXT), {"type": "null"}]}
    return found if parameter.required else _nullable(found)


def _messages(text_model: TextModel) -> Schema:
    messages = text_model.inputs.get("messages")
    roles = list(ROLES) if text_model.takes_messages else ["user"]
    own: Schema = {
        "type": "object",
        "required": ["role", "content"],
        "properties": {"role": {"enum": roles}, "content": _TEXT},
    }
    declared = messages.items if messages is not None else None
    if text_model.takes_messages and declared is not None and declared.properties:
        from nova_spi.interface.json_schema import parameter_schema

        written = parameter_schema(declared)
        own = written | {"properties": written["properties"] | {"role": {"enum": roles}}}
        own["required"] = sorted({*written.get("required", ()), "role"})
    return {"type": "array", "minItems": 1, "items": own}


def _completion(kind: Kind) -> Schema:
    reason = {"enum": list(FINISH_REASONS)}
    message = _object(role={"const": "assistant"}, content=_TEXT)
    choice = (
        _object(index=_INTEGER, message=message, finish_reason=reason)
        if kind == "chat"
        else _object(index=_INTEGER, text=_TEXT, finish_reason=reason)
    )
    found = _object(id=_TEXT, object=_TEXT, created=_INTEGER, model=_TEXT, choices=_list(choice))
    counts = _object(prompt_tokens=_INTEGER, completion_tokens=_INTEGER, total_tokens=_INTEGER)
    found["properties"]["usage"] = counts
    return found


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}
