"""OpenAI's words for a text model: chat, completions and the list of models, so that its clients work unchanged.

Format: https://platform.openai.com/docs/api-reference. Which models can be asked is said in `text_models`, what
becomes of each field of a request in `requests`.
"""

from nova_spi.serving.http.openai.completing import chat, completion
from nova_spi.serving.http.openai.errors import refused
from nova_spi.serving.http.openai.listing import model, models
from nova_spi.serving.http.openai.openapi import openapi_paths
from nova_spi.serving.http.routes import Route

__all__ = ["PATHS", "ROUTES", "openapi_paths", "refused"]

PATHS = ("/v1/chat/", "/v1/completions", "/v1/models")
"""The beginnings of its addresses, where errors are said as `refused` says them."""

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/models", models),
    Route("GET", "/v1/models/{id}", model),
    Route("POST", "/v1/chat/completions", chat),
    Route("POST", "/v1/completions", completion),
)
"""What the face answers."""
