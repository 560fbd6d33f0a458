"""A validation report as a file; its suffix chooses the format."""

import json
from pathlib import Path

from nova_spi.checks.validation.checking import replace_file
from nova_spi.checks.validation.report import ValidationReport
from nova_spi.errors import UsageError
from nova_spi.version import __version__

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ report.file }}: validation</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1d21; background: #fff }
h1 { font-size: 1.4rem } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #d5d9de }
code { font: .9em ui-monospace, monospace } .error { color: #a8071a } .warning { color: #874d00 } .suggestion { color: #0b5394 }
.verdict { font-size: 1.1rem; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #e6e8eb; background: #16181b } th, td { border-color: #3a3f45 }
  .error { color: #ff8080 } .warning { color: #ffc069 } .suggestion { color: #91caff } }
</style>
</head>
<body>
<h1>Validation of <code>{{ report.file }}</code></h1>
<p class="verdict {{ 'suggestion' if report.ok else 'error' }}">{{ report.summary() }}</p>
{% if report.diagnostics %}
<table>
<thead><tr><th>Where</th><th>Severity</th><th>Code</th><th>What is wrong</th><th>How to mend it</th></tr></thead>
<tbody>
{% for item in report.diagnostics %}
<tr><td><code>{{ item.file or '' }}{% if item.span %}{{ item.span.line }}:{{ item.span.column }}{% endif %} {{ item.where }}</code></td>
<td class="{{ item.severity }}">{{ item.severity }}</td><td><code>{{ item.code }}</code></td><td>{{ item.message }}</td><td>{{ item.mend }}</td></tr>
{% endfor %}
</tbody>
</table>
{% else %}
<p>No findings.</p>
{% endif %}
<p>nova-spi {{ version }}. Looked at: the manifest and the files that it names. Not run, not scanned.</p>
</body>
</html>
"""


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
    if path.parent != Path():
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, make(report).encode("utf-8"))


def _text(report: ValidationReport) -> str:
    return report.to_text() + "\n"


def _json(report: ValidationReport) -> str:
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _sarif(report: ValidationReport) -> str:
    return json.dumps(report.to_sarif(), indent=2, ensure_ascii=False) + "\n"


def _html(report: ValidationReport) -> str:
    import jinja2

    page = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    return page.render(report=report, version=__version__)
