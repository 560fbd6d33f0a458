"""Entries of a mapping as they come, first come first kept: what the YAML and the JSON reader share."""

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.nodes import Entry, Node, Path, Scalar, show
from nova_spi.manifest.text.limits import cut, problem


class Entries:
    """The entries of one mapping.

    Args:
        path: Where the mapping stands.
        findings: Takes a finding for each key that stands twice.
    """

    __slots__ = ("_findings", "_path", "_seen", "items")

    def __init__(self, path: Path, findings: Findings) -> None:
        self.items: list[Entry] = []
        self._path = path
        self._findings = findings
        self._seen: dict[str, Scalar] = {}

    def add(self, key: Scalar, value: Node) -> None:
        """Keeps an entry, unless its key is there already."""
        first = self._seen.setdefault(key.text, key)
        if first is key:
            self.items.append(Entry(key, value))
            return
        path = (*self._path, key.text)
        self._findings.add(
            problem(
                "SPI-M012",
                f"the key {cut(show(path))} stands twice: at {first.span.line}:{first.span.column} "
                f"and at {key.span.line}:{key.span.column}",
                key.span,
                "keep one of the two; until then the first counts",
                path,
            )
        )

    def add_missing(self, entry: Entry) -> None:
        """Keeps an entry of a merged mapping, unless its key is there already."""
        if entry.key.text not in self._seen:
            self._seen[entry.key.text] = entry.key
            self.items.append(entry)
