"""Names of files that come over a network: made safe, and made up where none came."""

import posixpath
import re

from nova_spi.interface.sniffing import UNKNOWN, is_text
from nova_spi_runtime.media_types import canonical
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.patterns import PatternInvalid, expand_braces, matches, numbered_name

MAX_BYTES = 200
"""Of one name; file systems take 255, and a number may have to be added."""

MAX_FOLDERS = 8

EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/svg+xml": ".svg",
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/mpeg": ".mp3",
    "audio/aac": ".aac",
    "audio/aiff": ".aiff",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/webm": ".webm",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/ogg": ".ogv",
    "video/x-msvideo": ".avi",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/yaml": ".yaml",
    "application/xml": ".xml",
    "application/x-npy": ".npy",
    "model/gltf-binary": ".glb",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/markdown": ".md",
    "text/html": ".html",
    "text/vtt": ".vtt",
}
"""What a file of a type is called; several extensions may claim one type, and this is the one that is written."""

_ESCAPED = re.compile("%(22|0D|0A)", re.IGNORECASE)


def safe_name(text: str) -> str:
    """A name that came with a file, as a relative path with ``/`` that is safe to use, or empty.

    Folders stay, for patterns that ask for them, but none leads up or is hidden; control characters and what cannot be
    shown become ``_``. The three characters that forms escape are read back (WHATWG HTML, "Multipart form data").
    """
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    parts = [_part(part) for part in text.replace("\\", "/").split("/")]
    return "/".join([part for part in parts if part][-MAX_FOLDERS:])


def _part(text: str) -> str:
    shown = "".join(char if char.isprintable() else "_" for char in text)
    return shortened(shown.strip().lstrip(".").strip().rstrip("."))


def shortened(name: str) -> str:
    """A name within `MAX_BYTES`; it keeps its extension."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, extension = posixpath.splitext(name)
    extension = extension if len(extension.encode()) <= 20 else ""
    return stem.encode()[: MAX_BYTES - len(extension.encode())].decode("utf-8", "ignore") + extension


def unlike(name: str, taken: set[str]) -> str:
    """The name, with a number before its extension where it is taken already; it is taken from then on."""
    stem, extension = posixpath.splitext(name)
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{stem}-{number}{extension}"
    taken.add(found)
    return found


def made_up(parameter: Parameter, mime: str, index: int) -> str:
    """A name for a file that came without one: the parameter's, or what its pattern asks for."""
    extension = EXTENSIONS.get(canonical(mime), "")
    plain = f"{parameter.name}{f'-{index + 1}' if index else ''}{extension}"
    if matches(parameter.file_pattern, plain):
        return plain
    try:
        return numbered_name(parameter.file_pattern, index, parameter.index_padding, extension)
    except PatternInvalid:
        return _as_asked(parameter, plain) if is_text(mime) or mime == UNKNOWN else plain


def _as_asked(parameter: Parameter, plain: str) -> str:
    """Content that could be many things gets the extension that the pattern asks for: a table is text as any other."""
    stem = posixpath.splitext(plain)[0]
    asked = (stem + posixpath.splitext(alternative)[1] for alternative in expand_braces(parameter.file_pattern))
    return next((name for name in asked if matches(parameter.file_pattern, name)), plain)
