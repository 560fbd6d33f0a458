"""Test cases: commands, inputs and outputs that are there, and values that would be taken."""

from collections.abc import Iterator
from typing import Any

from nova_spi import errors
from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import shown
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.defaults import problems_of, said
from nova_spi.manifest.rules.scope import Data, Interface, Scope, entries

_MOST_NAMES = 5
_BY_OUTPUT = ("equals", "contains", "pattern", "json_schema", "min_length", "file_count", "reference")


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Every test case, and the command of the benchmark."""
    for index, case in entries(scope.data.get("test_cases")):
        path: Path = ("test_cases", index)
        interface = scope.interface(case.get("command"))
        if interface is None:
            yield _unknown_command(scope, case["command"], (*path, "command"))
            continue
        expect = case.get("expect") or {}
        if "error" in expect:
            yield from _error(scope, expect["error"], (*path, "expect", "error"))
        else:
            yield from _inputs(scope, interface, case, path)
        yield from _outputs(scope, interface, expect, (*path, "expect"))
    command = scope.section("benchmark").get("command")
    if command is not None and scope.interface(command) is None:
        yield _unknown_command(scope, command, ("benchmark", "command"))


def _unknown_command(scope: Scope, name: str, path: Path) -> Diagnostic:
    known = [interface.name for interface in scope.interfaces]
    mend = scope.suggestion(name, known) or f"take {' or '.join(known[:_MOST_NAMES])}"
    return scope.at_value("SPI-M360", f"there is no command {shown(name)}", path, mend)


def _error(scope: Scope, code: str, path: Path) -> Iterator[Diagnostic]:
    known = _failures()
    if code not in known:
        mend = scope.suggestion(code, known) or "take a code of docs/errors.md, as in input.invalid"
        yield scope.at_value("SPI-M366", f"no failure has the code {shown(code)}", path, mend)


def _failures() -> set[str]:
    """The codes of every failed execution."""
    kinds, found = [errors.ExecutionError], set()
    while kinds:
        kind = kinds.pop()
        found.add(kind.code)
        kinds += kind.__subclasses__()
    return found


def _inputs(scope: Scope, interface: Interface, case: Data, path: Path) -> Iterator[Diagnostic]:
    parameters = interface.by_name("inputs")
    given: dict[str, Path] = {}
    for key in ("inputs", "files"):
        for name, value in (case.get(key) or {}).items():
            place = (*path, key, name)
            given[name] = place
            if name in parameters:
                yield from _value(scope, parameters[name], key, value, place)
            else:
                mend = scope.suggestion(name, parameters) or "remove it, or declare it"
                yield scope.at_key("SPI-M361", f"{interface.name} has no input {shown(name)}", place, mend)
    for name, parameter in parameters.items():
        if parameter.get("required") is True and "default" not in parameter and name not in given:
            if (*path, "inputs", name) in scope.wrong_places or (*path, "files", name) in scope.wrong_places:
                continue
            message = f"the required input {name} is missing"
            where = "files" if parameter.get("type") == "file" else "inputs"
            yield scope.at_key("SPI-M365", message, path, f"add it under {where}")


def _value(scope: Scope, parameter: Data, key: str, value: Any, place: Path) -> Iterator[Diagnostic]:
    is_file = parameter.get("type") == "file"
    if "type" in parameter and is_file != (key == "files"):
        right = "files" if is_file else "inputs"
        message = f"{place[-1]} is {'a file' if is_file else 'no file'}, and belongs under {right}"
        yield scope.at_key("SPI-M363", message, place, f"move it to {right}")
    elif not is_file and "type" in parameter:
        for problem in problems_of(parameter, value):
            mend = "correct it, or add expect: {error: input.invalid}"
            yield scope.at_value("SPI-M362", f"{problem.path} {said(problem)}", place, mend)


def _outputs(scope: Scope, interface: Interface, expect: Data, path: Path) -> Iterator[Diagnostic]:
    parameters = interface.by_name("outputs")
    named: list[tuple[Path, str]] = [
        ((*path, "outputs", index), name) for index, name in entries(expect.get("outputs"))
    ]
    for key in _BY_OUTPUT:
        named += [((*path, key, name), name) for name in expect.get(key) or {}]
    for place, name in named:
        if name not in parameters:
            mend = scope.suggestion(name, parameters) or "correct the name, or declare the output"
            yield scope.at_key("SPI-M364", f"{interface.name} has no output {shown(name)}", place, mend)
        elif place[-2] == "file_count" and parameters[name].get("type", "file") != "file":
            message = f"{name} is no file, so it has no number of files"
            yield scope.at_key("SPI-M367", message, place, "use min_length or equals")
