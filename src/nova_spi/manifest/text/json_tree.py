"""The node tree of a JSON document (RFC 8259), with the place of each word, which the standard library drops."""

import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in the stubs, and the quickest exact reader of strings

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.nodes import Mapping, Node, Path, Scalar, Sequence, Span
from nova_spi.manifest.text.collecting import Entries
from nova_spi.manifest.text.limits import Unreadable, check_depth, check_values, cut

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[^\s,\[\]{}:\"]+")
_LINE_START = re.compile(r"\r\n|\r|\n")
_MENDS = {
    "NaN": "JSON has no NaN; leave the value out",
    "Infinity": "JSON has no Infinity; leave the value out",
    "-Infinity": "JSON has no -Infinity; leave the value out",
    "True": "write true",
    "False": "write false",
    "None": "write null",
    "undefined": "write null",
}


class _Reader:
    def __init__(self, text: str, findings: Findings) -> None:
        self._text = text
        self._findings = findings
        self._at = 0
        self._values = 0
        self._lines = [0, *(found.end() for found in _LINE_START.finditer(text))]

    def document(self) -> Node | None:
        if self._peek() == "":
            return None
        node = self._value((), 1)
        if self._peek() != "":
            raise self._stop("text follows after the end of the document", "keep one document in the file")
        return node

    def _peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches the empty string too
        return self._text[self._at : self._at + 1]

    def _value(self, path: Path, depth: int) -> Node:
        self._values += 1
        check_values(self._values, self._here())
        first = self._peek()
        if first == '"':
            return self._string()
        if first == "{":
            check_depth(depth, self._here())
            return self._object(path, depth)
        if first == "[":
            check_depth(depth, self._here())
            return self._array(path, depth)
        return self._bare(first)

    def _string(self) -> Scalar:
        start = self._at
        try:
            text, self._at = scanstring(self._text, start + 1, True)
        except ValueError as error:
            self._at = getattr(error, "pos", start)
            raise self._stop(*_string_problem(str(error))) from error
        return Scalar(text, False, self._span(start, self._at))

    def _bare(self, first: str) -> Scalar:
        start = self._at
        found = _NUMBER.match(self._text, start)
        word = _WORD.match(self._text, start)
        text = word.group() if word else first
        if text in ("true", "false", "null") or (found and found.group() == text):
            self._at += len(text)
            return Scalar(text, True, self._span(start, self._at))
        if not text:
            raise self._stop("the document ends where a value should stand", "close all brackets")
        if text.startswith(("//", "/*", "#")):
            raise self._stop("JSON has no comments", "remove the comment, or write manifest.yml")
        if word is None:
            raise self._stop(f"a value is missing before '{text}'", "write a value, or remove the comma")
        raise self._stop(f"{cut(text)} is not a JSON value", _MENDS.get(text, "put double quotation marks around text"))

    def _array(self, path: Path, depth: int) -> Sequence:
        start = self._at
        self._at += 1
        items: list[Node] = []
        if self._peek() == "]":
            self._at += 1
        else:
            while True:
                items.append(self._value((*path, len(items)), depth + 1))
                if not self._goes_on("]"):
                    break
        return Sequence(tuple(items), self._span(start, self._at), True)

    def _object(self, path: Path, depth: int) -> Mapping:
        start = self._at
        self._at += 1
        entries = Entries(path, self._findings)
        if self._peek() == "}":
            self._at += 1
        else:
            while True:
                key = self._key()
                entries.add(key, self._value((*path, key.text), depth + 1))
                if not self._goes_on("}"):
                    break
        return Mapping(tuple(entries.items), self._span(start, self._at), True)

    def _key(self) -> Scalar:
        if self._peek() != '"':
            raise self._stop("a key in double quotation marks is missing", 'write "key": value, without a last comma')
        key = self._string()
        if self._peek() != ":":
            raise self._stop("a ':' is missing after the key", 'write "key": value')
        self._at += 1
        return key

    def _goes_on(self, close: str) -> bool:
        """Whether a comma follows; False after the closing bracket."""
        found = self._peek()
        if found not in (",", close):
            raise self._stop(f"',' or '{close}' is missing", f"write ',' between the values and '{close}' at the end")
        comma = self._at
        self._at += 1
        if found == close:
            return False
        if self._peek() == close:
            self._at = comma
            raise self._stop("a comma stands after the last value", "remove the comma")
        return True

    def _stop(self, message: str, mend: str) -> Unreadable:
        return Unreadable("SPI-M007", message, self._here(), mend)

    def _here(self) -> Span:
        return self._span(self._at, self._at + 1)

    def _span(self, start: int, end: int) -> Span:
        return Span(*self._place(start), *self._place(end))

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1


def _string_problem(told: str) -> tuple[str, str]:
    if told.startswith("Unterminated"):
        return "a quotation mark is not closed", "close the quotation mark"
    if told.startswith("Invalid control character"):
        return "a line break or tab stands in a string", r"write \n or \t"
    return "an escape in the string is not one of JSON's", r"write \\ for a backslash"


def json_tree(text: str, findings: Findings) -> Node | None:
    """Reads JSON text.

    Args:
        text: The document.
        findings: Takes what is wrong.

    Returns:
        The tree, or None where the text is empty or cannot be read.
    """
    try:
        return _Reader(text, findings).document()
    except Unreadable as stopped:
        findings.add(stopped.finding)
        return None
