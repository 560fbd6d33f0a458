"""One command of a served model, with what is made once for all of its calls: the bytes around their inputs."""

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring_ascii as quoted

from nova_spi.errors import InputInvalid
from nova_spi.serving.calls import Call, Execution
from nova_spi.serving.plan import ServedCommand
from nova_spi.serving.supervisor.answers import Answers
from nova_spi_runtime.frames import MAX_PAYLOAD

MAX_INPUTS = MAX_PAYLOAD - 1024 * 1024
"""Bytes of inputs; the rest of a frame is for what stands around them."""

Files = Mapping[str, Sequence[str]]
"""The paths of a call's file inputs by name, as the worker sees them."""


class Served:
    """One command.

    Args:
        command: It.

    Attributes:
        command: It.
        answers: Reads what comes back.
    """

    def __init__(self, command: ServedCommand) -> None:
        self.command = command
        self.answers = Answers(command)
        self.secrets = tuple(parameter.name for parameter in command.inputs if parameter.secret)
        self._name = quoted(command.name).encode()
        self._begin = b'{"command":' + self._name + b',"id":'
        self._end = _rest({}, stream=False, seconds=command.timeout_seconds)

    def seconds(self, call: Call) -> float:
        """How long a worker may take for a call."""
        return self.command.timeout_seconds if call.timeout_seconds is None else call.timeout_seconds

    def frame(self, call: Call, files: Files) -> tuple[bytes, ...]:
        """The payload of ``C``, in pieces: the inputs stay the bytes that they came as."""
        end = self._end
        if files or call.stream or call.timeout_seconds is not None:
            end = _rest(files, stream=call.stream, seconds=self.seconds(call))
        return self._begin, quoted(call.id).encode(), b',"inputs":', call.inputs, end

    def batch(self, calls: Sequence[Call], files: Sequence[Files]) -> tuple[bytes, ...]:
        """The payload of ``B``, in pieces."""
        pieces = [b'{"command":', self._name, b',"calls":[']
        for call, own in zip(calls, files, strict=True):
            rest = json.dumps({"files": own, "timeout_seconds": self.seconds(call)}).encode()[1:]
            pieces += [b'{"id":', quoted(call.id).encode(), b',"inputs":', call.inputs, b",", rest, b","]
        return (*pieces[:-1], b"]}")

    def hidden(self, executions: Sequence[Execution]) -> dict[str, str]:
        """The values of secret inputs, by a name for each."""
        found: dict[str, str] = {}
        for index, execution in enumerate(executions if self.secrets else ()):
            values = json.loads(execution.call.inputs)
            for name in self.secrets:
                if values.get(name) is not None:
                    found[name if not index else f"{name} of call {index + 1}"] = str(values[name])
        return found


def check_size(call: Call) -> None:
    """Refuses inputs that no frame holds.

    Raises:
        InputInvalid: They are too large.
    """
    if len(call.inputs) > MAX_INPUTS:
        raise InputInvalid(
            f"The inputs are {len(call.inputs)} bytes of JSON, and {MAX_INPUTS} is the most.",
            mend="Send what is large as a file.",
        )


def _rest(files: Files, *, stream: bool, seconds: float) -> bytes:
    rest = {"files": files, "stream": stream, "timeout_seconds": seconds}
    return b"," + json.dumps(rest, separators=(",", ":")).encode()[1:]
