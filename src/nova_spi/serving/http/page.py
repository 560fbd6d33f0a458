"""The page at ``/``: a form made from the interface, to try the model in a browser.

It is static files and one JSON object; everything else it does, it does with the addresses that every caller has. The
files hold nothing of the model, so a browser gets them without a token; what the model is called and takes, it gets
with the token that the user types. Nothing is loaded from anywhere else, and nothing may be (Content-Security-Policy).
"""

from functools import cache
from pathlib import Path
from typing import Any

from nova_spi.serving.http.messages import Request, Response
from nova_spi.serving.http.routes import Route, not_found
from nova_spi.serving.http.served import Served
from nova_spi.serving.plan import ServedCommand
from nova_spi.version import __version__
from nova_spi_runtime.parameters import MISSING, Parameter
from nova_spi_runtime.values import ValueInvalid, from_json, to_json

_FOLDER = Path(__file__).parent / "page_files"
_TYPES = {
    "call.js": b"text/javascript; charset=utf-8",
    "fields.js": b"text/javascript; charset=utf-8",
    "icon.svg": b"image/svg+xml",
    "outputs.js": b"text/javascript; charset=utf-8",
    "page.css": b"text/css; charset=utf-8",
    "page.js": b"text/javascript; charset=utf-8",
}
"""Every file that is served, by its name; there is no other way to a file."""

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; "
    b"media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
)


async def page(request: Request, served: Served) -> Response:
    """The page."""
    return Response(200, _read("page.html"), ((b"content-type", b"text/html; charset=utf-8"), *_HEADERS))


async def part(request: Request, served: Served, name: str) -> Response:
    """A file that the page is made of."""
    if name not in _TYPES:
        raise not_found(request.path)
    return Response(200, _read(name), ((b"content-type", _TYPES[name]), *_HEADERS))


async def state(request: Request, served: Served) -> Response:
    """How the model stands; unlike ``/readyz`` always 200, since a page that asks is no probe that fails."""
    health = served.supervisor.health()
    found = {"status": health["status"], "ready": health["ready"], "secured": served.secured}
    return Response.json(found, headers=((b"cache-control", b"no-store"),))


async def interface(request: Request, served: Served) -> Response:
    """All that the form is made from: the model's words about itself, and what its commands take and give."""
    plan = served.plan
    found = {
        "name": plan.name,
        "version": plan.version,
        "description": plan.description,
        "made_by": f"nova-spi {__version__}",
        "commands": [_command(command) for command in plan.commands.values()],
    }
    return Response.json(found, headers=((b"cache-control", b"no-store"),))


def _command(command: ServedCommand) -> dict[str, Any]:
    return {
        "name": command.name,
        "description": command.description,
        "timeout_seconds": command.timeout_seconds,
        "inputs": [_parameter(each) for each in command.inputs],
        "outputs": [_parameter(each) for each in command.outputs],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    """The parameter under the manifest's keys, its default and choices as JSON has them."""
    found = parameter.to_dict()
    found.pop("schema", None)
    if parameter.default is MISSING or parameter.default is None or parameter.secret:
        found.pop("default", None)
    elif parameter.type != "file":
        found["default"] = _as_json(parameter, parameter.default)
    if parameter.enum is not None:
        found["enum"] = [_as_json(parameter.replace(enum=None), choice) for choice in parameter.enum]
    return found


def _as_json(parameter: Parameter, value: Any) -> Any:
    try:
        return to_json(parameter, from_json(parameter, value))
    except ValueInvalid:  # a manifest that nobody validated: it is shown as it stands there
        return str(value)


@cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


ROUTES = (
    Route("GET", "/", page, public=True),
    Route("GET", "/page/{name}", part, public=True),
    Route("GET", "/page/state.json", state, public=True),
    Route("GET", "/page/interface.json", interface),
)
