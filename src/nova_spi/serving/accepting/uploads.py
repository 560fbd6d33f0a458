"""Forms of several parts (multipart/form-data, RFC 7578), streamed: files go to disk as they come, one after the other.

A part is a file where its name is that of a file input, else a value: text, read as its parameter's type wants it, or
JSON where the part says ``application/json``. Several parts of one file input are several files. Nothing that grows
with a file is held in memory, and what came is taken away again when anything fails.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_spi.errors import ExtraMissing, UsageError
from nova_spi.interface.assembling import Text
from nova_spi.serving.accepting.beside import in_thread, remove
from nova_spi.serving.accepting.intake import TOO_LARGE, Intake
from nova_spi.serving.calls import InputFile
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.json_text import JsonInvalid, parse_json
from nova_spi_runtime.parameters import Parameter

MAX_PARTS = 2000
MAX_VALUE_BYTES = 64 * 1024 * 1024
"""Of all values together: of the parts that are no files."""
MAX_HEADERS = 16
MAX_HEADER_BYTES = 16 * 1024
"""Of one part, all headers together."""

_INLINE = 256 * 1024
"""Bytes of a form that are taken in where they come; the rest goes through a thread, whose start would cost more."""
_PIECE = 1024 * 1024
"""Bytes that are handed to the thread at once."""

_MEND = "send multipart/form-data, e.g. curl -F prompt=Hello -F image=@cat.png"


@dataclass(frozen=True, slots=True)
class Form:
    """What came.

    Attributes:
        values: A `Text`, or what JSON says, by the name of the part.
        files: By the name of the input.
    """

    values: Mapping[str, Any]
    files: Mapping[str, tuple[InputFile, ...]]


def is_form(content_type: bytes) -> bool:
    """Whether a body is a form of parts."""
    return content_type[:19].lower() == b"multipart/form-data"


async def receive(
    chunks: AsyncIterator[bytes], content_type: bytes, command: ServedCommand, folder: Path, max_file_bytes: int
) -> Form:
    """Reads a form to its end.

    Args:
        chunks: The body as it comes.
        content_type: Of the request, with the boundary.
        command: Whose inputs the parts are.
        folder: A folder of this call alone, for its files; it is made, and taken away when anything fails.
        max_file_bytes: The bound of a file whose parameter has none of its own.

    Raises:
        UsageError: It is no form, or too much of one (``usage.too_large``).
        ExecutionError: The disk is full (``serving.disk_full``).
        ExtraMissing: python-multipart is not installed.
    """
    intake = Intake(folder, command, max_file_bytes)
    reading = _Reading(content_type, command, intake)
    try:
        await _feed(reading, chunks, intake.most_bytes + MAX_VALUE_BYTES + MAX_PARTS * MAX_HEADER_BYTES)
        return reading.finished()
    except BaseException:  # whatever happened, a client that went away above all: nothing stays
        intake.end()
        await remove(folder)
        raise


async def _feed(reading: "_Reading", chunks: AsyncIterator[bytes], most: int) -> None:
    count, size = 0, 0
    waiting: list[bytes] = []
    async for chunk in chunks:
        count += len(chunk)
        if count <= _INLINE:
            reading.write(chunk)
            continue
        if count > most:
            raise UsageError(f"The form is larger than {most} bytes.", mend="send less in one call", code=TOO_LARGE)
        waiting.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            await in_thread(reading.write, b"".join(waiting))
            waiting, size = [], 0
    if waiting:
        await in_thread(reading.write, b"".join(waiting))


class _Reading:
    """One form on its way through the parser, whose callbacks are below."""

    def __init__(self, content_type: bytes, command: ServedCommand, intake: Intake) -> None:
        self.intake = intake
        self._files: dict[str, Parameter] = {parameter.name: parameter for parameter in command.file_inputs}
        self._values: dict[str, Any] = {}
        self._value_bytes = self._parts = 0
        self._complete = False
        self._begin_part()
        self._parser = _parser(content_type, self)

    def write(self, data: bytes) -> None:
        """Takes in a piece of the body."""
        try:
            self._parser.write(data)
        except ValueError as error:  # the root of all that the parser raises
            raise UsageError("The form cannot be read.", why=f"{str(error)[:200]}.", mend=_MEND) from None

    def finished(self) -> Form:
        """What came, at the end of the body."""
        if not self._complete:
            raise UsageError("The form is cut off: its last boundary is missing.", mend=_MEND)
        return Form(self._values, self.intake.taken())

    def _begin_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._header_bytes = 0
        self._name = ""
        self._json = self._chosen = False
        self._incoming: Any = None
        self._text = bytearray()

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise UsageError(f"The form has more than {MAX_PARTS} parts.", mend=_MEND, code=TOO_LARGE)
        self._begin_part()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += self._bounded(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._bounded(data[start:end])

    def _bounded(self, data: bytes) -> bytes:
        self._header_bytes += len(data)
        if self._header_bytes > MAX_HEADER_BYTES or len(self._headers) > MAX_HEADERS:
            raise UsageError("A part of the form has too many headers.", mend=_MEND)
        return data

    def on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def on_headers_finished(self) -> None:
        said = _disposition(self._headers.get(b"content-disposition", b""))
        self._name = said.get("name", "")
        if not self._name:
            raise UsageError("A part of the form has no name.", mend=_MEND)
        if self._headers.get(b"content-transfer-encoding", b"binary").lower() not in (b"binary", b"8bit", b"7bit"):
            raise UsageError("A part of the form has a Content-Transfer-Encoding.", mend="send the bytes as they are")
        parameter = self._files.get(self._name)
        self._json = self._headers.get(b"content-type", b"").lower().startswith(b"application/json")
        if parameter is not None:
            self._chosen = bool(said.get("filename", "-"))
            self._incoming = self.intake.begin(parameter, said.get("filename", ""))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._incoming is not None:
            self._incoming.write(memoryview(data)[start:end])
            return
        self._value_bytes += end - start
        if self._value_bytes > MAX_VALUE_BYTES:
            raise UsageError(
                f"The values of the form are over {MAX_VALUE_BYTES // 2**20} MiB.",
                mend="send what is large as a file",
                code=TOO_LARGE,
            )
        self._text += memoryview(data)[start:end]

    def on_part_end(self) -> None:
        if self._incoming is None:
            self._take_value(bytes(self._text))
        elif self._incoming.size or self._chosen:
            self.intake.end()
        else:  # what a browser sends of a field where no file was chosen
            self.intake.drop()

    def _take_value(self, data: bytes) -> None:
        if self._name in self._values:
            raise UsageError(f"The form has '{self._name[:80]}' twice.", why="Only files come several times.")
        try:
            self._values[self._name] = parse_json(data) if self._json else Text(data.decode())
        except JsonInvalid as error:
            raise UsageError(f"The part '{self._name[:80]}' of the form is not JSON: {error}.", mend=_MEND) from None
        except UnicodeDecodeError as error:
            raise UsageError(
                f"The part '{self._name[:80]}' of the form is not text in UTF-8.", why=f"Byte {error.start} is not."
            ) from None

    def on_end(self) -> None:
        self._complete = True


_CALLBACKS = (
    "on_part_begin",
    "on_header_field",
    "on_header_value",
    "on_header_end",
    "on_headers_finished",
    "on_part_data",
    "on_part_end",
    "on_end",
)


def _parser(content_type: bytes, reading: _Reading) -> Any:
    """The streaming parser for a form."""
    try:
        from python_multipart import multipart
    except ImportError as error:
        raise ExtraMissing.named("serve", "python-multipart", "A form of files") from error
    boundary = multipart.parse_options_header(content_type)[1].get(b"boundary", b"")
    if not is_form(content_type) or not 0 < len(boundary) <= 70:  # RFC 2046, section 5.1.1
        raise UsageError("The form has no boundary of 1 to 70 characters in its Content-Type.", mend=_MEND)
    callbacks: Any = {name: getattr(reading, name) for name in _CALLBACKS}
    parser = multipart.MultipartParser(boundary, callbacks)
    parser.logger.setLevel(logging.CRITICAL)  # what a client sends wrong is told to the client
    return parser


def _disposition(header: bytes) -> dict[str, str]:
    """The parameters of a Content-Disposition; text that is no UTF-8 is replaced."""
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(header)
    if kind != b"form-data":
        return {}
    return {key.decode("latin-1"): value.decode("utf-8", "replace") for key, value in options.items()}
