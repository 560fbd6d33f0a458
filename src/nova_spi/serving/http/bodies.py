"""A body as the inputs of a call: JSON, or a form with files."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nova_spi.errors import UsageError
from nova_spi.serving.accepting.checked import CheckedFiles
from nova_spi.serving.accepting.intake import storing
from nova_spi.serving.accepting.json_bodies import LARGE
from nova_spi.serving.accepting.uploads import is_form
from nova_spi.serving.calls import Call, InputFile
from nova_spi.serving.http.idempotency import digest
from nova_spi.serving.http.messages import Request
from nova_spi.serving.http.served import Served
from nova_spi.serving.http.statuses import MEDIA_TYPE
from nova_spi.serving.plan import ServedCommand


@dataclass(slots=True)
class Asked:
    """What a request asks of a command, checked.

    Attributes:
        inputs: The values that are no files, to be spliced.
        files: The files; they belong to the call.
        folder: Where these came to stand; it is to be removed after the call. None where there are none.
        warnings: What was left out.
    """

    inputs: bytes
    files: Mapping[str, tuple[InputFile, ...]] = field(default_factory=dict)
    folder: Path | None = None
    warnings: tuple[str, ...] = ()


async def read(request: Request, served: Served, command: ServedCommand) -> Asked:
    """Reads and checks a body to its end, before any worker hears of it.

    Raises:
        UsageError: It is too large, of another type, or no JSON.
        InputInvalid: It does not meet the interface.
        ExecutionError: The disk is full, or the system refuses something else.
        ClientGone: The client went away.
    """
    said = request.headers.get(b"content-type", b"")
    kind = said.partition(b";")[0].strip().lower()
    if kind == b"application/json" or not kind:
        body = await request.body(served.limits.body_bytes)
        if body and not kind:
            raise _wrong_type(said)
        if not command.file_inputs:
            if len(body) <= LARGE:
                return Asked(served.acceptor.json(command, body))
            return Asked(await served.acceptor.body(command, body))
        folder = _folder(served)
        return _asked(folder, await served.acceptor.document(command, body, folder))
    if is_form(said):
        folder = _folder(served)
        return _asked(folder, await served.acceptor.form(command, request.chunks(), said, folder))
    raise _wrong_type(said)


def _folder(served: Served) -> Path:
    """A place for the files of one call, which is made when there are any."""
    incoming = served.plan.folder / "incoming"
    with storing():
        incoming.mkdir(mode=0o700, exist_ok=True)
    return incoming / secrets.token_hex(12)


def _asked(folder: Path, found: tuple[bytes, CheckedFiles]) -> Asked:
    inputs, files = found
    return Asked(inputs, files, folder if folder.exists() else None, files.warnings)


def _wrong_type(said: bytes) -> UsageError:
    return UsageError(
        "The body must be application/json or multipart/form-data.",
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
