"""The Open Inference Protocol, version 2, over REST, so that KServe, Triton's clients and others work unchanged.

Format: https://github.com/kserve/open-inference-protocol, ``specification/protocol/inference_rest.md``, with Triton's
extension for binary tensor data (``docs/protocol/extension_binary_data.md`` of its server). What a parameter is as a
tensor is said in `shapes`, what a model is in `models`.
"""

from nova_spi.serving.http.routes import Route
from nova_spi.serving.http.v2.answers import refused
from nova_spi.serving.http.v2.inferring import infer
from nova_spi.serving.http.v2.openapi import openapi_paths
from nova_spi.serving.http.v2.probing import live, model, model_ready, ready, server

__all__ = ["PATHS", "ROUTES", "openapi_paths", "refused"]

PATHS = ("/v2",)
"""The beginnings of its addresses, where errors are said as `refused` says them."""

_MODELS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v2", server),
    Route("GET", "/v2/", server),
    Route("GET", "/v2/health/live", live, public=True),
    Route("GET", "/v2/health/ready", ready, public=True),
    *(Route("GET", path, model) for path in _MODELS),
    *(Route("GET", f"{path}/ready", model_ready) for path in _MODELS),
    *(Route("POST", f"{path}/infer", infer) for path in _MODELS),
)
"""What the face answers."""
