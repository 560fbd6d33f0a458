"""What a YAML or JSON document says, with the place of each word: the tree between the text and the models.

A scalar stays text here. What it means depends on the key that it stands under (manifest.md: "A scalar is read as what
its key expects"), so it is resolved later, by `nova_spi.manifest.meaning.construct`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the source. Lines and columns count from 1, in characters; ``end_column`` is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar.

    Attributes:
        text: The value after unescaping and folding.
        plain: True for an unquoted YAML scalar, or a JSON number, true, false or null: a candidate for resolution.
            False for quoted and block scalars and JSON strings: always text.
        span: Where it stands.
        tag: An explicit YAML tag (``tag:yaml.org,2002:str``), or None.
    """

    text: str
    plain: bool
    span: Span
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple["Node", ...]
    span: Span
    flow: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``key: value`` of a mapping."""

    key: Scalar
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping in the order of the source. Keys are unique: the reader reports duplicates and keeps the first."""

    entries: tuple[Entry, ...]
    span: Span
    flow: bool = False
    _index: dict[str, Entry] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._index.update({entry.key.text: entry for entry in reversed(self.entries)})

    def get(self, key: str) -> "Node | None":
        """The value under ``key``, or None."""
        found = self._index.get(key)
        return found.value if found else None

    def entry(self, key: str) -> Entry | None:
        """The whole entry under ``key``, or None."""
        return self._index.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


Node = Scalar | Sequence | Mapping

Path = tuple[str | int, ...]
"""The place of a value in a document: keys and indexes from the root, e.g. ``("inputs", 0, "name")``."""


def at(root: Node, path: Path) -> Node | None:
    """The node at ``path``, or None where the document has nothing there."""
    node: Node | None = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def show(path: Path) -> str:
    """The path as people read it: ``inputs[0].constraints.min_value``."""
    shown = ""
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else step
    return shown
