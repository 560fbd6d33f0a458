"""``nova-spi doctor``: what works on this machine, every setting and its origin."""

import sys
from pathlib import Path

import click

from nova_spi.cli import style
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

EXAMPLES = ("nova-spi doctor", "nova-spi doctor --network", "nova-spi doctor --output-format json")


@spi_command("doctor", short_help="Say what works on this machine, and how to mend the rest.")
@click.option("--network", is_flag=True, help="Ask the registries too whether they answer.")
def command(state: State, network: bool) -> int:
    """Say what works on this machine, and how to mend the rest.

    Exit status 1 where something must be mended; an optional part that is missing is no failure. Nothing leaves this
    machine but with --network.
    """
    from nova_spi.checks.machine.examining import describe, examine
    from nova_spi.project.folder import MANIFEST_NAMES
    from nova_spi.settings import Settings

    here = Path.cwd()
    settings = Settings.load(here)
    in_project = any((here / name).exists() for name in MANIFEST_NAMES)
    findings = list(examine(settings, place=here if in_project else None, network=network))
    ok = all(finding.state != "problem" for finding in findings)
    if state.machine:
        checks = [finding.to_dict() for finding in findings]
        told = {"ok": ok, "checks": checks, "settings": describe(settings)}
        style.print_json({"schema_version": style.SCHEMA_VERSION} | told)
        return 0 if ok else 1
    paint = style.Paint(sys.stdout)
    signs = {"ok": paint.green("✓"), "missing": paint.yellow("-"), "problem": paint.red("✗")}
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        if state.silent and finding.state != "problem":
            continue
        detail = style.folded(finding.detail, width + 4, sys.stdout)
        style.say(f"{signs[finding.state]} {finding.name:<{width}}  {detail}")
        if finding.mend:
            style.say(f"  {'':<{width}}  mend: {paint.bold(finding.mend)}")
    if not state.silent:
        style.say("\nSettings:")
        rows = [(setting["name"], setting["value"] or "(not set)", setting["from"]) for setting in describe(settings)]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for name, value, origin in rows:
            style.say(f"  {name:<{widths[0]}}  {value:<{widths[1]}}  {paint.dim(origin)}")
    return 0 if ok else 1
