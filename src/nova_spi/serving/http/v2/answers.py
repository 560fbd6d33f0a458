"""Answers of the protocol: errors, and the outputs of calls."""

import asyncio
from collections.abc import Sequence
from typing import Any

from nova_spi.errors import ExecutionError, InputInvalid, NovaSpiError, OutputInvalid
from nova_spi.serving.calls import Execution, OutputFile
from nova_spi.serving.http.messages import Headers, Response
from nova_spi.serving.http.statuses import retry_after, status_of
from nova_spi.serving.http.v2.binding import output_tensor
from nova_spi.serving.http.v2.bodies import InferRequest, answer
from nova_spi.serving.http.v2.models import name_of
from nova_spi.serving.http.v2.shapes import TensorType
from nova_spi.serving.http.v2.tensors import Tensor
from nova_spi.serving.plan import Plan, ServedCommand

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Of all output files of an answer together."""


def refused(error: NovaSpiError) -> Response:
    """An error as the protocol has it, ``{"error": "..."}``; inputs that are not right are 400."""
    status = 400 if isinstance(error, InputInvalid) else status_of(error)
    after = retry_after(error)
    headers: Headers = () if after is None else ((b"retry-after", b"%d" % after),)
    text = " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in _parts(error))
    return Response.json({"error": text}, status, headers)


def _parts(error: NovaSpiError) -> list[str]:
    # What mends an input is said for JSON of our own, not for tensors.
    mend = f"To mend it: {error.mend}" if error.mend and "problems" not in error.details else ""
    return [part for part in (error.message, error.why, mend) if part]


def check_wanted(asked: InferRequest, command: ServedCommand) -> None:
    """Checks that the outputs that are wanted are outputs.

    Raises:
        InputInvalid: One is not.
    """
    known = [parameter.name for parameter in command.outputs]
    for name in asked.outputs or ():
        if name not in known:
            raise InputInvalid(f"There is no output '{name}'; the outputs are {', '.join(known) or 'none'}.")


async def answered(
    plan: Plan, command: ServedCommand, asked: InferRequest, executions: Sequence[Execution], *, batch: bool
) -> Response:
    """The answer to a request.

    Raises:
        ExecutionError: One of the executions did not succeed, or no tensor can hold what they gave.
    """
    for execution in executions:
        if execution.error is not None:
            raise execution.error
    outputs = [execution.value() for execution in executions]
    tensors: list[Tensor] = []
    binary: dict[str, bool] = {}
    for parameter in command.outputs:
        if asked.outputs is not None and parameter.name not in asked.outputs:
            continue
        given = [found for found in outputs if found.get(parameter.name) is not None]
        if not given:
            continue
        if len(given) < len(outputs):
            raise OutputInvalid(
                f"Some of the {len(outputs)} calls gave the output '{parameter.name}', and some did not.",
                mend="ask for one call at a time, or not for this output",
            )
        kind = TensorType.of(parameter)
        wanted = asked.binary if asked.outputs is None else asked.outputs[parameter.name]
        values = await _values(kind, outputs, executions)
        tensors.append(output_tensor(kind, values, batch=batch, binary=wanted))
        binary[parameter.name] = wanted
    head: dict[str, Any] = {"model_name": name_of(plan, command), "model_version": plan.version}
    return answer(head if asked.id is None else head | {"id": asked.id}, tensors, binary)


async def _values(kind: TensorType, outputs: Sequence[Any], executions: Sequence[Execution]) -> list[Any]:
    name = kind.parameter.name
    if kind.content != "file":
        return [found[name] for found in outputs]
    files = [execution.files.get(name, ()) for execution in executions]
    size = sum(file.size for each in files for file in each)
    if size > MAX_FILE_BYTES:
        raise OutputInvalid(
            f"The files of the output '{name}' are {size} bytes, more than an answer may hold.",
            mend=f"GET /v1/executions/{executions[0].id} says where each can be fetched",
        )
    contents = await asyncio.to_thread(_read, files)
    return contents if kind.depth else [each[0] for each in contents]


def _read(files: Sequence[Sequence[OutputFile]]) -> list[list[bytes]]:
    try:
        return [[file.path.read_bytes() for file in each] for each in files]
    except OSError as error:
        raise ExecutionError("An output file is not there any more.", why=str(error)) from error
