"""Bytes to a `Document`: parsed, spelled canonically, read as each key expects, held against every rule."""

from nova_spi.manifest.diagnostics import Diagnostic, Findings, Severity
from nova_spi.manifest.document import Document
from nova_spi.manifest.finding import finding
from nova_spi.manifest.meaning.construct import construct
from nova_spi.manifest.meaning.validating import validate_fields
from nova_spi.manifest.models.manifest import Manifest
from nova_spi.manifest.nodes import Mapping, Node, Scalar
from nova_spi.manifest.rules import check
from nova_spi.manifest.spelling.edits import quote_edits
from nova_spi.manifest.spelling.migration import is_newer
from nova_spi.manifest.spelling.spellings import normalise
from nova_spi.manifest.text.source import parse

__all__ = ["Document", "read"]


def read(data: bytes, *, filename: str = "manifest.yml") -> Document:
    """Reads a manifest. It never raises; what is wrong stands in the document's diagnostics, all at once.

    Args:
        data: The file's content.
        filename: As the user named it; a name that ends in ``.json`` is read as JSON, all others as YAML 1.2.
    """
    json = filename.lower().endswith(".json")
    parsed = parse(data, json=json)
    found = list(parsed.findings)
    if parsed.node is None:
        return Document(None, None, parsed.text, filename, tuple(found))
    newer = _newer(parsed.node)
    if newer:
        return Document(None, parsed.node, parsed.text, filename, (*found, newer))
    normalised = normalise(parsed.node)
    constructed = construct(normalised.node, Manifest, json=json)
    fields = validate_fields(constructed.data, constructed.wrong_places, normalised.node)
    found += [*normalised.findings, *constructed.findings, *fields.findings]
    found += check(fields.data, normalised.node, constructed.wrong_places | fields.wrong_places)
    wrong = {item.path for item in found if item.severity is Severity.ERROR}
    # Quotation marks around a value that has to change are no help.
    found = [item for item in found if item.code != "SPI-M113" or item.path not in wrong]
    edits = (*normalised.edits, *constructed.edits, *quote_edits(normalised.node, found))
    manifest = None if wrong else fields.manifest
    return Document(manifest, normalised.node, parsed.text, filename, tuple(Findings(found).sorted()), edits)


def _newer(node: Node) -> Diagnostic | None:
    """The refusal of a later version of the format. Its other keys mean what this reader cannot know."""
    if not isinstance(node, Mapping) or not is_newer(node):
        return None
    version = node.get("spi_version")
    text = version.text if isinstance(version, Scalar) else ""
    message = f"spi_version {text} is newer than this nova-spi, which reads 1"
    span = version.span if version else None
    mend = "pip install --upgrade nova-spi; a newer nova-spi reads it"
    return finding("SPI-M209", message, ("spi_version",), span, mend)
