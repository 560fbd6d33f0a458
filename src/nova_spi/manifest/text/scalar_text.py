"""One scalar as YAML text that every reader, of YAML 1.1 or 1.2, reads back as the same value."""

import json
import re

from nova_spi.manifest.nodes import Scalar
from nova_spi.manifest.text.scalars import needs_quotes

_UNSAFE = r"\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
_SAFE = re.compile(rf"[A-Za-z0-9_./(+~$\\^;-](?:[^{_UNSAFE}]*[^\s{_UNSAFE}])?")
_AMBIGUOUS = re.compile(r": |:$| #|^(?:---|\.\.\.)|^-(?: |$)|\t")
_AMBIGUOUS_IN_FLOW = re.compile(r"[,\[\]{}:?]")
_TO_ESCAPE = re.compile(r"[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_LITERAL = re.compile(rf"[^\s{_UNSAFE}](?:\n|[^{_UNSAFE}])*")
_TRAILING = re.compile(r"(?:^|\n)[ \t]+\n|\n\n\Z|\n[ \t]+\Z")


def scalar_text(scalar: Scalar, *, flow: bool = False) -> str:
    """A scalar on one line.

    Args:
        scalar: A plain one is written as it is; it is a number, a boolean or null. Any other is a string.
        flow: It stands within brackets.
    """
    return scalar.text if scalar.plain else string_text(scalar.text, flow=flow)


def string_text(text: str, *, flow: bool = False) -> str:
    """A string on one line: plain where no reader takes it for anything else, else in double quotation marks."""
    plain = (
        _SAFE.fullmatch(text)
        and not needs_quotes(text)
        and not _AMBIGUOUS.search(text)
        and not (flow and _AMBIGUOUS_IN_FLOW.search(text))
    )
    return text if plain else quoted(text)


def quoted(text: str) -> str:
    """A string in double quotation marks."""
    return _TO_ESCAPE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def literal_lines(text: str) -> list[str] | None:
    """A string of several lines as a literal block: the indicator, then the lines without indentation.

    Returns:
        None where a block cannot hold the text as it is.
    """
    if "\n" not in text.rstrip("\n") or not _LITERAL.fullmatch(text) or _TRAILING.search(text):
        return None
    return ["|" if text.endswith("\n") else "|-", *text.removesuffix("\n").split("\n")]
