"""Files in a JSON body: ``data:`` URIs (RFC 2397), or base64 alone, decoded to disk piece by piece.

``data:image/png;name=cat.png;base64,iVBORw0...``: a type, parameters of which ``name`` (or ``filename``) is the file's,
and the data, in base64 (RFC 4648, section 4) or percent-encoded. Nothing is ever fetched from anywhere.
"""

import binascii
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from nova_spi.serving.accepting.intake import MAX_FILES, Intake
from nova_spi.serving.accepting.media_names import EXTENSIONS
from nova_spi_runtime.media_types import canonical
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.patterns import matches
from nova_spi_runtime.problems import Problem, kind_of

MAX_HEAD = 4096
"""Characters before the comma."""

_ESCAPES = (("%2B", "+"), ("%2b", "+"), ("%2F", "/"), ("%2f", "/"), ("%3D", "="), ("%3d", "="))
"""The characters of base64 that a URI may escape."""

_STEP = 1 << 20  # a multiple of four, so that each piece of base64 stands for itself
_WANTED = "must be a data: URI, e.g. data:image/png;base64,..., or base64"


class DataInvalid(ValueError):
    """A text that holds no file; the message can follow the name of an input."""


def take_in(parameter: Parameter, value: Any, intake: Intake) -> list[Problem]:
    """Writes the file or the files that a JSON value holds, and says what is wrong with it.

    Raises:
        UsageError, ExecutionError: As `Intake.begin` and `nova_spi.serving.accepting.intake.Incoming.write`.
    """
    several = isinstance(value, list)
    values = value if several else [value]
    if len(values) > MAX_FILES:
        return [Problem(parameter.name, f"takes at most {MAX_FILES} files in one call, not {len(values)}")]
    problems = []
    for index, each in enumerate(values):
        path = f"{parameter.name}[{index}]" if several else parameter.name
        if not isinstance(each, str) or not each:
            what = "an empty text" if each == "" else kind_of(each)
            problems.append(Problem(path, f"{_WANTED}, not {what}"))
            continue
        try:
            _take_one(parameter, each, intake)
        except DataInvalid as error:
            problems.append(Problem(path, str(error)))
    return problems


def _take_one(parameter: Parameter, text: str, intake: Intake) -> None:
    name, pieces = opened(parameter, text)
    incoming = intake.begin(parameter, name)
    for piece in pieces:
        incoming.write(piece)
    intake.end()


def opened(parameter: Parameter, text: str) -> tuple[str, Iterator[bytes]]:
    """The name of the file, empty where nothing says one, and its content in pieces.

    Raises:
        DataInvalid: It is no file; of its data, as soon as the pieces come to that.
    """
    if text[:5].lower() != "data:":
        return "", _base64(text, 0)
    comma = text.find(",", 5, 5 + MAX_HEAD)
    if comma < 0:
        raise DataInvalid("is a data: URI without a comma before its data")
    mime, *parameters = text[5:comma].split(";")
    encoded = bool(parameters) and parameters[-1].strip().lower() == "base64"
    said = dict(each.strip().partition("=")[::2] for each in parameters)
    name = unquote(said.get("name") or said.get("filename") or "").strip('"')
    name = name or _by_type(parameter, mime)
    return name, _base64(text, comma + 1) if encoded else _percent(text, comma + 1)


def _by_type(parameter: Parameter, mime: str) -> str:
    name = parameter.name + EXTENSIONS.get(canonical(mime), "")
    return name if name != parameter.name and matches(parameter.file_pattern, name) else ""


def _base64(text: str, begin: int) -> Iterator[bytes]:
    alone = not begin
    if text.find("%", begin) >= 0:
        text, begin = text[begin:], 0
        for escaped, plain in _ESCAPES:
            text = text.replace(escaped, plain)
    for start in range(begin, len(text), _STEP):
        piece = text[start : start + _STEP]
        if "=" in piece[:-2] or ("=" in piece and start + _STEP < len(text)):
            raise DataInvalid("has base64 that goes on after its end")
        try:
            yield binascii.a2b_base64(piece, strict_mode=True)
        except ValueError as error:
            raise DataInvalid(_WANTED if alone else f"has damaged base64 ({str(error)[:80].lower()})") from None


def _percent(text: str, begin: int) -> Iterator[bytes]:
    while begin < len(text):
        end = min(begin + _STEP, len(text))
        if end < len(text):  # an escape of three characters stays in one piece
            cut = text.rfind("%", end - 2, end)
            end = cut if cut > begin else end
        yield unquote_to_bytes(text[begin:end])
        begin = end
