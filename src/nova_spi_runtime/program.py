"""``python -m nova_spi_runtime``: one command of a model, whose entry point is a module or something to call."""

from __future__ import annotations

import os
import sys

from .errors import SPIError
from .failures import model_error, report
from .places import Places, remove
from .runtime import SPIRuntime


def main() -> int:
    """Run the command that ``SPI_COMMAND`` names, or the default one.

    Returns:
        The exit status: 0 if the outputs are written, else 1.
    """
    error_file = Places(os.getcwd()).error_file
    try:
        runtime = SPIRuntime()
        error_file = runtime.places.error_file
        remove(error_file)
        remove(runtime.places.output_file)
        _run(runtime)
    except SPIError as error:
        report(error, error_file)
        return 1
    except Exception as exception:  # noqa: BLE001  # whatever the model raises is its error
        raised = model_error(exception)
        sys.stderr.write(raised.traceback)
        report(raised, error_file)
        return 1
    return 0


def _run(runtime: SPIRuntime) -> None:
    entry = runtime.command.entry_point
    _put_first(runtime.places.work_dir)
    ended = False
    try:
        if entry.get("callable"):
            _call(runtime, entry["callable"])
            return
        if not entry.get("module"):
            raise SPIError("manifest.unreadable", f"The command '{runtime.command.name}' has no module or callable.")
        _run_module(entry["module"])
    except SystemExit as stop:
        ended = True
        _check_exit(stop)
    if not os.path.isfile(runtime.places.output_file):
        _collect(runtime, ended=ended)


def _call(runtime: SPIRuntime, reference: str) -> None:
    from .calling import Target
    from .results import to_outputs

    # Inputs first: a wrong one must not cost the time of loading a model.
    values = runtime.parse_inputs()
    target = Target(reference, runtime.command)
    try:
        result = target(values, [parameter.name for parameter in runtime.command.inputs])
        outputs = to_outputs(result, runtime.command.outputs)
    finally:
        target.close()
    runtime.write_outputs(outputs)


def _run_module(name: str) -> None:
    from runpy import run_module

    run_module(name, run_name="__main__", alter_sys=True)


def _check_exit(stop: SystemExit) -> None:
    """A model may end itself with status 0; anything else is its error."""
    if stop.code in (None, 0):
        return
    message = stop.code if isinstance(stop.code, str) else f"The model ended itself with sys.exit({stop.code!r:.80})."
    raise SPIError("model.error", message) from None


def _collect(runtime: SPIRuntime, *, ended: bool) -> None:
    """Take the files that stand where outputs belong, for a program that wrote no object."""
    try:
        runtime.write_outputs({})
    except SPIError as error:
        if not ended:
            raise
        message = f"The model called sys.exit(0) before its outputs were written. {error.message}"
        raise SPIError(error.code, message, error.problems) from None


def _put_first(folder: str) -> None:
    """Make the project's folder the first place that modules are found in; `-m` puts the current one there."""
    if sys.path and sys.path[0] in ("", os.getcwd()):
        sys.path.pop(0)
    sys.path.insert(0, folder)
