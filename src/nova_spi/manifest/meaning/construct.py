"""From the node tree to plain data: scalars read as what their keys expect, and wrong shapes named."""

from dataclasses import dataclass, field
from typing import Any

from nova_spi.manifest.diagnostics import Findings
from nova_spi.manifest.meaning.expecting import Object
from nova_spi.manifest.meaning.typed import CaseReader, special_readers
from nova_spi.manifest.meaning.walking import WRONG, Walk
from nova_spi.manifest.models.record import Record
from nova_spi.manifest.nodes import Node, Path
from nova_spi.manifest.spelling.edits import Edit


@dataclass(frozen=True, slots=True)
class Constructed:
    """What the document says.

    Attributes:
        data: Plain data; values of the wrong type are left out.
        findings: Unknown and missing keys, values of the wrong type, text that YAML 1.1 reads otherwise.
        wrong_places: Where values were left out.
        edits: Changes that make values canonical whose meaning only a parameter's type tells.
    """

    data: dict[str, Any]
    findings: Findings
    wrong_places: set[Path] = field(default_factory=set)
    edits: tuple[Edit, ...] = ()


def construct(node: Node, model: type[Record], *, json: bool = False) -> Constructed:
    """Reads a document as a model expects it.

    Args:
        node: The canonical tree (`nova_spi.manifest.spelling.spellings`).
        model: Usually `nova_spi.manifest.models.Manifest`.
        json: The text is JSON, where text is always quoted: a bare number is never text.
    """
    cases = CaseReader()
    walk = Walk(json=json, special=special_readers(cases))
    data = walk.read(node, Object(model), ())
    if data is WRONG:
        return Constructed({}, walk.findings, walk.wrong_places)
    cases.finish(walk, data)
    return Constructed(data, walk.findings, walk.wrong_places, tuple(walk.edits))
