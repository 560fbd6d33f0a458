"""Spellings that are read, warned of and rewritten: the table at the end of the manifest's reference.

The walk stands in `respelling`, the words in `spelled`, and what concerns the whole
document in `migration`.
"""

from dataclasses import dataclass, field, replace

from nova_spi.manifest.diagnostics import Diagnostic, Findings
from nova_spi.manifest.finding import finding, shown
from nova_spi.manifest.meaning.expecting import Object
from nova_spi.manifest.models import Manifest
from nova_spi.manifest.nodes import Mapping, Node, Path, Scalar
from nova_spi.manifest.spelling.edits import Action, Edit
from nova_spi.manifest.spelling.migration import base_work_dir, is_newer, migrate
from nova_spi.manifest.spelling.respelling import FIX, Respelling
from nova_spi.manifest.text.scalars import differs_in_yaml_1_1


@dataclass(frozen=True, slots=True)
class Normalised:
    """A document in canonical spelling.

    Attributes:
        node: The canonical tree; what was not changed keeps its place in the text.
        edits: The changes, in their order.
        findings: A warning for each change.
    """

    node: Node
    edits: tuple[Edit, ...] = ()
    findings: Findings = field(default_factory=Findings)


def normalise(node: Node) -> Normalised:
    """Rewrites a document into canonical spelling, and migrates version 0 to version 1.

    Args:
        node: The root, as `nova_spi.manifest.text.source.parse` gives it.

    Returns:
        The canonical tree with the edits that lead to it. A manifest of a newer version is left as it is.
    """
    if not isinstance(node, Mapping) or is_newer(node):
        return Normalised(node)
    walk = Respelling(base_work_dir(node))
    current = migrate(node, walk.findings, walk.edits)
    root = walk.visit(current, Object(Manifest), ())
    return Normalised(root, tuple(walk.edits), walk.findings)


def yaml11_warning(scalar: Scalar, path: Path) -> tuple[Diagnostic, Edit] | None:
    """The warning for a plain scalar that is meant as text and that YAML 1.1 takes for something else.

    Args:
        scalar: The value, standing where a string is expected.
        path: Its path in the canonical tree.

    Returns:
        The finding and the edit that puts quotation marks around it; None where all read the same.
    """
    other = differs_in_yaml_1_1(scalar.text) if scalar.plain else None
    if other is None:
        return None
    message = f"the text {shown(scalar.text)} has no quotation marks; YAML 1.1 reads {other} there"
    edit = Edit(Action.SET, path, scalar.span, replace(scalar, plain=False, tag=None))
    return finding("SPI-M113", message, path, scalar.span, FIX), edit
