"""What a manifest may cost its reader: size, depth and number of values, and the findings for what goes beyond."""

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import finding
from nova_spi.manifest.nodes import Path, Span

MAX_BYTES = 1 << 20
MAX_DEPTH = 100
MAX_VALUES = 100_000
MAX_ALIASED = 10_000
"""Values that aliases may add to those that are written out."""


_LONGEST_WORD = 60


class Unreadable(Exception):
    """Stops the reading of a document.

    Args:
        code: The finding's code.
        message: What is wrong.
        span: Where.
        mend: How to mend it.
    """

    def __init__(self, code: str, message: str, span: Span | None, mend: str = "") -> None:
        super().__init__(message)
        self.finding = problem(code, message, span, mend)


def problem(code: str, message: str, span: Span | None, mend: str = "", path: Path = ()) -> Diagnostic:
    """A finding of reading."""
    return finding(code, message, path, span, mend)


def cut(word: str) -> str:
    """A word of the document as a message shows it: never long."""
    return word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}..."


def check_depth(depth: int, span: Span) -> None:
    """Refuses what is nested deeper than `MAX_DEPTH`.

    Raises:
        Unreadable: It is deeper.
    """
    if depth > MAX_DEPTH:
        raise Unreadable(
            "SPI-M008", f"lists and mappings are nested more than {MAX_DEPTH} deep", span, "make the document flatter"
        )


def check_values(count: int, span: Span) -> None:
    """Refuses more than `MAX_VALUES` values.

    Raises:
        Unreadable: There are more.
    """
    if count > MAX_VALUES:
        raise Unreadable(
            "SPI-M018",
            f"the document has more than {MAX_VALUES:,} values",
            span,
            "move data into files of the project and name them",
        )
