"""A body as the inputs of a call: JSON, or a form with files."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from nova_spi.errors import UsageError
from nova_spi.serving.calls import Call, InputFile
from nova_spi.serving.http.idempotency import digest
from nova_spi.serving.http.messages import Request
from nova_spi.serving.http.served import Served
from nova_spi.serving.http.statuses import MEDIA_TYPE
from nova_spi.serving.plan import ServedCommand

_JSON = (b"application/json", b"")
_FORM = b"multipart/form-data"


@dataclass(slots=True)
class Asked:
    """What a request asks of a command, checked.

    Attributes:
        inputs: The values that are no files, to be spliced.
        files: The files; they belong to the call.
    """

    inputs: bytes
    files: Mapping[str, tuple[InputFile, ...]] = field(default_factory=dict)


async def read(request: Request, served: Served, command: ServedCommand) -> Asked:
    """Reads and checks a body to its end, before any worker hears of it.

    Raises:
        UsageError: It is too large, of another type, or no JSON.
        InputInvalid: It does not meet the interface.
        ClientGone: The client went away.
    """
    said = request.headers.get(b"content-type", b"")
    kind = said.partition(b";")[0].strip().lower()
    if kind in _JSON:
        body = await request.body(served.limits.body_bytes)
        if body and not kind:
            raise _wrong_type(command, said)
        return Asked(await served.acceptor.body(command, body))
    raise _wrong_type(command, said)


def _wrong_type(command: ServedCommand, said: bytes) -> UsageError:
    wanted = "application/json" + (" or multipart/form-data" if command.file_inputs else "")
    return UsageError(
        f"The body must be {wanted}.",
        why=f"Its Content-Type is {said[:100].decode('latin-1')}." if said else "It has no Content-Type.",
        mend="send the header Content-Type: application/json",
        code=MEDIA_TYPE,
    )


async def fingerprint(call: Call) -> bytes:
    """What tells the request of a call from others: its command, its values, and the content of its files."""
    parts = [call.command.encode(), call.inputs]
    if call.files:
        parts += await asyncio.to_thread(_contents, call.files)
    return digest(parts)


def _contents(files: Mapping[str, tuple[InputFile, ...]]) -> list[bytes]:
    found = []
    for name in sorted(files):
        for each in files[name]:
            with each.path.open("rb") as opened:
                content = hashlib.file_digest(opened, "blake2b").digest()
            found += [name.encode(), each.name.encode(), content]
    return found


def discard(files: Mapping[str, tuple[InputFile, ...]]) -> None:
    """Removes the files of a call that is not made."""
    for each in (file for several in files.values() for file in several if file.ours):
        each.path.unlink(missing_ok=True)
