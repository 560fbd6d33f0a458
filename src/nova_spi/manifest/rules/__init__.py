"""What holds between several keys of a manifest: one small file a theme, each a function from scope to findings."""

from collections.abc import Iterator, Set
from typing import Any

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Node, Path
from nova_spi.manifest.rules import (
    bounds,
    cases,
    catalog,
    commands,
    credentials,
    defaults,
    domain,
    execution,
    files,
    measures,
    names,
    patterns,
    schemas,
    suggestions,
    types,
)
from nova_spi.manifest.rules.scope import Scope

_RULES = (
    names.check,
    types.check,
    bounds.check,
    patterns.check,
    defaults.check,
    files.check,
    schemas.check,
    domain.check,
    execution.check,
    credentials.check,
    commands.check,
    cases.check,
    measures.check,
    catalog.check,
    suggestions.check,
)


def check(data: dict[str, Any], root: Node, wrong_places: Set[Path] = frozenset()) -> Iterator[Diagnostic]:
    """Every finding of every rule.

    Args:
        data: What `nova_spi.manifest.meaning.validating` left: each value is right by itself, or not there.
        root: The document, for places.
        wrong_places: Where values were left out because they are wrong, so that they do not count as missing too.
    """
    scope = Scope(data, root, wrong_places)
    for rule in _RULES:
        yield from rule(scope)
