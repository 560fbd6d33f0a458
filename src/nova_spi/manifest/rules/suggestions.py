"""What would make a good manifest better."""

from collections.abc import Iterator

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.rules.scope import Scope, entries

_SHORTEST = 20


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Descriptions, licence, test cases, execution, media types."""
    yield from _model(scope)
    for interface in scope.interfaces:
        for side in ("inputs", "outputs"):
            for path, parameter in interface.parameters(side):
                if not str(parameter.get("description", "")).strip():
                    message = f"{parameter.get('name', 'this parameter')} has no description"
                    yield scope.at_key("SPI-M501", message, path, "say what it means, with its unit")
                if side == "inputs" and parameter.get("type") == "file" and not parameter.get("mime_types"):
                    message = f"{parameter.get('name', 'this parameter')} takes files of any type"
                    yield scope.at_key("SPI-M506", message, path, "add mime_types")
    yield from _cases(scope)


def _model(scope: Scope) -> Iterator[Diagnostic]:
    if not scope.keys_at(("model",)):
        return
    description = scope.section("model").get("description", "")
    if len(description.strip()) < _SHORTEST and ("model", "description") not in scope.wrong_places:
        what = "short" if description.strip() else "missing"
        yield scope.at_key(
            "SPI-M500", f"the description is {what}", ("model", "description"), "say what the model does"
        )
    if "license" not in scope.keys_at(("model",)):
        yield scope.at_key("SPI-M503", "there is no licence", ("model",), "add license: with an SPDX identifier")
    if "execution" not in scope.keys_at(()):
        yield scope.at_key("SPI-M504", "there is no execution", (), "add execution: with an entry point and resources")


def _cases(scope: Scope) -> Iterator[Diagnostic]:
    if "test_cases" not in scope.keys_at(()):
        yield scope.at_key("SPI-M502", "there are no test cases", (), "add one under test_cases")
    for index, case in entries(scope.data.get("test_cases")):
        if "expect" not in scope.keys_at(("test_cases", index)) or case.get("expect") == {}:
            message = f"{case.get('name', 'the case')} expects nothing"
            yield scope.at_key("SPI-M505", message, ("test_cases", index), "say under expect what must hold")
