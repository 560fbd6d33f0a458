"""Commands: what the model can do, and how it is asked to.

An answer is an execution: at its end, or at once where the client would rather come back (``Prefer: respond-async``),
or as events while it goes on (``Accept: text/event-stream``).
"""

from nova_spi.serving.calls import Call
from nova_spi.serving.http import bodies
from nova_spi.serving.http.events import follow
from nova_spi.serving.http.idempotency import checked
from nova_spi.serving.http.keeping import Kept
from nova_spi.serving.http.messages import JSON, Headers, Request, Response
from nova_spi.serving.http.preferring import SYNCHRONOUS, Preference, preference
from nova_spi.serving.http.rendering import document
from nova_spi.serving.http.routes import Answer, Route
from nova_spi.serving.http.served import Served
from nova_spi.serving.http.statuses import retry_after, status_of

_REPLAYED: Headers = ((b"idempotency-replayed", b"true"),)


async def index(request: Request, served: Served) -> Response:
    """The commands of the model."""
    plan = served.plan
    commands = [
        {
            "name": command.name,
            "description": command.description,
            "default": command.default,
            "timeout_seconds": command.timeout_seconds,
        }
        for command in plan.commands.values()
    ]
    return Response.json({"name": plan.name, "version": plan.version, "commands": commands})


async def run(request: Request, served: Served, name: str) -> Answer:
    """Runs a command."""
    command = served.command(name)
    headers = request.headers
    key = headers.get(b"idempotency-key")
    prefers = preference(headers[b"prefer"]) if b"prefer" in headers else SYNCHRONOUS
    if key is not None:
        checked(key)
    asked = await bodies.read(request, served, command)
    stream = request.wants_events and not prefers.asynchronous
    call = Call(command.name, asked.inputs, asked.files, stream=stream)
    try:
        kept, replayed = await _taken_up(served, call, key, lasting=prefers.asynchronous)
    except BaseException:  # whatever happened, nothing stays of a call that is not made
        _discard(served, asked)
        raise
    if replayed:
        _discard(served, asked)
    else:
        kept.folder, kept.warnings = asked.folder, asked.warnings
    return await _answer(request, served, kept, prefers, _REPLAYED if replayed else (), stream=stream)


async def _taken_up(served: Served, call: Call, key: bytes | None, *, lasting: bool) -> tuple[Kept, bool]:
    """The execution of a call; True where one with the same key answers it already."""
    if key is None:
        return served.submit(call, lasting=lasting), False
    digest = await bodies.fingerprint(call)
    known = served.keys.find(key, digest)
    found = None if known is None else served.executions.get(known)
    if found is not None and not found.never_began:
        return found, True
    kept = served.submit(call, lasting=True)
    served.keys.remember(key, digest, call.id)
    return kept, False


def _discard(served: Served, asked: bodies.Asked) -> None:
    if asked.folder is not None:
        served.executions.discard(asked.folder)


async def _answer(
    request: Request, served: Served, kept: Kept, prefers: Preference, headers: Headers, *, stream: bool
) -> Answer:
    if stream:
        return follow(kept, request, headers=headers)
    execution = kept.execution
    if not prefers.asynchronous:
        await served.wait(kept, request)
    elif prefers.seconds:
        await served.wait(kept, request, prefers.seconds)
    if execution.done.done():
        return rendered(kept, headers)
    applied = b"respond-async" + (b", wait=%d" % prefers.seconds if prefers.seconds else b"")
    location = f"/v1/executions/{execution.id}".encode()
    more = ((b"location", location), (b"preference-applied", applied))
    return Response(202, document(kept), JSON + more + headers)


def rendered(kept: Kept, headers: Headers = ()) -> Response:
    """The answer that is an execution that has ended: its status says how."""
    error = kept.execution.error
    if error is None:
        return Response(200, document(kept), JSON + headers if headers else JSON)
    after = retry_after(error)
    if after is not None:
        headers = (*headers, (b"retry-after", b"%d" % after))
    return Response(status_of(error), document(kept), JSON + headers)


ROUTES = (
    Route("GET", "/v1/commands", index),
    Route("POST", "/v1/commands/{name}", run),
)
