"""A manifest that was read: what it says, where, and what is to be said about it."""

from dataclasses import dataclass

from nova_spi.manifest.diagnostics import Diagnostic, Severity
from nova_spi.manifest.finding import key_span, value_span
from nova_spi.manifest.models.manifest import Manifest
from nova_spi.manifest.nodes import Node, Path, Span
from nova_spi.manifest.spelling.edits import Edit


@dataclass(frozen=True, slots=True)
class Document:
    """What reading gives.

    Attributes:
        manifest: The manifest; None where there are errors.
        node: The canonical tree; None where the bytes could not be read.
        text: The text, for the lines that messages show.
        filename: As the caller named it.
        diagnostics: Every finding, in the order of the text.
        edits: What makes the text canonical, in the order in which it is to be done.
    """

    manifest: Manifest | None
    node: Node | None
    text: str
    filename: str
    diagnostics: tuple[Diagnostic, ...]
    edits: tuple[Edit, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return self.manifest is not None

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors alone."""
        return tuple(item for item in self.diagnostics if item.severity is Severity.ERROR)

    def span_of(self, path: Path) -> Span | None:
        """Where the value at ``path`` stands, else the nearest thing around it; None where there is no text."""
        return value_span(self.node, path)

    def key_span_of(self, path: Path) -> Span | None:
        """Where the key at ``path`` stands, else the nearest thing around it; None where there is no text."""
        return key_span(self.node, path)
