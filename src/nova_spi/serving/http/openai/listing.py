"""The list of models: the one that is served, where it is one of text."""

import time
from typing import Any

from nova_spi.serving.http.messages import Request, Response
from nova_spi.serving.http.openai.requests import unknown_model
from nova_spi.serving.http.openai.text_models import TextModel
from nova_spi.serving.http.served import Served

_STARTED = int(time.time())


def _described(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _STARTED, "owned_by": "nova-spi"}


async def models(_request: Request, served: Served) -> Response:
    """``GET /v1/models``: what can be asked for; nothing where it is no text model."""
    found = [] if TextModel.of(served.plan) is None else [_described(served.plan.name)]
    return Response.json({"object": "list", "data": found})


async def model(_request: Request, served: Served, id: str) -> Response:
    """``GET /v1/models/ID``."""
    text_model = TextModel.of(served.plan)
    if text_model is None or not text_model.knows(id):
        return unknown_model(id, None if text_model is None else served.plan.name).response()
    return Response.json(_described(id))
