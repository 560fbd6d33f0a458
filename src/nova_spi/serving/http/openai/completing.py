"""Chat and plain completions: from a request to a call, and from its pieces or its end to the answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nova_spi.errors import NovaSpiError
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.accepting.json_bodies import LARGE
from nova_spi.serving.calls import Call, Event
from nova_spi.serving.http.events import HEADERS, Reader
from nova_spi.serving.http.keeping import Kept
from nova_spi.serving.http.messages import Request, Response, Streamed
from nova_spi.serving.http.openai.errors import NotAnswerable, body_of, refused
from nova_spi.serving.http.openai.rendering import Rendering, event
from nova_spi.serving.http.openai.requests import Kind, TextRequest, parse
from nova_spi.serving.http.openai.text_models import TextModel
from nova_spi.serving.http.served import Served
from nova_spi_runtime.json_text import write_json


async def chat(request: Request, served: Served) -> Response | Streamed:
    """``POST /v1/chat/completions``."""
    return await _complete(request, served, "chat")


async def completion(request: Request, served: Served) -> Response | Streamed:
    """``POST /v1/completions``."""
    return await _complete(request, served, "completion")


async def _complete(request: Request, served: Served, kind: Kind) -> Response | Streamed:
    try:
        body = await request.body(served.limits.body_bytes)
        text_model = _text_model(served, kind)
        if len(body) > LARGE:
            asked, inputs = await asyncio.to_thread(_understand, served.acceptor, body, kind, text_model)
        else:
            asked, inputs = _understand(served.acceptor, body, kind, text_model)
        call = Call(text_model.command.name, inputs, stream=asked.stream)
        rendering = Rendering(kind, asked, text_model, call.id)
        if asked.stream:
            return await _stream(request, served, call, rendering)
        execution = await served.call(call, request)
        if execution.error is not None:
            raise execution.error
        return Response.json(rendering.whole(execution.value()))
    except NotAnswerable as problem:
        return problem.response()
    except NovaSpiError as error:
        return refused(error)


def _understand(acceptor: Acceptor, body: bytes, kind: Kind, text_model: TextModel) -> tuple[TextRequest, bytes]:
    asked = parse(body, kind, text_model)
    inputs = write_json(asked.inputs).encode("utf-8", "backslashreplace")
    return asked, acceptor.json(text_model.command, inputs)


def _text_model(served: Served, kind: Kind) -> TextModel:
    found = TextModel.of(served.plan)
    if found is None:
        raise NotAnswerable(
            f"{served.plan.name} is no text model: its default command needs an array input 'messages' or a string "
            "input 'prompt', and one string output. POST /v1/commands/NAME takes what it has.",
            code="not_a_text_model",
            status=404,
        )
    if kind == "completion" and not found.completes:
        raise NotAnswerable(
            f"{served.plan.name} takes messages and no 'prompt': ask it at /v1/chat/completions.",
            code="not_a_completion_model",
            status=404,
        )
    return found


async def _stream(request: Request, served: Served, call: Call, rendering: Rendering) -> Response | Streamed:
    """The pieces as they come; what fails before the first of them is an answer with a status of its own."""
    kept = served.submit(call)
    text = _Text(rendering)
    reader = Reader(kept.execution, text.piece, request)
    pieces = reader.chunks()
    first = await _first(kept, request, pieces)
    if not first and kept.execution.error is not None:
        reader.close()
        return refused(kept.execution.error)
    return Streamed(200, HEADERS, _chunks(kept, reader, pieces, first, text))


class _Text:
    """What of the text has been sent."""

    def __init__(self, rendering: Rendering) -> None:
        self.rendering = rendering
        self._sent = 0

    def piece(self, happened: Event) -> bytes | None:
        """What is sent for an event."""
        text = happened.data.get(self.rendering.text_model.output) if happened.kind == "output" else None
        if not isinstance(text, str) or not text:
            return None
        before = b"" if self._sent else self.rendering.first()
        self._sent += len(text)
        return before + self.rendering.piece(text)

    def rest(self, outputs: dict[str, Any]) -> bytes:
        """What is left to send in the end: all of a text that came whole, and why it ends."""
        text = outputs.get(self.rendering.text_model.output) or ""
        before = b"" if self._sent else self.rendering.first()
        left = text[self._sent :]
        return before + (self.rendering.piece(left) if left else b"") + self.rendering.last(outputs)


async def _first(kept: Kept, request: Request, pieces: AsyncIterator[bytes]) -> bytes:
    """The first piece; empty where there is none until the end. Where the client goes away meanwhile, the call ends."""
    connection = request.connection
    kept.waiting += 1
    if connection is not None:
        if connection.lost:
            kept.leave()
        else:
            connection.gone = kept.leave
    try:
        return await anext(pieces, b"")
    finally:
        if connection is None or connection.gone is not None:
            kept.waiting -= 1
        if connection is not None:
            connection.gone = None


async def _chunks(
    kept: Kept, reader: Reader, pieces: AsyncIterator[bytes], first: bytes, text: _Text
) -> AsyncIterator[bytes]:
    execution = kept.execution
    try:
        with kept.awaited():
            if first:
                yield first
            async for chunk in pieces:
                yield chunk
        if execution.error is not None:
            yield event(body_of(execution.error))
        elif execution.done.done():
            yield text.rest(execution.value())
    finally:
        reader.close()
