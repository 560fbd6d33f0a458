"""The type of a file by its content: exact signatures, then text, then puremagic. The name only refines text."""

import json
import re
import stat
from pathlib import Path
from typing import BinaryIO

from nova_spi.interface.facts import MediaProblem
from nova_spi.interface.signatures import HEAD, match
from nova_spi_runtime.media_types import canonical

UNKNOWN = "application/octet-stream"

MAX_JSON_BYTES = 4 * 1024 * 1024
"""A longer file is JSON if its head looks like it; parsing all of it would cost more than the answer is worth."""

_LEAST_MAGIC = 4
"""Bytes that puremagic's match must have: it knows types by one or two, and any noise would have a name."""

_TEXT_BY_EXTENSION = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "md": "text/markdown",
    "txt": "text/plain",
    "jsonl": "application/jsonl",
    "ndjson": "application/jsonl",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "srt": "application/x-subrip",
    "css": "text/css",
    "js": "text/javascript",
    "obj": "model/obj",
    "log": "text/plain",
}
_NOT_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_XML_ROOT = re.compile(
    r"\s*+(?:<\?xml[^>]*\?>\s*+)?+(?:<!--(?>.*?-->)\s*+)*+(?:<!DOCTYPE[^>]*+>\s*+)?+<([A-Za-z][\w:.-]*+)", re.DOTALL
)
"""Nothing is tried twice: many comments in a row could be taken apart in more ways than anybody lives to see."""


def sniff(path: Path) -> str:
    """The media type of a file by its content, as a canonical name; ``application/octet-stream`` if nothing fits.

    At most 64 KiB are read, or `MAX_JSON_BYTES` where the content may be JSON. The extension chooses between kinds of
    text alone (CSV, Markdown and notes are all text); it never makes an executable a picture.

    Raises:
        MediaProblem: Not a regular file, or it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before opening: opening a named pipe would wait for ever
            raise MediaProblem("unreadable", "is not a regular file")
        with path.open("rb") as stream:
            head = stream.read(HEAD)
            return canonical(match(head, stream) or _text(head, stream, path) or _puremagic(head) or UNKNOWN)
    except OSError as error:
        raise MediaProblem("unreadable", f"cannot be read ({error.strerror or error})") from error


def is_text(mime: str) -> bool:
    """True for every type that is text in UTF-8: what accepts ``text/plain`` accepts it."""
    textual = ("application/json", "application/jsonl", "application/yaml", "application/x-subrip", "model/obj")
    return mime.startswith("text/") or mime in textual or mime.endswith(("+xml", "+json", "/xml"))


def _text(head: bytes, stream: BinaryIO, path: Path) -> str | None:
    text = _decoded(head)
    if text is None:
        return None
    extension = path.suffix[1:].lower()
    start = text[:4096].lstrip("\ufeff \t\r\n")
    if extension in _TEXT_BY_EXTENSION:
        return _TEXT_BY_EXTENSION[extension]
    if (start[:1] in ("{", "[") or extension == "json") and _is_json(head, stream, extension == "json"):
        return "application/json"
    return _marked(start) or "text/plain"


def _decoded(head: bytes) -> str | None:
    """The head as text, or None where it is not UTF-8 (or UTF-16 with its mark) text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head) > 2:
        even = head[: len(head) - len(head) % 2]
        text = even.decode("utf-16", "replace")
        return None if "\ufffd" in text[:-1] or "\x00" in text else text
    if _NOT_TEXT.search(head):
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character.
        cut = len(head) == HEAD and error.start >= HEAD - 3
        return head[: error.start].decode("utf-8") if cut else None


def _is_json(head: bytes, stream: BinaryIO, scalars: bool) -> bool:
    stream.seek(0)
    data = stream.read(MAX_JSON_BYTES + 1) if len(head) == HEAD else head
    if len(data) > MAX_JSON_BYTES:
        return re.match(rb"[\xef\xbb\xbf\s]*[\[{]\s*[\[{\"\d\-tfn]", head) is not None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # not JSON, or nested beyond what anyone reads
        return False
    return scalars or isinstance(value, dict | list)


def _marked(start: str) -> str | None:
    """Kinds of text that say themselves what they are."""
    lower = start[:1024].lower()
    if lower.startswith("webvtt"):
        return "text/vtt"
    if lower.startswith("{\\rtf"):
        return "application/rtf"
    if lower.startswith("%!ps"):
        return "application/postscript"
    if not lower.startswith("<"):
        return None
    if lower.startswith(("<!doctype html", "<html")):
        return "text/html"
    root = _XML_ROOT.match(start[:2048])
    if root and root[1].rpartition(":")[2] == "svg":
        return "image/svg+xml"
    return "application/xml" if lower.startswith("<?xml") else None


def _puremagic(head: bytes) -> str | None:
    """What puremagic says of the head; it never sees the file, whose tail could say anything."""
    import puremagic

    if not head:
        return None
    try:
        found = puremagic.magic_string(head)
    except puremagic.PureError:
        return None
    return next((item.mime_type for item in found if len(item.byte_match) >= _LEAST_MAGIC and item.mime_type), None)
