"""From version 0, the looser documents before ``spi_version``, to version 1: what concerns the document as a whole."""

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.finding import finding, start
from nova_spi.manifest.nodes import Entry, Mapping, Node, Scalar, Span, at
from nova_spi.manifest.spelling.edits import Action, Edit
from nova_spi.manifest.text.resolving import is_null

VERSION = "1"

_FIX = "nova-spi validate --fix"


def version_of(node: Mapping) -> str:
    """The version that a document says it has; ``"0"`` where it says nothing."""
    stated = node.get("spi_version")
    return stated.text if isinstance(stated, Scalar) else "0"


def is_newer(node: Mapping) -> bool:
    """Whether the document is of a version that this reader does not know."""
    major = version_of(node).split(".")[0]
    return major.isascii() and major.isdigit() and len(major) < 10 and int(major) > int(VERSION)


def base_work_dir(node: Mapping) -> str:
    """Where the project stands while it runs, as far as the document says it."""
    stated = at(node, ("execution", "base_work_dir"))
    return stated.text if isinstance(stated, Scalar) and stated.text.startswith("/") else "/app"


def migrate(node: Mapping, findings: Findings, edits: list[Edit]) -> Mapping:
    """States the version where it is missing, and moves ``catalog.scorecard`` to the top level.

    Args:
        node: The root.
        findings: Takes a warning for each change.
        edits: Takes the changes.
    """
    return _with_scorecard(_with_version(node, findings, edits), findings, edits)


def _with_version(node: Mapping, findings: Findings, edits: list[Edit]) -> Mapping:
    stated = node.entry("spi_version")
    path = ("spi_version",)
    if stated is None:
        version = Scalar(VERSION, False, start(node.span))
        message = "the manifest has no spi_version; it is read as version 0 and migrated to 1"
        edits.append(Edit(Action.INSERT, path, node.span, version, first=True))
        entries = (Entry(Scalar("spi_version", True, start(node.span)), version), *node.entries)
    elif isinstance(stated.value, Scalar) and stated.value.text == "0":
        version = Scalar(VERSION, False, stated.value.span)
        message = "the manifest is of version 0; it is migrated to 1"
        edits.append(Edit(Action.SET, path, stated.value.span, version, stated.key.span))
        entries = tuple(Entry(entry.key, version) if entry is stated else entry for entry in node)
    else:
        return node
    findings.add(finding("SPI-M100", message, path, version.span, _FIX))
    return Mapping(entries, node.span, node.flow)


def _with_scorecard(node: Mapping, findings: Findings, edits: list[Edit]) -> Mapping:
    catalog = node.entry("catalog")
    if catalog is None or not isinstance(catalog.value, Mapping) or "scorecard" in node:
        return node
    moved = catalog.value.entry("scorecard")
    if moved is None:
        return node
    findings.add(
        finding(
            "SPI-M110",
            "catalog.scorecard is read as the top level's scorecard",
            ("catalog", "scorecard"),
            moved.key.span,
            _FIX,
        )
    )
    value = _scorecard(moved.value)
    rest = tuple(entry for entry in catalog.value if entry is not moved)
    gone = moved if rest else catalog
    whole = Span(gone.key.span.line, gone.key.span.column, gone.value.span.end_line, gone.value.span.end_column)
    edits.append(Edit(Action.REMOVE, ("catalog", "scorecard") if rest else ("catalog",), whole, key=gone.key.span))
    edits.append(Edit(Action.INSERT, ("scorecard",), node.span, value))
    entries = [
        Entry(entry.key, Mapping(rest, catalog.value.span, catalog.value.flow)) if entry is catalog else entry
        for entry in node
        if rest or entry is not catalog
    ]
    return Mapping((*entries, Entry(moved.key, value)), node.span, node.flow)


def _scorecard(node: Node) -> Node:
    """A scorecard that is only a text is its summary."""
    if not isinstance(node, Scalar) or is_null(node):
        return node
    return Mapping((Entry(Scalar("summary", True, node.span), node),), node.span)
