"""How the server stands: for an orchestrator, for Prometheus, and for who wants to know what it takes."""

from typing import Any

from nova_spi.errors import Draining, NovaSpiError, WorkerUnavailable
from nova_spi.serving.http.messages import Request, Response
from nova_spi.serving.http.metrics import CONTENT_TYPE
from nova_spi.serving.http.openapi import document
from nova_spi.serving.http.rendering import compact
from nova_spi.serving.http.routes import Route
from nova_spi.serving.http.served import Served

_INNER = ("pid", "last_error")
"""What of a worker only a trusted caller sees."""


async def livez(request: Request, served: Served) -> Response:
    """200 as long as the server runs at all."""
    return Response.json({"status": "alive"})


async def readyz(request: Request, served: Served) -> Response:
    """200 where a call would be served now; else 503 with the reason and the state of each worker."""
    health = served.supervisor.health()
    if not request.trusted:
        workers = [{key: value for key, value in each.items() if key not in _INNER} for each in health["workers"]]
        health = health | {"workers": workers}
    if health["ready"]:
        return Response.json(health)
    return Response.failed(_why(health), **health)


def _why(health: dict[str, Any]) -> NovaSpiError:
    if health["status"] == "draining":
        return Draining("The server is about to end.")
    if health["status"] == "broken":
        return WorkerUnavailable(
            "The model cannot be loaded.", mend="see what its workers say, mend the model, and serve it again"
        )
    return WorkerUnavailable("The model is being loaded.")


async def metrics(request: Request, served: Served) -> Response:
    """Figures for Prometheus."""
    text = served.metrics.text(served.supervisor.health(), served.supervisor.counters)
    return Response(200, text, ((b"content-type", CONTENT_TYPE),))


async def openapi(request: Request, served: Served) -> Response:
    """What this server takes and gives."""
    return Response(200, compact(document(served.plan, secured=served.secured)))


ROUTES = (
    Route("GET", "/livez", livez, public=True),
    Route("GET", "/healthz", livez, public=True),
    Route("GET", "/readyz", readyz, public=True),
    Route("GET", "/metrics", metrics),
    Route("GET", "/openapi.json", openapi),
)
