"""Names of media types: one name for what has several, and whether a type is among the accepted ones."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ALIASES = {
    "application/x-gzip": "application/gzip",
    "application/x-json": "application/json",
    "text/json": "application/json",
    "application/x-pdf": "application/pdf",
    "application/x-yaml": "application/yaml",
    "text/yaml": "application/yaml",
    "text/x-yaml": "application/yaml",
    "application/x-zip": "application/zip",
    "application/x-zip-compressed": "application/zip",
    "application/javascript": "text/javascript",
    "application/x-javascript": "text/javascript",
    "text/xml": "application/xml",
    "audio/x-aac": "audio/aac",
    "audio/aacp": "audio/aac",
    "audio/x-aiff": "audio/aiff",
    "audio/x-flac": "audio/flac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/x-pn-wav": "audio/wav",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/tif": "image/tiff",
    "image/x-tiff": "image/tiff",
    "image/x-webp": "image/webp",
    "text/x-markdown": "text/markdown",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/x-avi": "video/x-msvideo",
    "video/m4v": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/x-mp4": "video/mp4",
    "video/mov": "video/quicktime",
    "video/mkv": "video/x-matroska",
    "video/matroska": "video/x-matroska",
}
"""Other names of a media type, in lower case, and the one that is written."""


def canonical(mime: str) -> str:
    """The one name of a media type: lower case, without parameters, aliases resolved (``audio/x-wav``: audio/wav)."""
    bare = mime.partition(";")[0].strip().lower()
    return ALIASES.get(bare, bare)


def accepted(mime: str, accepted_types: Iterable[str]) -> bool:
    """Whether a type is one of the accepted ones, which may be families such as ``image/*``; none means any."""
    found = canonical(mime)
    family = found.partition("/")[0]
    wanted = [canonical(each) for each in accepted_types]
    return not wanted or any(each in (found, f"{family}/*", "*/*", "*") for each in wanted)
