"""The documented codes of suggestions (``SPI-M5nn``): what would make a good manifest better."""

from nova_spi.manifest.codes.code import Code
from nova_spi.manifest.diagnostics import Severity


def _suggestion(code: str, title: str, explanation: str, mend: str) -> Code:
    return Code(code, title, Severity.SUGGESTION, explanation, mend)


SUGGESTION_CODES: tuple[Code, ...] = (
    _suggestion(
        "SPI-M500",
        "No description, or a short one",
        "People choose a model by its description; under 20 characters say little.",
        "Say in a sentence what the model does.",
    ),
    _suggestion(
        "SPI-M501",
        "A parameter without description",
        "Forms, agents and other people's programs show the description of each parameter.",
        "Say what the value means, with its unit.",
    ),
    _suggestion(
        "SPI-M502",
        "No test cases",
        "Without test cases nobody can tell whether the model still does what it did.",
        "Add one under `test_cases`.",
    ),
    _suggestion(
        "SPI-M503",
        "No licence",
        "Without a licence nobody may use the model.",
        "Add `license:` with an SPDX identifier.",
    ),
    _suggestion(
        "SPI-M504",
        "Nothing says how it runs",
        "Without `execution` a model is built and run by its defaults only: `python run.py`, no limits on memory.",
        "Add `execution` with an entry point and resources.",
    ),
    _suggestion(
        "SPI-M505",
        "A test case that expects nothing",
        "The case passes whatever the model gives, as long as it ends well.",
        "Say under `expect` what must hold.",
    ),
    _suggestion(
        "SPI-M506",
        "A file input without media types",
        "Without `mime_types` any file is given to the model, whatever is in it.",
        "Name the types that the model reads.",
    ),
)
"""All suggestions, for `nova_spi.manifest.codes`."""
