"""``nova-spi batch``: a model on many inputs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nova_spi.cli import failures, style
from nova_spi.cli.calling import opened
from nova_spi.cli.inputs import Words, engine_options, gather, input_options, read_secrets
from nova_spi.cli.showing import Showing
from nova_spi.cli.signals import INTERRUPTED
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command
from nova_spi.errors import UsageError

if TYPE_CHECKING:
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.serving.batch.doing import Report
    from nova_spi.serving.batch.order import Order

EXAMPLES = (
    "nova-spi batch --inputs prompts.jsonl --output answers",
    "nova-spi batch my-model --inputs pictures --input min_confidence=0.7 --output found --workers 4",
    "nova-spi batch --inputs - --output answers < prompts.jsonl",
    "nova-spi batch --inputs prompts.jsonl --output answers --retry-failed",
    "nova-spi batch --inputs prompts.jsonl --output answers --engine ray --address 10.0.0.1:6379 --workers 16",
)


@spi_command("batch", short_help="Run a model on many inputs, here or on a Ray cluster; goes on where it stopped.")
@click.argument("path", metavar="[PATH or REF]", default=".", required=False)
@click.option(
    "--inputs",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE|FOLDER|-",
    help="JSON Lines, one object of inputs a line; or a folder of files, each an input.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    default=Path("batch_outputs"),
    show_default=True,
    help="results.jsonl, failures.jsonl, batch.json and the output files; the same folder goes on.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=10_000),
    metavar="N",
    help="How many run at once. [default: the manifest's; on a cluster, as many as have room]",
)
@click.option("--command", "command_name", metavar="NAME", help="The command.  [default: the default command]")
@input_options
@engine_options
@click.option(
    "--address", metavar="ADDRESS", help="Of the Ray cluster: HOST:PORT, or auto for the one of this machine."
)
@click.option(
    "--max-failures", type=click.IntRange(min=1), metavar="N", help="Stop once so many have failed.  [default: never]"
)
@click.option("--retry-failed", is_flag=True, help="Run those again that have failed.")
@click.option("--restart", is_flag=True, help="Take away what is in the output's folder, and begin anew.")
def command(
    state: State,
    path: str,
    source: Path,
    output: Path,
    workers: int | None,
    command_name: str | None,
    words: Words,
    engine: str | None,
    require_isolation: "Level | None",
    timeout: float | None,
    address: str | None,
    max_failures: int | None,
    retry_failed: bool,
    restart: bool,
) -> int:
    """Run a model on many inputs: of the project PATH (default: the current folder), or of the built image REF.

    Each input is one call with its own result. Stopped by whatever, the same command goes on. --input gives
    inputs that all of them share; their own win.
    """
    from nova_spi.serving.batch.order import Order

    folder, settings, image = opened(path, engine, state)
    if address is not None and settings.engine != "ray":
        raise UsageError("--address belongs to --engine ray.", mend=f"--engine ray --address {address}")
    order = Order(
        folder,
        source,
        output,
        settings,
        image=image,
        command=command_name,
        shared=_shared(folder, command_name, words),
        secrets=read_secrets(words.secrets),
        workers=workers,
        timeout=timeout,
        isolation=require_isolation,
        address=address,
        max_failures=max_failures,
        restart=restart,
        retry_failed=retry_failed,
    )
    return _do(order, state)


def _shared(folder: Any, command_name: str | None, words: Words) -> dict[str, Any]:
    from nova_spi.interface.compiled import compile_interface

    chosen = compile_interface(folder.manifest).command(command_name)
    return gather(words, frozenset(parameter.name for parameter in chosen.file_inputs))


def _do(order: "Order", state: State) -> int:
    from nova_spi.serving.batch.doing import run_batch

    with Showing(state) as progress:
        report = run_batch(order, progress)
    _show(report, state)
    if report.signal is not None:
        return INTERRUPTED if report.signal == 2 else 128 + report.signal
    return report.error.exit_status if report.error is not None else 0 if report.ok else 1


def to_dict(report: "Report") -> dict[str, Any]:
    """The stable JSON shape of a batch."""
    said = report.state
    return {
        "schema_version": style.SCHEMA_VERSION,
        "ok": report.ok,
        "status": said["status"],
        "folder": str(report.folder.absolute()),
        "results": str(report.folder.absolute() / "results.jsonl"),
        "failures": str(report.folder.absolute() / "failures.jsonl"),
        "model": said["model"],
        "command": said["command"],
        "engine": said["engine"],
        "counts": said["counts"],
        "done_now": report.done_now,
        "seconds": round(report.seconds, 3),
        "starts": said["starts"],
        "error": said["error"],
    }


def _show(report: "Report", state: State) -> None:
    if state.machine:
        style.print_json(to_dict(report))
        return
    counts, paint = report.state["counts"], style.Paint(sys.stdout)
    if report.error is not None:
        failures.print_error(report.error.to_dict())
    if state.silent:
        return
    done = f"{counts['succeeded'] + counts['failed']} of {style.counted(counts['total'], 'item')} done"
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    mark = paint.green("✓") if report.ok else paint.yellow("!") if not counts["failed"] else paint.red("✗")
    style.say(f"{mark} {done}{failed}{_speed(report)}")
    if counts["left"]:
        style.say(f"{counts['left']} left: the same command goes on with them.")
    if counts["failed"]:
        style.say(f"Failures: {report.folder / 'failures.jsonl'}; --retry-failed runs them again")
    style.say(f"Results: {report.folder / 'results.jsonl'}")


def _speed(report: "Report") -> str:
    if not report.done_now:
        return " before" if report.state["counts"]["total"] and not report.state["counts"]["left"] else ""
    return f" ({report.done_now} in {report.seconds:.1f} s, {report.done_now / max(report.seconds, 1e-9):.1f} a second)"
