"""The ASGI application: finds the route, lets the request in, has a face answer it, and sends the answer.

ASGI: https://asgi.readthedocs.io/en/latest/specs/www.html (HTTP connection scope, version 2.3).
"""

import sys
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any

from nova_spi.errors import NovaSpiError, UsageError
from nova_spi.serving.http.authorising import Gate
from nova_spi.serving.http.messages import Budget, ClientGone, FileAnswer, Headers, Request, Response, Streamed
from nova_spi.serving.http.routes import Answer, Found, Route, Routes, not_found
from nova_spi.serving.http.sending import Send, send_file, send_stream, send_whole
from nova_spi.serving.http.served import Served
from nova_spi.serving.http.statuses import METHOD, UNAUTHORISED

CLIENT_GONE = 499
"""The status that is counted where nobody was there to be answered, as nginx has it."""
_CLOSE = (b"connection", b"close")
_CHALLENGE = (b"www-authenticate", b'Bearer realm="nova-spi"')


def all_routes() -> tuple[Route, ...]:
    """The addresses of every face."""
    from nova_spi.serving.http import commands, executions, openai, page, probes, v2

    return (
        *commands.ROUTES,
        *executions.ROUTES,
        *probes.ROUTES,
        *page.ROUTES,
        *v2.ROUTES,
        *openai.ROUTES,
    )


class App:
    """The application.

    Args:
        served: What is served.
        token: What callers must know; None is for loopback alone.

    Attributes:
        closing: Every answer ends its connection: the server is about to end.
    """

    def __init__(self, served: Served, token: str | None) -> None:
        self.served = served
        self.closing = False
        self._gate = Gate(token)
        self._budget = Budget(served.limits.pending_bytes)
        self._routes = Routes(all_routes())
        for name in served.plan.commands:
            self._routes.settle(f"/v1/commands/{name}")

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        if scope["method"] != "POST":
            await self._answer(scope, receive, send)
            return
        began, metrics = perf_counter(), self.served.metrics
        metrics.in_flight += 1
        status = CLIENT_GONE
        try:
            status = await self._answer(scope, receive, send)
        finally:
            metrics.in_flight -= 1
            metrics.answered(status, perf_counter() - began)

    async def _answer(self, scope: dict[str, Any], receive: Callable[[], Any], send: Send) -> int:
        """Answers, and says with which status."""
        answer: Answer
        request = Request(scope, receive, self._budget)
        try:
            answer = await self._handle(request)
        except NovaSpiError as error:
            answer = _failed(error, request.path)
        except ClientGone:
            return CLIENT_GONE
        except Exception:  # noqa: BLE001  # a defect of ours: the caller learns no more than that, the log has it all
            traceback.print_exc(file=sys.stderr)
            answer = _failed(_DEFECT, request.path)
        finally:
            request.release()
        if self.closing or (not request.complete and b"expect" in request.headers):
            answer.headers = (*answer.headers, _CLOSE)
        if isinstance(answer, Response):
            await send_whole(answer, request, send)
        elif isinstance(answer, Streamed):
            await send_stream(answer, request, send)
        else:
            await send_file(answer, request, send)
        gone = request.connection is not None and request.connection.lost
        return CLIENT_GONE if gone else 200 if isinstance(answer, FileAnswer) else answer.status

    async def _handle(self, request: Request) -> Answer:
        if request.doubled is not None:
            raise UsageError(f"The header {request.doubled.decode('latin-1')} came more than once.")
        found = self._routes.at(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        fits = found.get(method)
        public = fits.route.public if fits is not None else any(each.route.public for each in found.values())
        request.trusted = self._gate.check(request.method, request.headers, public=public)
        if fits is None:
            return _no_method(request, found)
        return await fits.route.handler(request, self.served, **fits.segments)


def _no_method(request: Request, found: dict[str, Found]) -> Answer:
    if not found:
        raise not_found(request.path)
    allowed = sorted({*found, "OPTIONS", *(("HEAD",) if "GET" in found else ())})
    headers: Headers = ((b"allow", ", ".join(allowed).encode()),)
    if request.method == "OPTIONS":
        return Response(200, b"", headers)
    error = UsageError(f"{request.path[:200]} does not take {request.method}.", code=METHOD)
    answer = _failed(error, request.path)
    answer.headers = (*answer.headers, *headers)
    return answer


def _failed(error: NovaSpiError, path: str) -> Response:
    """An error in the shape that the callers of its face read."""
    from nova_spi.serving.http import openai, v2

    answer = next((face.refused for face in (v2, openai) if path.startswith(face.PATHS)), Response.failed)(error)
    if error.error_code == UNAUTHORISED:
        answer.headers = (*answer.headers, _CHALLENGE)
    return answer


_DEFECT = NovaSpiError(
    "The server met an error that it did not expect.",
    why="This is a defect of nova-spi, not of your request.",
    mend="report what the server's log says",
    code="nova_spi.internal",
)
