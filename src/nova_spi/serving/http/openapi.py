"""What the server takes and gives, as OpenAPI 3.1: made from the plan, so that it is what the server does."""

from collections.abc import Mapping
from typing import Any

from nova_spi.interface.json_schema import DIALECTS
from nova_spi.interface.openapi import EVENT, answer, command_paths, failures, reference, schemas
from nova_spi.serving.plan import Plan

_TEXT = {"type": "string"}
_SHARED = ("400", "421")
UNAUTHORISED = "The token is missing or wrong (usage.unauthorised)."
NOT_FOUND = "There is nothing of that name, or not any more (usage.not_found)."
PUBLIC = ("/livez", "/healthz", "/readyz", "/", "/v2/health/live", "/v2/health/ready")


def document(plan: Plan, *, secured: bool) -> dict[str, Any]:
    """The document of ``GET /openapi.json``.

    Args:
        plan: What is served.
        secured: Whether callers need a token.
    """
    from nova_spi.serving.http.openai import openapi_paths as openai_paths
    from nova_spi.serving.http.v2 import openapi_paths as v2_paths

    commands = list(plan.commands.values())
    own = {**command_paths(commands, links=True), **_index(), **_executions(), **_probes()}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECTS["2020-12"],
        "info": {"title": plan.name, "version": plan.version, "description": plan.description},
        "paths": own | v2_paths(plan) | openai_paths(plan),
        "components": {"schemas": schemas(commands) | {"Health": _health()}},
    }
    if secured:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
        _secure(found["paths"])
    return found


def _secure(paths: dict[str, Any]) -> None:
    for path, item in paths.items():
        for operation in (item[method] for method in ("get", "post", "delete") if method in item):
            if path in PUBLIC:
                operation["security"] = []
            else:
                operation["responses"]["401"] = answer(UNAUTHORISED, reference("Failure"))


def _get(summary: str, answers: dict[str, Any], *statuses: str) -> dict[str, Any]:
    return {"summary": summary, "responses": answers | failures(*_SHARED, *statuses)}


def _index() -> dict[str, Any]:
    command = {
        "name": _TEXT,
        "description": _TEXT,
        "default": {"type": "boolean"},
        "timeout_seconds": {"type": "number"},
    }
    listed = _object(name=_TEXT, version=_TEXT, commands={"type": "array", "items": _object(**command)})
    return {"/v1/commands": {"get": _get("The commands of the model", {"200": answer("The commands.", listed)})}}


def _executions() -> dict[str, Any]:
    path = "/v1/executions/{id}"
    show = _get("How an execution stands", _found("How it stands.", reference("Execution")))
    delete = _get("End an execution, and let go of what it left", _found("How it stood last.", reference("Execution")))
    delete["responses"] |= failures("403")
    show["operationId"], delete["operationId"] = "executions.show", "executions.delete"
    stream = {"text/event-stream": EVENT}
    logs = _get("What an execution wrote", _found_text("What it wrote.", {"text/plain": _TEXT} | stream))
    events = _get("What happens to an execution, from now on", _found_text("Events.", stream))
    logs["operationId"], events["operationId"] = "executions.logs", "executions.events"
    file = _get("A file that an execution gave", _found_text("The file.", {"*/*": _TEXT}))
    name = _in_path("name") | {"description": "As the execution's outputs name it; it may hold slashes."}
    return {
        path: {"parameters": [_in_path("id")], "get": show, "delete": delete},
        f"{path}/logs": {"parameters": [_in_path("id")], "get": logs},
        f"{path}/events": {"parameters": [_in_path("id")], "get": events},
        f"{path}/files/{{name}}": {"parameters": [_in_path("id"), name], "get": file},
    }


def _probes() -> dict[str, Any]:
    alive = {"200": answer("The server runs.", _object(status=_TEXT))}
    unready = answer("It would not, and why.", {"allOf": [reference("Health"), reference("Failure")]})
    ready = {"200": answer("A call would be served now.", reference("Health"))}
    metrics = {"200": {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": _TEXT}}}}
    spec = {"200": answer("An OpenAPI document.", {"type": "object"})}
    readiness = _get("Whether a call would be served", ready)
    readiness["responses"]["503"] = unready
    return {
        "/livez": {"get": _get("Whether the server runs", alive)},
        "/healthz": {"get": _get("Whether the server runs", alive)},
        "/readyz": {"get": readiness},
        "/metrics": {"get": _get("Figures for Prometheus", metrics)},
        "/openapi.json": {"get": _get("This document", spec)},
    }


def _found(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": answer(description, schema), "404": answer(NOT_FOUND, reference("Failure"))}


def _found_text(description: str, types: Mapping[str, Any]) -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind, schema in types.items()}
    return {
        "200": {"description": description, "content": content},
        "404": answer(NOT_FOUND, reference("Failure")),
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _health() -> dict[str, Any]:
    worker = {
        "slot": {"type": "integer"},
        "state": _TEXT,
        "pid": {"type": ["integer", "null"]},
        "calls": {"type": "integer"},
        "restarts": {"type": "integer"},
        "last_error": {},
    }
    workers = {"type": "array", "items": {"type": "object", "properties": worker, "required": ["slot", "state"]}}
    number = {"type": "integer", "minimum": 0}
    return _object(status=_TEXT, ready={"type": "boolean"}, workers=workers, queue_depth=number, in_flight=number)
