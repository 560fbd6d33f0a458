"""The record behind a code: what ``SPI-Mnnn`` stands for in docs/codes.md, in SARIF's rules and in the editor."""

from dataclasses import dataclass

from nova_spi.manifest.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """One documented kind of finding.

    Attributes:
        code: ``SPI-Mnnn``, stable once released.
        title: A few words, as a heading.
        severity: What the finding weighs.
        explanation: Why it is a finding; one or two sentences.
        mend: How such a finding is mended in general; a diagnostic's own ``mend`` is about the case at hand.
    """

    code: str
    title: str
    severity: Severity
    explanation: str
    mend: str = ""
