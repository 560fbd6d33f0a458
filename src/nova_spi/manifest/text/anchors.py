"""Anchors of a YAML document and what their aliases stand for, bounded in all that they expand to."""

from nova_spi.manifest.nodes import Node, Span
from nova_spi.manifest.text.limits import MAX_ALIASED, Unreadable, cut


class Anchors:
    """The anchors that have been met."""

    def __init__(self) -> None:
        self._marked: dict[str, tuple[Node, int]] = {}
        self._open: set[str] = set()
        self._expanded = 0

    def open(self, name: str) -> None:
        """Begins the collection that an anchor marks."""
        self._open.add(name)

    def close(self, name: str, node: Node, values: int) -> None:
        """Ends what an anchor marks.

        Args:
            name: The anchor.
            node: What it marks.
            values: How many values that is, written out.
        """
        self._open.discard(name)
        self._marked[name] = (node, values)

    def resolve(self, name: str, span: Span) -> tuple[Node, int]:
        """What an alias stands for, and how many values that is.

        Raises:
            Unreadable: It stands within its own anchor, has none, or all aliases together expand too far.
        """
        shown = cut(name)
        if name in self._open:
            clause = f"the alias *{shown} stands within its own anchor"
            raise Unreadable("SPI-M010", clause, span, "write the value out instead")
        if name not in self._marked:
            mend = f"mark the value with &{shown}, or put quotation marks around the text"
            raise Unreadable("SPI-M019", f"the alias *{shown} has no anchor before it", span, mend)
        node, values = self._marked[name]
        self._expanded += values
        if self._expanded > MAX_ALIASED:
            clause = f"aliases expand to more than {MAX_ALIASED:,} values"
            raise Unreadable("SPI-M009", clause, span, "write the values out")
        return node, values
