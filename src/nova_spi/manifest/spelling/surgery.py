"""Edits made in the text itself: what an edit is not about keeps every character, comments and quoting included."""

import re
from dataclasses import dataclass

from nova_spi.manifest.nodes import Entry, Mapping, Node, Path, Scalar, Sequence, Span, at
from nova_spi.manifest.spelling.edits import Action, Edit
from nova_spi.manifest.text.comments import comments_in
from nova_spi.manifest.text.scalar_text import quoted, scalar_text
from nova_spi.manifest.text.writing import entry_lines, flow_text

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_BLANK = " \t"


class CannotEdit(Exception):
    """The text has a shape in which the edit has no safe place."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """``text[start:end]`` gives way to ``new``."""

    start: int
    end: int
    new: str


class Surgery:
    """Edits in one text.

    Args:
        text: The source.
        root: Its tree as it was read.
    """

    def __init__(self, text: str, root: Mapping) -> None:
        self._break = next((found for found in ("\r\n", "\n", "\r") if found in text), "\n")
        self._text = text if text.endswith(("\n", "\r")) else text + self._break
        self._root = root
        self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(self._text))]
        self._quoted: set[Span] = set()

    def apply(self, edits: tuple[Edit, ...]) -> str:
        """The text after all edits.

        Raises:
            CannotEdit: One of them has no safe place.
        """
        self._quoted = {
            edit.span for edit in edits if isinstance(edit.value, Scalar) and not edit.value.plain and edit.key is None
        }
        cuts: list[_Cut] = []
        # Where two entries are added at one place, that of the inner mapping comes first.
        for edit in sorted(edits, key=lambda edit: -len(edit.path) if edit.action is Action.INSERT else 0):
            cuts += self._cuts(edit)
        return self._cut(cuts)

    def _cuts(self, edit: Edit) -> list[_Cut]:
        match edit.action:
            case Action.INSERT:
                return [self._insert(edit)]
            case Action.REMOVE:
                return [self._remove(edit)]
            case Action.RENAME:
                return [_Cut(*self._range(edit.span), self._scalar(edit.value, edit.span))]
            case _:
                return self._set(edit)

    def _set(self, edit: Edit) -> list[_Cut]:
        start, end = self._range(edit.span)
        is_list = self._is_block_list(start)
        if isinstance(edit.value, Scalar) and not is_list and self._text[start] not in "[{":
            return [_Cut(start, end, self._scalar(edit.value, edit.span))]
        if edit.key is None:
            raise CannotEdit("a collection within a list")
        before = self._text.index(":", self._range(edit.key)[1]) + 1 if is_list else start
        new = flow_text(self._spelled(edit.value))
        return [*self._lifted_comments(edit.key, before, end), _Cut(before, end, f" {new}" if is_list else new)]

    def _lifted_comments(self, key: Span, start: int, end: int) -> list[_Cut]:
        """Comments of a value that is written anew go above the line of its key."""
        notes = comments_in(self._text, self._root, start, end)
        line = self._line_start(key)
        indent = re.match(r"[ \t]*", self._text[line:])
        before = indent.group() if indent else ""
        return [_Cut(line, line, "".join(f"{before}{note}{self._break}" for note in notes))] if notes else []

    def _is_block_list(self, start: int) -> bool:
        return self._text[start : start + 1] == "-" and self._text[start + 1 : start + 2] in (" ", "\t", "\n", "\r")

    def _scalar(self, value: Node | None, span: Span) -> str:
        """A scalar's new text, in the quotation marks that the old one had."""
        if not isinstance(value, Scalar):
            raise CannotEdit("a scalar became a collection")
        old = self._text[self._offset(span.line, span.column)]
        if old == "'" and not value.plain and value.text.isprintable():
            return "'" + value.text.replace("'", "''") + "'"
        if not value.plain and (old in "\"'" or value.text == self._source(span)):
            return quoted(value.text)
        return scalar_text(Scalar(value.text, value.plain and _is_word(value), span), flow=True)

    def _source(self, span: Span) -> str:
        start, end = self._range(span)
        return self._text[start:end]

    def _spelled(self, node: Node | None) -> Node:
        """A node that is written anew, with quotation marks where another edit wants them."""
        if isinstance(node, Scalar):
            plain = node.plain and _is_word(node) and node.span not in self._quoted
            return Scalar(node.text or "null" if plain else node.text, plain, node.span)
        if isinstance(node, Sequence):
            return Sequence(tuple(self._spelled(item) for item in node.items), node.span, node.flow)
        if isinstance(node, Mapping):
            entries = tuple(
                Entry(Scalar(entry.key.text, False, entry.key.span), self._spelled(entry.value)) for entry in node
            )
            return Mapping(entries, node.span, node.flow)
        raise CannotEdit("nothing to write")

    def _insert(self, edit: Edit) -> _Cut:
        parent = at(self._root, edit.path[:-1])
        if not isinstance(parent, Mapping) or edit.value is None:
            raise CannotEdit("no mapping to add to")
        key = Scalar(str(edit.path[-1]), False, edit.span)
        if parent.flow or not parent.entries:
            return self._insert_flow(parent, key, edit)
        first = parent.entries[0].key.span
        indent = " " * (first.column - 1)
        lines = list(entry_lines(key, self._spelled(edit.value), len(edit.path) - 1))
        new = self._moved_comments(edit.path)
        block = "".join(f"{indent}{line}{self._break}" for line in [*new, *lines])
        if edit.first:
            place = self._above(first)
            return _Cut(place, place, block)
        place = self._below(parent.entries[-1])
        return _Cut(place, place, block)

    def _insert_flow(self, parent: Mapping, key: Scalar, edit: Edit) -> _Cut:
        start, end = self._range(parent.span)
        if not parent.flow or self._text[start] != "{":
            raise CannotEdit("an empty mapping")
        new = f"{scalar_text(key, flow=True)}: {flow_text(self._spelled(edit.value))}"
        if edit.first or not parent.entries:
            return _Cut(start + 1, start + 1, f"{new}, " if parent.entries else new)
        last = self._range(parent.entries[-1].value.span)[1]
        if not last < end:
            raise CannotEdit("a value that ends outside its mapping")
        return _Cut(last, last, f", {new}")

    def _remove(self, edit: Edit) -> _Cut:
        parent = at(self._root, edit.path[:-1])
        if not isinstance(parent, Mapping):
            raise CannotEdit("no mapping to take from")
        start, end = self._range(edit.span)
        if parent.flow:
            return self._remove_flow(start, end)
        entry = parent.entry(str(edit.path[-1]))
        line = self._line_start(edit.span)
        if entry is None or self._text[line:start].strip(_BLANK):
            raise CannotEdit("other things stand on the line")
        return _Cut(line, self._below(entry), "")

    def _remove_flow(self, start: int, end: int) -> _Cut:
        after = re.compile(r"\s*,\s*").match(self._text, end)
        if after:
            return _Cut(start, after.end(), "")
        before = re.search(r"\s*,\s*$", self._text[:start])
        return _Cut(before.start() if before else start, end, "")

    def _moved_comments(self, path: Path) -> list[str]:
        """Comments of an entry that moves to ``path``."""
        if path != ("scorecard",):
            return []
        catalog = self._root.entry("catalog")
        moved = catalog.value.entry("scorecard") if catalog and isinstance(catalog.value, Mapping) else None
        if catalog is None or moved is None or not isinstance(catalog.value, Mapping):
            return []
        gone = catalog if len(catalog.value.entries) == 1 else moved
        stays = catalog.value.flow and gone is moved  # then what follows on the line is about the catalog
        end = self._range(moved.value.span)[1] if stays else self._below(moved)
        return comments_in(self._text, self._root, self._range(gone.key.span)[0], end)

    def _above(self, first: Span) -> int:
        """The start of the first key's line, or of the comment above it where that is not the file's heading."""
        line = first.line - 1
        while line > 0 and self._line(line - 1).lstrip().startswith("#"):
            line -= 1
        heading = line == 0 or self._line(line - 1).startswith(("---", "%"))
        return self._starts[first.line - 1 if heading else line]

    def _below(self, entry: Entry) -> int:
        """The start of the line after an entry."""
        span = entry.value.span
        if not isinstance(entry.value, Scalar) and (span.end_line, span.end_column) <= (
            entry.key.span.line,
            entry.key.span.column,
        ):
            raise CannotEdit("an alias")
        if span.end_line < entry.key.span.line:
            raise CannotEdit("an alias")
        line = span.end_line - 1 if span.end_column == 1 and span.end_line > entry.key.span.line else span.end_line
        return self._starts[line] if line < len(self._starts) else len(self._text)

    def _line(self, index: int) -> str:
        end = self._starts[index + 1] if index + 1 < len(self._starts) else len(self._text)
        return self._text[self._starts[index] : end]

    def _line_start(self, span: Span) -> int:
        return self._starts[span.line - 1]

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column - 1

    def _range(self, span: Span) -> tuple[int, int]:
        """The offsets of a span, without the line breaks that a block scalar ends with."""
        start, end = self._offset(span.line, span.column), self._offset(span.end_line, span.end_column)
        return start, start + len(self._text[start:end].rstrip())

    def _cut(self, cuts: list[_Cut]) -> str:
        """The text with all cuts made, each once; of cuts within each other the outer one counts."""
        done, place = [], 0
        for cut in sorted(dict.fromkeys(cuts), key=lambda cut: (cut.start, cut.end > cut.start, -cut.end)):
            if cut.start < place:
                continue
            done += [self._text[place : cut.start], cut.new]
            place = cut.end
        return "".join([*done, self._text[place:]])


def _is_word(value: Scalar) -> bool:
    """Whether a plain scalar can stand plain wherever it is put: a word without anything special to YAML."""
    return re.fullmatch(r"[\w.+/~-]*", value.text) is not None
