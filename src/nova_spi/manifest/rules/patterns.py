"""Regular expressions that text is held against."""

from collections.abc import Iterator

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Scope, entries


def check(scope: Scope) -> Iterator[Diagnostic]:
    """``constraints.pattern`` and ``expect.pattern`` are of the dialect, and cannot run away."""
    for typed in scope.types:
        pattern = (typed.data.get("constraints") or {}).get("pattern")
        if pattern is not None:
            yield from _pattern(scope, pattern, (*typed.path, "constraints", "pattern"))
    for index, case in entries(scope.data.get("test_cases")):
        for output, pattern in ((case.get("expect") or {}).get("pattern") or {}).items():
            yield from _pattern(scope, pattern, ("test_cases", index, "expect", "pattern", output))


def _pattern(scope: Scope, pattern: str, path: Path) -> Iterator[Diagnostic]:
    from nova_spi_runtime.values import pattern_problem

    problem = pattern_problem(pattern)
    if problem:
        yield scope.at_value("SPI-M311", f"the pattern is not allowed: {problem}", path, "write it without that")
