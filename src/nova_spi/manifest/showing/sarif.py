"""Findings as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the lines."""

import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from nova_spi.manifest.codes.code import Code
from nova_spi.manifest.diagnostics import Diagnostic, Severity
from nova_spi.manifest.nodes import Span
from nova_spi.version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.SUGGESTION: "note"}


def to_sarif(diagnostics: Iterable[Diagnostic], filename: str) -> dict[str, Any]:
    """Findings as a SARIF log.

    Args:
        diagnostics: The findings.
        filename: The manifest's path, as the user named it.

    Returns:
        The log as plain data. Its rules are those of the findings, with their explanation and mend.
    """
    from nova_spi.manifest.codes import CODES  # the registry imports every part that has codes

    found = list(diagnostics)
    used = sorted({item.code for item in found})
    places = {code: index for index, code in enumerate(used)}
    driver = {"name": "nova-spi", "version": __version__, "rules": [_rule(CODES[code]) for code in used]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, filename, places[item.code]) for item in found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: Code) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": code.code,
        "name": "".join(word.capitalize() for word in re.findall(r"\w+", code.title)),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.explanation},
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
    }
    if code.mend:
        rule["help"] = {"text": code.mend}
    return rule


def _result(item: Diagnostic, filename: str, rule: int) -> dict[str, Any]:
    message = f"{item.message} ({item.mend})" if item.mend else item.message
    physical: dict[str, Any] = {"artifactLocation": {"uri": _address(item.file or filename)}}
    if item.span:
        physical["region"] = _region(item.span)
    location: dict[str, Any] = {"physicalLocation": physical}
    if item.path:
        location["logicalLocations"] = [{"fullyQualifiedName": item.where}]
    return {
        "ruleId": item.code,
        "ruleIndex": rule,
        "level": _LEVELS[item.severity],
        "message": {"text": message},
        "locations": [location],
    }


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": max(span.end_column, span.column) if span.end_line == span.line else span.end_column,
    }


def _address(path: str) -> str:
    """A path as a URI reference."""
    posix = PurePath(path).as_posix()
    return f"file://{quote(posix)}" if posix.startswith("/") else quote(posix)
