"""The YAML parser's complaints, said so that they help."""

import re

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Span
from nova_spi.manifest.text.limits import problem

_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        r"mapping values are not allowed",
        "a ':' stands where no value can begin",
        "put quotation marks around text that contains ': ', or check the indentation",
    ),
    (
        r"could not find expected ':'",
        "a key has no ':' after it",
        "write `key: value`, and check the indentation of text of several lines",
    ),
    (r"found character '\\t'", "a tab stands where only spaces can", "write spaces instead"),
    (
        r"found character '([@`%])'",
        "text without quotation marks cannot begin with '{0}'",
        "put quotation marks around the text",
    ),
    (r"expected <block end>, but found '<block (?:mapping|sequence) start>'|expected <block end>, but found '-'",
     "the indentation does not fit the lines above", "indent keys and list items of one level alike"),
    (r"expected <block end>, but found '<scalar>'", "text follows where a line should end",
     "put quotation marks around the whole value"),
    (r"expected <block end>, but found '(.*)'", "'{0}' is not expected here",
     "check the indentation and the brackets of the lines above"),
    (r"expected ',' or '([\]}])'", "a list or mapping in brackets is not closed, or a comma is missing",
     "write ',' between the values and '{0}' at the end"),
    (r"found unexpected end of stream", "a quotation mark is not closed", "close the quotation mark"),
    (r"found unknown escape character (.*)", "the escape {0} is not known in double quotation marks",
     "write \\\\ for a backslash, or use single quotation marks"),
    (r"found undefined tag handle (.*)", "the tag {0} is not known here", "remove the tag"),
    (r"sequence entries are not allowed here", "a '-' stands where no list can begin",
     "begin the list in a line of its own, or put quotation marks around the text"),
    (r"found unexpected ':'", "a ':' stands in text within brackets", "put quotation marks around the text"),
    (r"expected the node content, but found '(.*)'",
     "a value is missing before '{0}'", "write a value, or remove the comma"),
    (r"expected '<document start>'", "the document ends, and more text follows", "keep one document in the file"),
)  # fmt: skip
_PATTERNS = [(re.compile(pattern), message, mend) for pattern, message, mend in _WORDS]


def explain(error: Exception, place: Span) -> Diagnostic:
    """Turns what the parser raised into a finding.

    Args:
        error: A marked error of the parser, or whatever it tripped over.
        place: Where it stopped, for an error without a mark.
    """
    opened = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or opened
    told = str(getattr(error, "problem", None) or getattr(error, "context", None) or "a value cannot be read")
    message, mend = _say(told)
    if opened and "unexpected end of stream" in told:
        mark = opened  # that the text ends is no news; where the quotation mark stands is
    span = Span(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2) if mark else place
    if opened and mark and opened.line != mark.line:
        message += f" (what is being read begins at line {opened.line + 1})"
    return problem("SPI-M006", message, span, mend)


def _say(told: str) -> tuple[str, str]:
    for pattern, message, mend in _PATTERNS:
        found = pattern.search(told)
        if found:
            return message.format(*found.groups()), mend.format(*found.groups())
    return f"this is not YAML: {told}", "check indentation, quotation marks and brackets just before this place"
