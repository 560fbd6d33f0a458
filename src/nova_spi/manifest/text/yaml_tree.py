"""The node tree of a YAML document, built from its events."""

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.nodes import Mapping, Node, Path, Scalar, Sequence, Span
from nova_spi.manifest.text.anchors import Anchors
from nova_spi.manifest.text.collecting import Entries
from nova_spi.manifest.text.events import Events
from nova_spi.manifest.text.limits import Unreadable, check_depth, check_values, cut, problem
from nova_spi.manifest.text.yaml_words import explain

_TAGS = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_TAGS + name for name in ("null", "bool", "int", "float")}
_SCALAR_TAGS = _PLAIN_TAGS | {_TAGS + "str"}
_DIRECTIVE = re.compile(r"^%(?!YAML +1\.2\s)[^\r\n]*", re.MULTILINE)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s*)*")


@dataclass(slots=True)
class _Frame:
    """A collection that is being read."""

    start: Any
    path: Path
    mapping: bool
    entries: Entries
    items: list[Node] = field(default_factory=list)
    key: Scalar | None = None
    awaits_value: bool = False
    merged: list[tuple[Span, Node]] = field(default_factory=list)
    first_value: int = 0


class _Builder:
    """Turns events into one tree; problems that leave the rest readable are collected, others raise `Unreadable`."""

    def __init__(self, text: str, findings: Findings) -> None:
        self._text = text
        self._events = Events(text)
        self._findings = findings
        self._stack: list[_Frame] = []
        self._anchors = Anchors()
        self._values = 0
        self._end = Span(1, 1, 1, 1)
        self._documents = 0
        self.root: Node | None = None

    def run(self) -> None:
        """Reads all events."""
        handlers = {
            ScalarEvent: self._scalar,
            MappingStartEvent: self._start,
            SequenceStartEvent: self._start,
            MappingEndEvent: self._finish,
            SequenceEndEvent: self._finish,
            AliasEvent: self._alias,
            DocumentStartEvent: self._document,
        }
        quiet = (StreamStartEvent, StreamEndEvent, DocumentEndEvent)
        next_event = self._events.get_event
        while (event := next_event()) is not None:
            if not isinstance(event, quiet):
                handlers[type(event)](event)

    @property
    def place(self) -> Span:
        """Where the reading has come to."""
        at = self._events
        return Span(at.line + 1, at.column + 1, at.line + 1, at.column + 2)

    def _document(self, event: Any) -> None:
        self._documents += 1
        span = _span(event.start_mark, event.end_mark)
        if self._documents > 1:
            raise Unreadable("SPI-M011", "the file holds more than one document", span, "keep one document in the file")
        for found in _DIRECTIVE.finditer(self._text, 0, event.start_mark.index) if event.explicit else ():
            line = self._text.count("\n", 0, found.start()) + 1
            place = Span(line, 1, line, len(found.group()) + 1)
            message = f"the directive {cut(found.group().rstrip())} is not allowed"
            self._findings.add(problem("SPI-M016", message, place, "remove the line"))

    def _scalar(self, event: Any) -> None:
        span = self._after_key(self._content_span(event)) if event.value == "" else self._content_span(event)
        tag = event.tag
        plain = event.implicit[0] and event.style is None
        if tag is not None:
            plain = tag in _PLAIN_TAGS
            if tag == "!":
                tag = None
            elif tag not in _SCALAR_TAGS:
                start = event.start_mark
                self._unknown_tag(tag, Span(start.line + 1, start.column + 1, span.line, span.column))
                tag = None
        self._count(1, span)
        node = Scalar(event.value, plain, span, tag)
        if event.anchor:
            self._anchors.close(event.anchor, node, 1)
        self._end = span
        self._place(node)

    def _content_span(self, event: Any) -> Span:
        """Where the value itself stands, after its anchor and tag."""
        start = event.start_mark
        if event.anchor is None and event.tag is None:
            return _span(start, event.end_mark)
        properties = _PROPERTIES.match(self._text, start.index, max(start.index, event.end_mark.index))
        skipped = properties.group() if properties else ""
        breaks = skipped.count("\n")
        column = start.column + len(skipped) if not breaks else len(skipped) - skipped.rindex("\n") - 1
        end = event.end_mark
        return Span(start.line + breaks + 1, column + 1, end.line + 1, end.column + 1)

    def _after_key(self, span: Span) -> Span:
        """The place of a missing value: behind its key, where the parser gives that of the next word."""
        key = self._stack[-1].key if self._stack and self._stack[-1].awaits_value else None
        if (
            key is None
            or span.line <= key.span.end_line
            or span != Span(span.line, span.column, span.line, span.column)
        ):
            return span
        column = key.span.end_column + 1
        return Span(key.span.end_line, column, key.span.end_line, column)

    def _unknown_tag(self, tag: str, span: Span) -> None:
        shown = cut(tag.replace(_TAGS, "!!"))
        self._findings.add(
            problem("SPI-M015", f"the tag {shown} is not known here", span, "remove the tag", self._path())
        )

    def _start(self, event: Any) -> None:
        span = _span(event.start_mark, event.end_mark)
        mapping = isinstance(event, MappingStartEvent)
        if event.tag is not None and event.tag not in ("!", _TAGS + ("map" if mapping else "seq")):
            self._unknown_tag(event.tag, span)
        path = self._path()
        self._stack.append(_Frame(event, path, mapping, Entries(path, self._findings), first_value=self._values))
        check_depth(len(self._stack), span)
        if event.anchor:
            self._anchors.open(event.anchor)

    def _finish(self, event: Any) -> None:
        frame = self._stack.pop()
        flow = bool(frame.start.flow_style)
        end = _span(event.end_mark, event.end_mark) if flow else self._end
        start = _span(frame.start.start_mark, frame.start.start_mark)
        span = Span(start.line, start.column, end.end_line, end.end_column)
        node: Node
        if frame.mapping:
            self._merge(frame)
            node = Mapping(tuple(frame.entries.items), span, flow)
        else:
            node = Sequence(tuple(frame.items), span, flow)
        self._count(1, span)
        anchor = frame.start.anchor
        if anchor:
            self._anchors.close(anchor, node, self._values - frame.first_value)
        self._end = span
        self._place(node)

    def _alias(self, event: Any) -> None:
        span = _span(event.start_mark, event.end_mark)
        node, size = self._anchors.resolve(event.anchor, span)
        self._count(size, span)
        self._end = span
        self._place(node)

    def _count(self, values: int, span: Span) -> None:
        self._values += values
        check_values(self._values, span)

    def _place(self, node: Node) -> None:
        """Puts a finished node where it belongs."""
        if not self._stack:
            self.root = node
        elif self._stack[-1].mapping:
            self._place_in_mapping(self._stack[-1], node)
        else:
            self._stack[-1].items.append(node)

    def _place_in_mapping(self, frame: _Frame, node: Node) -> None:
        if not frame.awaits_value:
            frame.awaits_value = True
            frame.key = node if isinstance(node, Scalar) else None
            if frame.key is None:
                self._findings.add(
                    problem(
                        "SPI-M013", "a key is a list or a mapping", self._end, "write a word as the key", frame.path
                    )
                )
            return
        frame.awaits_value = False
        if frame.key is None:
            return
        if frame.key.plain and frame.key.text == "<<":
            frame.merged.append((frame.key.span, node))
        else:
            frame.entries.add(frame.key, node)

    def _merge(self, frame: _Frame) -> None:
        """Reports merge keys, and yet does what they ask, so that no other finding follows from them."""
        for span, node in frame.merged:
            self._findings.add(
                problem("SPI-M014", "merge keys (<<) are not part of YAML 1.2", span, "write the keys out", frame.path)
            )
            sources = node.items if isinstance(node, Sequence) else (node,)
            for source in sources:
                if isinstance(source, Mapping):
                    for entry in source:
                        frame.entries.add_missing(entry)

    def _path(self) -> Path:
        if not self._stack:
            return ()
        frame = self._stack[-1]
        if not frame.mapping:
            return (*frame.path, len(frame.items))
        return (*frame.path, frame.key.text) if frame.awaits_value and frame.key else frame.path


def _span(start: Any, end: Any) -> Span:
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def yaml_tree(text: str, findings: Findings) -> Node | None:
    """Reads YAML 1.2 text.

    Args:
        text: The document, free of characters that YAML forbids.
        findings: Takes what is wrong.

    Returns:
        The tree, or None where the text is empty or cannot be read.
    """
    builder = _Builder(text, findings)
    try:
        builder.run()
    except Unreadable as stopped:
        findings.add(stopped.finding)
        return None
    except Exception as error:  # noqa: BLE001 - whatever the foreign scanner trips over is a text that is no YAML
        findings.add(explain(error, builder.place))
        return None
    return builder.root
