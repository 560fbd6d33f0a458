"""What validation found, for people (text, HTML) and for machines (JSON, SARIF)."""

from dataclasses import dataclass
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic, Severity

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The findings about one manifest and its project.

    Attributes:
        file: The manifest, as the user named its place.
        text: Its text, from which the findings' lines are shown.
        diagnostics: In the order of the source.
        strict: True where warnings fail too.
        fixed: True where ``--fix`` rewrote the file before these findings.
        project_checked: False where files that the manifest names were not looked for: a manifest alone was given, or
            it has errors, so that what it names is not known.
        folder: True where a project was given.
    """

    file: str
    text: str
    diagnostics: tuple[Diagnostic, ...]
    strict: bool = False
    fixed: bool = False
    project_checked: bool = True
    folder: bool = False

    @property
    def ok(self) -> bool:
        """True where nothing fails."""
        failing = {Severity.ERROR, Severity.WARNING} if self.strict else {Severity.ERROR}
        return not any(item.severity in failing for item in self.diagnostics)

    def count(self, severity: Severity) -> int:
        """How many findings of one severity."""
        return sum(item.severity is severity for item in self.diagnostics)

    def summary(self) -> str:
        """One line: valid or not, and how many findings of each kind."""
        counts = [
            f"{number} {severity}{'s' if number != 1 else ''}"
            for severity in Severity
            if (number := self.count(severity))
        ]
        verdict = "✓ Manifest is valid" if self.ok else "✗ Manifest is not valid"
        return f"{verdict}: {', '.join(counts)}" if counts else verdict

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape of ``--output-format json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "file": self.file,
            "strict": self.strict,
            "fixed": self.fixed,
            "project_checked": self.project_checked,
            "counts": {str(severity): self.count(severity) for severity in Severity},
            "diagnostics": [item.to_dict() for item in self.diagnostics],
        }

    def to_sarif(self) -> dict[str, Any]:
        """SARIF 2.1.0, for code hosts and editors."""
        from nova_spi.manifest.showing.sarif import to_sarif

        return to_sarif(list(self.diagnostics), self.file)

    def to_text(self, *, color: bool = False) -> str:
        """Each finding with its line, a caret and the mend; the summary last."""
        from nova_spi.manifest.showing.rendering import render_text

        problems = [item for item in self.diagnostics if item.severity is not Severity.SUGGESTION]
        parts = (
            [render_text(problems, self.text, self.file, color, summary=False).rstrip("\n") + "\n"] if problems else []
        )
        if self.fixed:
            parts.append(f"Rewrote {self.file} in its canonical form.")
        parts.append(self.summary())
        if self.folder and not self.project_checked:
            parts.append("The files that it names are looked at once the manifest itself has no errors.")
        suggestions = [item for item in self.diagnostics if item.severity is Severity.SUGGESTION]
        if suggestions:
            parts.append("ℹ Suggestions:")  # noqa: RUF001 - the information sign of the documented output
            parts += [f"  {item.where or self.file}: {item.message} [{item.code}]" for item in suggestions]
        return "\n".join(parts)
