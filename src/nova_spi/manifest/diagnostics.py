"""Findings about a manifest: what is wrong, where it stands, and how to mend it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nova_spi.manifest.nodes import Path, Span, show


class Severity(StrEnum):
    """How much a finding weighs. Only errors (and warnings, with ``--strict``) make validation fail."""

    ERROR = "error"
    WARNING = "warning"
    SUGGESTION = "suggestion"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: ``SPI-Mnnn``, stable, documented in docs/codes.md; the registry is `nova_spi.manifest.codes`.
        severity: See `Severity`.
        message: What is wrong, one sentence.
        path: Where in the document, e.g. ``("inputs", 0, "constraints", "min_value")``.
        span: Where in the text; None where the finding is about the project and not about a line.
        mend: How to mend it; empty where nothing better than the message can be said.
        file: The file the finding is about, as the user named it; empty for the manifest itself.
    """

    code: str
    severity: Severity
    message: str
    path: Path = ()
    span: Span | None = None
    mend: str = ""
    file: str = ""

    @property
    def where(self) -> str:
        """The path as people read it."""
        return show(self.path)

    def to_dict(self) -> dict[str, Any]:
        """The finding as the JSON object of ``--output-format json``."""
        found: dict[str, Any] = {
            "code": self.code,
            "severity": str(self.severity),
            "message": self.message,
            "path": self.where,
        }
        if self.file:
            found["file"] = self.file
        if self.span:
            found |= {
                "line": self.span.line,
                "column": self.span.column,
                "end_line": self.span.end_line,
                "end_column": self.span.end_column,
            }
        if self.mend:
            found["mend"] = self.mend
        return found


@dataclass(slots=True)
class Findings:
    """A growing list of diagnostics, in the order of the source once sorted."""

    items: list[Diagnostic] = field(default_factory=list)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keeps one more."""
        self.items.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keeps several more."""
        self.items.extend(diagnostics)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, severity: Severity) -> list[Diagnostic]:
        """Those of one severity."""
        return [item for item in self.items if item.severity is severity]

    def sorted(self) -> list[Diagnostic]:
        """By place in the text; those without a place last."""
        far = Span(1 << 30, 0, 0, 0)
        return sorted(self.items, key=lambda item: ((item.span or far).line, (item.span or far).column, item.code))
