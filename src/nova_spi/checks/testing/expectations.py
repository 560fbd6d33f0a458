"""What a case expects, held against what came out. Every finding is one sentence; what cannot be checked is one too."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.checks.testing.references import reference_findings
from nova_spi.execution.output_schema import schema_problems
from nova_spi.execution.records import ExecutionResult
from nova_spi_runtime.regular import MAX_VALUE_BYTES, PatternInvalid, found_in

if TYPE_CHECKING:
    from nova_spi.interface.compiled import CompiledCommand
    from nova_spi.manifest.models import Expect

LONGEST_SHOWN = 200


def judge(expect: "Expect", result: ExecutionResult, command: "CompiledCommand", root: Path) -> list[str]:
    """Everything that is not as the case expects it; an empty list is a passed case.

    Args:
        expect: Of the case.
        result: What came out.
        command: The command that ran, for the types of its outputs.
        root: The project, for reference files.
    """
    if expect.error is not None:
        return [*_error(expect.error, result), *_spent(expect, result)]
    if result.error is not None:
        return [f"it failed with {result.error.error_code}: {result.error.message}", *_spent(expect, result)]
    outputs = _Outputs(result.outputs, frozenset(p.name for p in command.outputs if p.type == "file"))
    tolerance = expect.tolerance
    return [
        *(f"{name}: the output is missing" for name in expect.outputs if name not in result.outputs),
        *outputs.each(expect.equals, "a value", lambda name, value, wanted: _equal(name, value, wanted, tolerance)),
        *outputs.each(expect.contains, "a text", _contains),
        *outputs.each(expect.pattern, "a pattern", _matches),
        *outputs.each(expect.json_schema, "a JSON Schema", _meets),
        *outputs.each(expect.min_length, "a length", _long_enough),
        *outputs.counted(expect.file_count),
        *reference_findings(expect, result.outputs, root),
        *_spent(expect, result),
    ]


def _error(code: str, result: ExecutionResult) -> Iterator[str]:
    if result.error is None:
        yield f"it should fail with {code}, and succeeded"
    elif result.error.error_code != code:
        yield f"it should fail with {code}, and failed with {result.error.error_code}: {result.error.message}"


def _spent(expect: "Expect", result: ExecutionResult) -> Iterator[str]:
    """Time of the run itself, without making its environment; memory of the whole process tree."""
    seconds = result.record.get("timings", {}).get("run")
    if expect.max_seconds is not None and seconds is None and result.error is None:
        yield "max_seconds was not checked: no time was measured"
    elif expect.max_seconds is not None and seconds is not None and seconds > expect.max_seconds:
        yield f"it took {seconds:.3f} s, max_seconds is {expect.max_seconds:g}"
    most = expect.max_memory_bytes
    used = result.record.get("usage", {}).get("peak_memory_bytes")
    if most is not None and used is None and result.error is None:
        yield "max_memory was not checked: no memory was measured"
    elif most is not None and used is not None and used > most:
        yield f"it used {used} bytes of memory, max_memory is {most}"


Check = Callable[[str, Any, Any], Iterator[str]]


@dataclass(frozen=True)
class _Outputs:
    """The outputs of a run, asked one question at a time."""

    values: Mapping[str, Any]
    files: frozenset[str]

    def each(self, expected: Mapping[str, Any] | None, what: str, check: Check) -> Iterator[str]:
        """The findings of ``check`` about each value that something is expected of."""
        for name, wanted in (expected or {}).items():
            if name not in self.values:
                yield f"{name}: {what} was expected, and there is no such output"
            elif name in self.files:
                yield f"{name}: {what} was not checked: it is a file output; compare it by reference"
            else:
                yield from check(name, self.values[name], wanted)

    def counted(self, expected: Mapping[str, int] | None) -> Iterator[str]:
        """The findings about numbers of files; an output that is not there has none."""
        for name, wanted in (expected or {}).items():
            if name not in self.files:
                yield f"{name}: file_count was not checked: it is no file output"
            elif (count := len(self.values.get(name, ()))) != wanted:
                yield f"{name}: {count} files came, {wanted} were expected"


def _equal(name: str, value: Any, wanted: Any, tolerance: float) -> Iterator[str]:
    if not same(plain(value), wanted, tolerance):
        yield f"{name}: {shown(value)} came, {shown(wanted)} was expected"


def _contains(name: str, value: Any, wanted: Any) -> Iterator[str]:
    found = list(strings(value))
    for text in (wanted,) if isinstance(wanted, str) else wanted:
        if not any(text in one for one in found):
            yield f"{name}: {shown(text)} is not in {shown(value)}"


def _matches(name: str, value: Any, wanted: str) -> Iterator[str]:
    try:
        if not any(found_in(wanted, one[:MAX_VALUE_BYTES]) for one in strings(value)):
            yield f"{name}: {shown(value)} does not match the pattern {wanted}"
    except PatternInvalid as problem:
        yield f"{name}: the pattern {wanted} was not checked: {problem}"


def _meets(name: str, value: Any, wanted: Any) -> Iterator[str]:
    for path, message in schema_problems(wanted, plain(value)):
        yield f"{name}{path}: {message}"


def _long_enough(name: str, value: Any, wanted: int) -> Iterator[str]:
    if not isinstance(value, str | list | dict):
        yield f"{name}: min_length was not checked: {shown(value)} has no length"
    elif len(value) < wanted:
        yield f"{name}: its length is {len(value)}, min_length is {wanted}"


def same(value: Any, wanted: Any, tolerance: float) -> bool:
    """Whether two JSON values are equal, numbers within a relative tolerance; a decimal is its text."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return _near(value, wanted, tolerance)
    if isinstance(value, str) and isinstance(wanted, int | float | str) and value != wanted:
        return not isinstance(wanted, str) and _near_text(value, wanted, tolerance)
    if isinstance(value, list) and isinstance(wanted, list | tuple):
        return len(value) == len(wanted) and all(
            same(one, other, tolerance) for one, other in zip(value, wanted, strict=True)
        )
    if isinstance(value, dict) and isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(same(value[key], wanted[key], tolerance) for key in wanted)
    return bool(value == wanted)


def _near(value: float, wanted: float, tolerance: float) -> bool:
    if value == wanted:
        return True
    try:
        return abs(value - wanted) <= tolerance * abs(wanted)
    except OverflowError:
        return False


def _near_text(text: str, wanted: float, tolerance: float) -> bool:
    try:
        value, expected = Decimal(text), Decimal(str(wanted))
    except InvalidOperation:
        return False
    if not value.is_finite():
        return False
    return abs(value - expected) <= Decimal(str(tolerance)) * abs(expected)


def plain(value: Any) -> Any:
    """A typed value as JSON has it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def strings(value: Any) -> Iterator[str]:
    """Every string inside a value; the keys of objects are none of its strings."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Decimal):
            yield str(one)
        elif isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list | tuple):
            pending.extend(one)


def shown(value: Any) -> str:
    """A value in a sentence."""
    text = repr(plain(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
