"""What is said of inputs that are wrong to who sends JSON, and not words of a command line."""

from typing import Any

from nova_spi.errors import InputInvalid
from nova_spi.interface.examples import example_value
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.json_text import write_json
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.problems import Problem
from nova_spi_runtime.values import to_json

_MAX_EXAMPLES = 3


def told(command: ServedCommand, error: InputInvalid) -> InputInvalid:
    """The same error, with a mend that is a body."""
    paths = {str(problem["path"]).partition(".")[0].partition("[")[0] for problem in error.details["problems"]}
    shown = [each for each in command.inputs if each.name in paths]
    shown = shown or [each for each in command.inputs if each.required]
    example = {each.name: _example(each) for each in shown[:_MAX_EXAMPLES]}
    error.mend = f"send {write_json(example)}" if example else "send {}"
    return error


def _example(parameter: Parameter) -> Any:
    if parameter.secret:
        return "..."
    if parameter.type != "file":
        return to_json(parameter, example_value(parameter))
    mime = next((each for each in parameter.mime_types if "*" not in each), "application/octet-stream")
    return f"data:{mime};base64,..."


def problems_of(error: InputInvalid) -> list[Problem]:
    """The problems that an error tells."""
    return [Problem(each["path"], each["message"]) for each in error.details["problems"]]
