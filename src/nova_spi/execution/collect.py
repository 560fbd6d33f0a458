"""What came out of a run: read, checked against the interface, moved to where it stays."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.errors import ExecutionError, OutputInvalid, OutputMissing
from nova_spi.execution.failures import read_bounded
from nova_spi.execution.output_files import FileOutputs, Listing
from nova_spi.execution.output_schema import schema_problems
from nova_spi.execution.places import RunFolder
from nova_spi.execution.records import write_json
from nova_spi.execution.removal import remove_tree
from nova_spi_runtime.json_text import JsonInvalid, parse_json
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import ValueInvalid, from_json, to_json

if TYPE_CHECKING:
    from nova_spi.interface.compiled import CompiledCommand

MAX_OUTPUT_BYTES = 64 * 1024 * 1024
MAX_PROBLEMS = 100


@dataclass
class Collected:
    """What could be collected.

    Attributes:
        values: Typed values; file outputs as absolute paths in the run's outputs folder.
        plain: The same as the JSON object of output.json; file outputs as paths relative to it.
        files: Relative path below the outputs folder of every output file.
        warnings: What should be known.
        error: Why it is not complete, or None.
    """

    values: dict[str, Any] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: ExecutionError | None = None


def collect(
    run: RunFolder, command: "CompiledCommand", before: Listing, allowed: frozenset[str], base: str = ""
) -> Collected:
    """Reads and checks all outputs of a run that ended well, and moves them to `RunFolder.outputs`.

    Args:
        run: Where it ran.
        command: What it should give.
        before: What stood in the outputs' folders when it started.
        allowed: Real places that links in the work folder may lead to.
        base: base_work_dir, where a program may have seen the work folder.
    """
    return _Collecting(run, command, FileOutputs(run.work, run.outputs, before, allowed, base)).go()


class _Collecting:
    def __init__(self, run: RunFolder, command: "CompiledCommand", files: FileOutputs) -> None:
        self._run = run
        self._command = command
        self._files = files
        self._found = Collected()
        self._problems: list[dict[str, str]] = []
        self._missing: list[str] = []

    def go(self) -> Collected:
        remove_tree(self._run.outputs)  # nobody but us has a place there
        self._run.outputs.mkdir(parents=True)
        raw = self._read()
        wrote = raw is not None
        raw = raw or {}
        declared = {parameter.name for parameter in self._command.outputs}
        for name in raw:
            if name not in declared:
                self._found.warnings.append(f"The output {_short(name)!r} is not in the manifest; it was left out.")
        for parameter in self._command.outputs:
            value = raw.get(parameter.name)
            got = self._file(parameter, value) if parameter.type == "file" else self._value(parameter, value)
            if not got and parameter.required:
                self._missing.append(parameter.name)
        self._found.error = self._error(wrote)
        write_json(self._run.outputs / "output.json", self._found.plain)
        return self._found

    def _read(self) -> dict[str, Any] | None:
        content = read_bounded(self._run.output_file, MAX_OUTPUT_BYTES)
        if content is None:
            return None
        if len(content) > MAX_OUTPUT_BYTES:
            self._problem("", f"output.json is larger than {MAX_OUTPUT_BYTES} bytes; write large results as files")
            return {}
        try:
            found = parse_json(content)
        except JsonInvalid as error:
            self._problem("", f"output.json is not JSON: {error}")
            return {}
        if not isinstance(found, dict):
            self._problem("", "output.json holds no object of output names and values")
            return {}
        return found

    def _problem(self, path: str, message: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append({"path": path, "message": message})

    def _value(self, parameter: Parameter, value: Any) -> bool:
        """Checks one value; False where there is none."""
        if value is None:
            return False
        try:
            typed = from_json(parameter, value)
        except ValueInvalid as error:
            for problem in error.problems:
                self._problem(problem.path or parameter.name, problem.message)
            return True
        plain = to_json(parameter, typed)
        if parameter.schema:
            for path, message in schema_problems(dict(parameter.schema), plain):
                self._problem(f"{parameter.name}{path}", message)
        self._found.values[parameter.name] = typed
        self._found.plain[parameter.name] = plain
        return True

    def _file(self, parameter: Parameter, value: Any) -> bool:
        """Takes the files of one output; False where there is none."""
        taken = self._files.take(parameter, value)
        for message in taken.problems:
            self._problem(parameter.name, message)
        self._found.warnings.extend(taken.warnings)
        if taken.files:
            self._found.values[parameter.name] = [self._run.outputs / one for one in taken.files]
            self._found.plain[parameter.name] = taken.files
            self._found.files.extend(taken.files)
        return bool(taken.files or taken.problems)

    def _error(self, wrote: bool) -> ExecutionError | None:
        nothing = self._command.outputs and not wrote and not self._found.plain
        if not self._problems and (self._missing or nothing):
            named = ", ".join(self._missing or [parameter.name for parameter in self._command.outputs])
            return OutputMissing(
                f"The model ended well and gave no {named}.",
                why="" if wrote else "It wrote no outputs/output.json (SPI_OUTPUT_FILE) and no output file.",
                mend="Write the JSON object of outputs to SPI_OUTPUT_FILE, or call SPIRuntime().write_outputs().",
                missing=self._missing,
            )
        if not self._problems:
            return None
        first = self._problems[0]
        where = f"{first['path']}: " if first["path"] else ""
        more = f" (and {len(self._problems) - 1} more)" if len(self._problems) > 1 else ""
        return OutputInvalid(
            f"The model's output does not meet the manifest: {where}{first['message']}{more}",
            mend="Correct the model, or the outputs in the manifest.",
            problems=self._problems,
            missing=self._missing,
        )


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}..."


def keep_raw(work_outputs: Path, outputs: Path) -> None:
    """Keeps what a model wrote that did not pass, beside what did, as ``raw/``: evidence for its author.

    Files and folders alone: a link might lead whoever looks at it somewhere else, and a pipe might hold them up.
    """
    with suppress(OSError):  # a model may have taken every right to its folder from us; then there is none
        if not work_outputs.is_dir() or work_outputs.is_symlink():
            return
        for top, folders, files in os.walk(work_outputs):
            for name in (*folders, *files):
                found = Path(top, name)
                kind = found.lstat().st_mode
                if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
                    found.unlink()
        work_outputs.rename(outputs / "raw")
