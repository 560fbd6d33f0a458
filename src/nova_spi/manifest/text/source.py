"""A manifest's bytes as a node tree: decoding, limits, then YAML or JSON. Nothing here raises.

Sources: YAML 1.2.2 for the text and its printable characters (chapter 5.1), RFC 8259 for JSON.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.nodes import Mapping, Node, Scalar, Sequence, Span
from nova_spi.manifest.text.json_tree import json_tree
from nova_spi.manifest.text.limits import MAX_BYTES, problem
from nova_spi.manifest.text.yaml_tree import yaml_tree

_WIDE = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_A_CHARACTER = re.compile("[\x00\ud800-\udfff]")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_SAVE = "save the file as UTF-8"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came out of the bytes.

    Attributes:
        node: The root; None where the text is empty, cannot be read, or is no mapping.
        findings: What is wrong, all errors.
        text: The decoded text without byte order mark, for the lines that messages show.
    """

    node: Node | None
    findings: Findings = field(default_factory=Findings)
    text: str = ""


def parse(data: bytes, *, json: bool = False) -> Parsed:
    """Reads a manifest's bytes.

    Args:
        data: The file's content; UTF-8, with or without a byte order mark.
        json: The file is JSON; otherwise it is YAML 1.2.

    Returns:
        The tree with its findings. It never raises.
    """
    findings = Findings()
    text = _decode(data, findings)
    if len(findings) or _has_forbidden(text, findings):
        return Parsed(None, findings, text)
    node = json_tree(text, findings) if json else yaml_tree(text, findings)
    if node is not None and _has_half_characters(node, findings):
        return Parsed(None, findings, text)
    if len(findings) == 0 and (node is None or _is_nothing(node)):
        findings.add(
            problem("SPI-M005", "the file is empty", Span(1, 1, 1, 1), "nova-spi create NAME makes a project that runs")
        )
        return Parsed(None, findings, text)
    if node is not None and not isinstance(node, Mapping):
        what = "a list" if isinstance(node, Sequence) else "a single value"
        findings.add(problem("SPI-M017", f"the document is {what}, not a mapping", node.span, "begin with `model:`"))
        node = None
    return Parsed(node, findings, text)


def _decode(data: bytes, findings: Findings) -> str:
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data):,} bytes, more than {MAX_BYTES:,}"
        findings.add(
            problem("SPI-M001", message, Span(1, 1, 1, 1), "move data into files of the project and name them")
        )
        return ""
    wide = next((name for mark, name in _WIDE if data.startswith(mark)), None) or _wide_without_mark(data)
    if wide:
        findings.add(problem("SPI-M003", f"the file is {wide}, not UTF-8", Span(1, 1, 1, 2), _SAVE))
        return ""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        # After replacement, the text before the first bad byte is as long as its own decoding.
        offset = len(data[: error.start].decode())
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        findings.add(problem("SPI-M002", message, span_at(text, offset), _SAVE))
        return text


def _wide_without_mark(data: bytes) -> str | None:
    """UTF-16 or UTF-32 by the zeros that ASCII text has in it."""
    head = data[:4]
    if len(head) < 4:
        return None
    zeros = tuple(byte == 0 for byte in head)
    if zeros in ((True, True, True, False), (False, True, True, True)):
        return "UTF-32"
    return "UTF-16" if zeros in ((True, False, True, False), (False, True, False, True)) else None


def _has_forbidden(text: str, findings: Findings) -> bool:
    found = _FORBIDDEN.search(text)
    if not found:
        return False
    message = f"the character U+{ord(found.group()):04X} is not allowed in a manifest"
    findings.add(problem("SPI-M004", message, span_at(text, found.start()), "remove the character"))
    return True


def _has_half_characters(node: Node, findings: Findings) -> bool:
    """Finds NUL and halves of surrogate pairs that escapes made: no file and no environment can hold them."""
    bad = next((scalar for scalar in scalars_of(node) if _NOT_A_CHARACTER.search(scalar.text)), None)
    if bad is None:
        return False
    code = ord(_NOT_A_CHARACTER.search(bad.text).group())  # type: ignore[union-attr]  # it was found just above
    message = f"an escape makes U+{code:04X}, which text cannot hold"
    findings.add(problem("SPI-M004", message, bad.span, "remove the escape, or write the whole character"))
    return True


def scalars_of(node: Node) -> Iterator[Scalar]:
    """All scalars of a tree, keys too; what aliases share comes once."""
    seen: set[int] = set()
    stack: list[Node] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, Scalar):
            yield current
        elif id(current) not in seen:
            seen.add(id(current))
            if isinstance(current, Sequence):
                stack.extend(current.items)
            else:
                stack.extend(part for entry in current for part in (entry.key, entry.value))


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text in ("", "~", "null", "Null", "NULL")


def span_at(text: str, offset: int) -> Span:
    """The place of one character of the text."""
    line, start = 1, 0
    for found in _LINE_BREAK.finditer(text, 0, offset):
        line, start = line + 1, found.end()
    column = offset - start + 1
    return Span(line, column, line, column + 1)
