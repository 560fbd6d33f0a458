"""``nova-spi test``: the manifest's cases, or one run with inputs of one's own."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nova_spi.cli import failures, results, style
from nova_spi.cli.calling import Call, Place
from nova_spi.cli.inputs import Words, engine_options, input_options, read_secrets
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command
from nova_spi.errors import RunCancelled, UsageError

if TYPE_CHECKING:
    from nova_spi.checks.testing.report import CaseResult, TestReport
    from nova_spi.engines.process.isolation.levels import Level

EXAMPLES = (
    "nova-spi test",
    "nova-spi test --case printed_sign --debug",
    'nova-spi test --input prompt="Hello, world!"',
    'nova-spi test --interactive --input prompt="Hello, world!"',
)


@spi_command("test", short_help="Run the manifest's test cases, or one run with inputs of your own.")
@click.argument("path", metavar="[PATH or REF]", default=".", required=False)
@click.option("--case", "cases", multiple=True, metavar="NAME", help="Only this case (repeatable).")
@click.option(
    "--command", "command_name", metavar="NAME", help="For --input: the command.  [default: the default command]"
)
@input_options
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    default=Path("test_outputs"),
    show_default=True,
    help="A folder a case: output.json, the output files, log and record.",
)
@engine_options
@click.option("--debug", is_flag=True, help="As -vv; the run's folder is kept and named.")
@click.option("--interactive", is_flag=True, help="Stage the inputs, then open a shell in the model's environment.")
def command(
    state: State,
    path: str,
    cases: tuple[str, ...],
    command_name: str | None,
    words: Words,
    output: Path,
    engine: str | None,
    require_isolation: "Level | None",
    timeout: float | None,
    debug: bool,
    interactive: bool,
) -> int:
    """Run the test cases of the project PATH (default: the current folder), or of the built image REF.

    With --input or --input-file: one run without expectations.
    """
    if debug:
        state.verbosity = 2
    if cases and (words.given or interactive):
        raise UsageError("--case and --input do not go together.", mend="nova-spi test --case NAME")
    if interactive:
        # A shell of this machine in the model's environment; in a container `nova-spi container exec` opens one.
        place = Place.open(path, engine or "process", require_isolation, state)
        _refuse_image(place)
        return _interact(Call.make(place, command_name, words), state)
    place = Place.open(path, engine, require_isolation, state)
    if words.given or command_name is not None:
        call = Call.make(place, command_name, words)
        result = call.execute(state, output=output, timeout=timeout, keep=debug)
        results.show(result, state, "Test passed")
        return result.error.exit_status if result.error else 0
    if timeout is not None:
        raise UsageError("--timeout belongs to a run with --input.", why="A case has max_seconds, a command its own.")
    return _run_cases(place, cases, read_secrets(words.secrets), output, debug, state)


def _run_cases(
    place: Place, cases: tuple[str, ...], secrets: dict[str, str], output: Path, keep: bool, state: State
) -> int:
    from nova_spi.checks.testing.cases import run_cases

    with Showing(state) as progress:
        report = run_cases(
            place.folder,
            names=cases,
            secrets=secrets,
            engine=place.engine,
            settings=place.settings,
            output=output,
            progress=progress,
            keep=keep,
            image=place.image,
        )
    _show(report, state)
    errors = [case.execution.error for case in report.cases if case.execution is not None]
    cancelled = [error.exit_status for error in errors if isinstance(error, RunCancelled)]
    return cancelled[0] if cancelled else 0 if report.ok else 1


def _show(report: "TestReport", state: State) -> None:
    if state.machine:
        style.print_json(report.to_dict())
        return
    paint = style.Paint(sys.stdout)
    for case in report.cases:
        if case.status != "passed" or not state.silent:
            style.say("\n".join(_lines(case, paint)))
    if state.silent:
        return
    passed = sum(case.status == "passed" for case in report.cases)
    if not report.cases:
        style.say("ℹ The manifest has no test cases: nothing was tested.")  # noqa: RUF001 - the documented sign
    else:
        style.say(f"{passed} of {len(report.cases)} cases passed")


def _lines(case: "CaseResult", paint: style.Paint) -> list[str]:
    """A case; of one that did not pass what was expected and what came, and where the rest stands."""
    if case.status == "passed":
        return [f"- {case.name}: {paint.green('✓ Passed')} ({case.seconds:.2f} s)"]
    lines = [f"- {case.name}: {paint.red(f'✗ {case.status.capitalize()}')} ({case.seconds:.2f} s)"]
    lines += [f"    {finding}" for finding in case.findings]
    if case.execution is not None:
        if case.execution.error is not None:
            lines += [f"  {line}" for line in failures.reasons(case.execution.error.to_dict(), paint)]
        lines.append(paint.dim(f"    evidence: {case.execution.folder}"))
    return lines


def _refuse_image(place: Place) -> None:
    """What is in an image never runs beside this machine's own programs."""
    if place.image is not None:
        raise UsageError(
            f"--interactive opens a shell of this machine, and {place.image.name} is an image.",
            why="An image only ever runs in a sandbox or a container.",
            mend="Name the project that it was built from.",
        )


def _interact(call: Call, state: State) -> int:
    """A shell in the model's environment with the inputs staged; only on a terminal."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise UsageError(
            "--interactive needs a terminal.",
            why="It opens a shell; here standard input or output is a pipe or a file.",
            mend='nova-spi test --input prompt="Hello, world!"',
        )
    from nova_spi.execution.interactive import open_shell

    with Showing(state, moving=False) as progress:
        return open_shell(
            call.place.folder,
            command=call.command,
            inputs=call.inputs,
            secrets=call.secrets,
            engine=call.place.engine,
            settings=call.place.settings,
            progress=progress,
        )
