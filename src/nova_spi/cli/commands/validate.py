"""``nova-spi validate``: every finding about a manifest or a project at once, and the mending of what can be mended."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nova_spi.cli import style
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

if TYPE_CHECKING:
    from nova_spi.checks.validation import ValidationReport

EXAMPLES = (
    "nova-spi validate",
    "nova-spi validate manifest.yml --strict",
    "nova-spi validate --fix",
    "nova-spi validate --output report.html",
    "nova-spi validate --output-format sarif",
)


@spi_command("validate", formats=("sarif",), short_help="Check a manifest or a whole project.")
@click.argument("path", type=click.Path(path_type=Path), default=Path(), required=False)
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--fix", is_flag=True, help="Write the canonical form; comments and order stay.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write a report: .txt, .json, .sarif or .html."
)
def command(state: State, path: Path, strict: bool, fix: bool, output: Path | None) -> int:
    """Check PATH, a manifest or a project (default: the current folder).

    Exit status 1 where there is an error, with --strict a warning too.
    """
    from nova_spi.checks.validation import check, write_report

    report = check(path, strict=strict, fix=fix)
    if output is not None:
        write_report(report, output)
    _show(report, state)
    return 0 if report.ok else 1


def _show(report: "ValidationReport", state: State) -> None:
    if state.output_format == "json":
        style.print_json(report.to_dict())
    elif state.output_format == "sarif":
        style.print_json(report.to_sarif())
    elif not state.silent or not report.ok:
        style.say(report.to_text(color=style.colours(sys.stdout)))
