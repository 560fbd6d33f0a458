"""The health and the metadata of the protocol."""

from nova_spi.errors import UsageError
from nova_spi.serving.http.messages import Request, Response
from nova_spi.serving.http.served import Served
from nova_spi.serving.http.v2.answers import refused
from nova_spi.serving.http.v2.models import command_of, model_metadata, server_metadata


async def live(_request: Request, _served: Served) -> Response:
    """``GET /v2/health/live``: the server answers."""
    return Response.json({"live": True})


async def ready(_request: Request, served: Served) -> Response:
    """``GET /v2/health/ready``: whether a call would be served now; 503 where it would not."""
    well = bool(served.supervisor.health()["ready"])
    return Response.json({"live": True, "ready": well}, 200 if well else 503)


async def server(_request: Request, _served: Served) -> Response:
    """``GET /v2``: who serves."""
    return Response.json(server_metadata())


async def model(_request: Request, served: Served, name: str, version: str | None = None) -> Response:
    """``GET /v2/models/NAME[/versions/VERSION]``: what the model takes and gives."""
    try:
        return Response.json(model_metadata(served.plan, command_of(served.plan, name, version)))
    except UsageError as error:
        return refused(error)


async def model_ready(_request: Request, served: Served, name: str, version: str | None = None) -> Response:
    """``GET /v2/models/NAME[/versions/VERSION]/ready``: as `ready`, of a model that there is."""
    try:
        command_of(served.plan, name, version)
    except UsageError as error:
        return refused(error)
    well = bool(served.supervisor.health()["ready"])
    return Response.json({"name": name, "ready": well}, 200 if well else 503)
