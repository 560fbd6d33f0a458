"""Findings for people: place, code, message, the line with a caret, and what mends it."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from nova_spi.manifest.diagnostics import Diagnostic, Severity
from nova_spi.manifest.finding import NOT_SHOWN
from nova_spi.manifest.showing.excerpt import excerpt, lines_of, safe

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.SUGGESTION: "1;36"}
_BOLD = "1"
_FAINT = "34"
_LONGEST = 500
"""Characters of a message: a document can have keys of a megabyte."""


class HasDiagnostics(Protocol):
    """A document that was read."""

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Its findings."""


def render_text(
    found: HasDiagnostics | Iterable[Diagnostic], text: str, filename: str, color: bool = False, summary: bool = True
) -> str:
    """Findings as text, each with its line of the source, and a line that counts them.

    Args:
        found: The findings, or a document that has them.
        text: The manifest's source.
        filename: The manifest's name, as the user gave it.
        color: Write ANSI colours.
        summary: End with the line that counts.

    Returns:
        Lines with a final newline.
    """
    diagnostics = list(found) if isinstance(found, Iterable) else list(found.diagnostics)
    secret_lines = {item.span.line for item in diagnostics if item.span and item.code in NOT_SHOWN}
    page = _Page(lines_of(text), filename, color, secret_lines)
    parts = [page.finding(item) for item in diagnostics]
    return "".join([*parts, page.summary(diagnostics)] if summary else parts)


class _Page:
    def __init__(self, lines: list[str], filename: str, color: bool, secret_lines: set[int]) -> None:
        self._lines = lines
        self._filename = filename
        self._color = color
        self._secret_lines = secret_lines

    def finding(self, item: Diagnostic) -> str:
        shown = excerpt(self._lines, item.span) if item.span and self._may_show(item) else None
        gutter = " " * len(str(item.span.line)) if item.span and shown else " "
        lines = [self._heading(item)]
        if item.span and shown:
            bar = self._paint("|", _FAINT)
            lines += [
                f"{gutter} {bar}",
                f"{self._paint(str(item.span.line), _FAINT)} {bar} {shown.line}",
                f"{gutter} {bar} {self._marked(shown.caret, item.severity)}",
            ]
        if item.path:
            lines.append(f"{gutter} {self._paint('=', _FAINT)} at: {self._short(item.where)}")
        if item.mend:
            lines.append(f"{gutter} {self._paint('=', _FAINT)} mend: {self._short(item.mend)}")
        return "\n".join(line.rstrip() for line in lines) + "\n\n"

    def summary(self, diagnostics: list[Diagnostic]) -> str:
        counts = Counter(item.severity for item in diagnostics)
        parts = [f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}" for kind in Severity if counts[kind]]
        return f"{safe(self._filename)}: {', '.join(parts) or 'no findings'}\n"

    def _heading(self, item: Diagnostic) -> str:
        place = safe(item.file or self._filename)
        if item.span:
            place += f":{item.span.line}:{item.span.column}"
        kind = self._paint(f"{item.severity} {item.code}", _COLOURS[item.severity])
        return f"{self._paint(place, _BOLD)}: {kind} {self._short(item.message)}"

    @staticmethod
    def _short(text: str) -> str:
        return safe(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")

    def _marked(self, caret: str, severity: Severity) -> str:
        marks = caret.lstrip()
        return caret[: len(caret) - len(marks)] + self._paint(marks, _COLOURS[severity])

    def _may_show(self, item: Diagnostic) -> bool:
        """Whether the line is the manifest's, and holds no credential: logs have more readers than the manifest."""
        here = item.file in ("", self._filename)
        return here and item.span is not None and item.span.line not in self._secret_lines

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._color else text
