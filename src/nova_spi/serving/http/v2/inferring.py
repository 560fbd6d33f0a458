"""Inference: from a request of the protocol to calls, and from their outputs to its answer."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from nova_spi.errors import NovaSpiError, QueueFull
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.accepting.json_bodies import LARGE
from nova_spi.serving.calls import Call, Execution
from nova_spi.serving.http.keeping import Kept
from nova_spi.serving.http.messages import Request, Response, too_large
from nova_spi.serving.http.served import Served
from nova_spi.serving.http.v2.answers import answered, check_wanted, refused
from nova_spi.serving.http.v2.binding import check_names, contents_of, inputs_of
from nova_spi.serving.http.v2.bodies import HEADER_LENGTH, InferRequest, decoded, parse
from nova_spi.serving.http.v2.files import Contents, folder_for, stored
from nova_spi.serving.http.v2.models import command_of
from nova_spi.serving.http.v2.shapes import TensorType, split
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.frames import MAX_PAYLOAD

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Understood:
    """A request that makes sense.

    Attributes:
        asked: The request.
        calls: The inputs of each call, checked, and the contents of its files.
        batch: Whether it came as several calls, be it one.
    """

    asked: InferRequest
    calls: list[tuple[bytes, Contents]]
    batch: bool


async def infer(request: Request, served: Served, name: str, version: str | None = None) -> Response:
    """``POST /v2/models/NAME[/versions/VERSION]/infer``."""
    try:
        command = command_of(served.plan, name, version)
        limit = served.limits.body_bytes
        body = await request.body(limit)
        encoding, length = request.header(b"content-encoding"), request.header(HEADER_LENGTH)
        understood = await _near(
            bool(encoding) or len(body) > LARGE,
            lambda: understand(served.acceptor, command, decoded(body, encoding, limit), length),
        )
        return await _run(request, served, command, understood)
    except NovaSpiError as error:
        return refused(error)


def understand(acceptor: Acceptor, command: ServedCommand, body: bytes, header_length: bytes) -> Understood:
    """Reads a request and checks all of it but its files.

    Raises:
        UsageError: It is no request of the protocol, or too large as JSON.
        InputInvalid: It is none of this command.
    """
    asked = parse(body, header_length)
    types = {parameter.name: TensorType.of(parameter) for parameter in command.inputs}
    check_names(asked.tensors, types)
    check_wanted(asked, command)
    calls, batch = split(asked.tensors, types)
    found: list[tuple[bytes, Contents]] = []
    size = 0
    for tensors in calls:
        contents = contents_of(tensors, types)
        inputs = inputs_of(tensors, types)
        size += len(inputs)
        if size > MAX_PAYLOAD:
            raise too_large(MAX_PAYLOAD)
        found.append((acceptor.json(command, inputs, contents), contents))
    return Understood(asked, found, batch)


async def _near(far: bool, work: Callable[[], Found]) -> Found:
    """Does the work here, or in a thread where it may take long."""
    return await asyncio.to_thread(work) if far else work()


async def _run(request: Request, served: Served, command: ServedCommand, understood: Understood) -> Response:
    with ExitStack() as ending:
        calls = []
        for inputs, contents in understood.calls:
            if contents:
                folder = ending.enter_context(folder_for(served.plan))
                calls.append(Call(command.name, inputs, await stored(served.acceptor, command, contents, folder)))
            else:
                calls.append(Call(command.name, inputs))
        executions = await _in_order(request, served, calls)
        return await answered(served.plan, command, understood.asked, executions, batch=understood.batch)


async def _in_order(request: Request, served: Served, calls: list[Call]) -> list[Execution]:
    """Runs calls in their order, as many at once as workers take; the first that fails ends the others."""
    if len(calls) == 1:
        return [await served.call(calls[0], request)]
    window = max(1, len(served.plan.slots) * served.plan.max_batch_size)
    waiting, running = deque(calls), deque[Kept]()
    ended: list[Execution] = []
    try:
        while waiting or running:
            while waiting and len(running) < window and _submitted(served, waiting[0], running):
                waiting.popleft()
            ended.append(await served.wait(running[0], request))
            running.popleft()
            if ended[-1].error is not None:
                break
    finally:
        for kept in running:
            kept.execution.cancel()
    return ended


def _submitted(served: Served, call: Call, running: deque[Kept]) -> bool:
    """Takes up one more call; where the queue is full of others' calls, those of ours that run are waited for first."""
    try:
        running.append(served.submit(call))
    except QueueFull:
        if not running:
            raise
        return False
    return True
