"""A validation report as a file; its suffix chooses the format."""

import json
from pathlib import Path

from nova_spi.checks.validation.checking import replace_file
from nova_spi.checks.validation.report import ValidationReport
from nova_spi.errors import ProjectError, UsageError
from nova_spi.version import __version__


def write_report(report: ValidationReport, path: Path) -> None:
    """Writes a report.

    Args:
        report: What to write.
        path: Ends in .txt, .json, .sarif or .html.

    Raises:
        UsageError: Another suffix.
        ProjectError: The file cannot be written.
    """
    formats = {".txt": _text, ".json": _json, ".sarif": _sarif, ".html": _html}
    make = formats.get(path.suffix.lower())
    if make is None:
        raise UsageError(
            f"A report cannot be written as '{path.name}'.",
            why="The suffix chooses the format.",
            mend=f"--output report.html, or one of {', '.join(formats)}",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProjectError(
            f"The folder {path.parent} for the report could not be made.",
            why=error.strerror or str(error),
            mend="--output report.html, in a folder that you may write",
            code="project.unwritable",
        ) from error
    replace_file(path, make(report).encode("utf-8"))


def _text(report: ValidationReport) -> str:
    return report.to_text() + "\n"


def _json(report: ValidationReport) -> str:
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _sarif(report: ValidationReport) -> str:
    return json.dumps(report.to_sarif(), indent=2, ensure_ascii=False) + "\n"


def _html(report: ValidationReport) -> str:
    import jinja2

    source = Path(__file__).with_name("report.html.j2").read_text("utf-8")
    page = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
    return page.render(report=report, version=__version__)
