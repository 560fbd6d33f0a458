"""Commands: what the model can do, and how it is asked to.

An answer is an execution: at its end, or at once where the client would rather come back (``Prefer: respond-async``),
or as events while it goes on (``Accept: text/event-stream``).
"""

from nova_spi.serving.calls import Call, Execution
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

_REPLAYED = (b"idempotency-replayed", b"true")


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
    if key is not None:
        kept, replayed = await _once(served, call, key, lasting=True)
    else:
        kept, replayed = served.submit(call, lasting=prefers.asynchronous), False
    return await _answer(request, served, kept, prefers, (_REPLAYED,) if replayed else (), stream=stream)


async def _once(served: Served, call: Call, key: bytes, *, lasting: bool) -> tuple[Kept, bool]:
    """The execution of a key: a new one, or the one that answers the same request already."""
    print_ = await bodies.fingerprint(call)
    found = served.keys.find(key, print_)
    kept = None if found is None else served.executions.get(found)
    if kept is not None:
        bodies.discard(call.files)
        return kept, True
    kept = served.submit(call, lasting=lasting)
    served.keys.remember(key, print_, call.id)
    return kept, False


async def _answer(
    request: Request, served: Served, kept: Kept, prefers: Preference, headers: Headers, *, stream: bool
) -> Answer:
    if stream:
        return follow(kept, request, headers=headers)
    if not prefers.asynchronous:
        return rendered(await served.wait(kept, request), headers)
    execution = kept.execution
    if prefers.seconds:
        await served.wait(kept, request, prefers.seconds)
    if execution.done.done():
        return rendered(execution, headers)
    applied = b"respond-async" + (b", wait=%d" % prefers.seconds if prefers.seconds else b"")
    return Response(202, document(execution), (*JSON, _location(execution), (b"preference-applied", applied), *headers))


def rendered(execution: Execution, headers: Headers = ()) -> Response:
    """The answer that is an execution that has ended: its status says how."""
    error = execution.error
    if error is None:
        return Response(200, document(execution), JSON + headers)
    after = retry_after(error)
    if after is not None:
        headers = (*headers, (b"retry-after", b"%d" % after))
    return Response(status_of(error), document(execution), JSON + headers)


def _location(execution: Execution) -> tuple[bytes, bytes]:
    return b"location", f"/v1/executions/{execution.id}".encode()


ROUTES = (
    Route("GET", "/v1/commands", index),
    Route("POST", "/v1/commands/{name}", run),
)
