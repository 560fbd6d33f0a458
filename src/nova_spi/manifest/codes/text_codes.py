"""The documented codes of reading (``SPI-M0nn``) and of spellings (``SPI-M1nn``)."""

from nova_spi.manifest.codes.code import Code
from nova_spi.manifest.diagnostics import Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING
_FIX = "nova-spi validate --fix"

READING: tuple[Code, ...] = (
    Code(
        "SPI-M001",
        "The file is too large",
        _ERROR,
        "A manifest is at most 1 MiB. It describes a model and does not carry it.",
        "Move data into files of the project and name them.",
    ),
    Code(
        "SPI-M002",
        "Not UTF-8",
        _ERROR,
        "A manifest is UTF-8 text. The finding names the first byte that is not.",
        "Save the file as UTF-8.",
    ),
    Code(
        "SPI-M003",
        "UTF-16 or UTF-32",
        _ERROR,
        "The file begins like UTF-16 or UTF-32 text, as some editors of Windows write it.",
        "Save the file as UTF-8.",
    ),
    Code(
        "SPI-M004",
        "A character that text cannot hold",
        _ERROR,
        "NUL, control characters, surrogates and non-characters are not allowed, neither as they are nor as escapes.",
        "Remove the character.",
    ),
    Code("SPI-M005", "The file is empty", _ERROR, "There is no document in it.", "nova-spi create NAME"),
    Code(
        "SPI-M006",
        "Not YAML",
        _ERROR,
        "The text cannot be read as YAML 1.2. The place is where reading stopped; the cause may stand a little before.",
        "Check indentation, quotation marks and brackets just before the place.",
    ),
    Code(
        "SPI-M007",
        "Not JSON",
        _ERROR,
        "The text cannot be read as JSON (RFC 8259): no comments, no trailing commas, no NaN.",
        "Write JSON as RFC 8259 has it, or rename the file to manifest.yml.",
    ),
    Code(
        "SPI-M008",
        "Nested too deep",
        _ERROR,
        "Lists and mappings may stand in each other at most 100 deep.",
        "Make the document flatter.",
    ),
    Code(
        "SPI-M009",
        "Aliases expand too far",
        _ERROR,
        "Written out, the aliases of the document would give more than 10,000 values.",
        "Write the values out, or use fewer aliases.",
    ),
    Code(
        "SPI-M010",
        "An alias within its own anchor",
        _ERROR,
        "The value would contain itself.",
        "Write the value out instead of the alias.",
    ),
    Code(
        "SPI-M011",
        "More than one document",
        _ERROR,
        "A manifest is one document; a second one begins after `---` or `...`.",
        "Keep one document in the file.",
    ),
    Code(
        "SPI-M012",
        "A key stands twice",
        _ERROR,
        "The same key stands twice in a mapping, and readers do not agree which of them counts.",
        "Keep one of the two.",
    ),
    Code(
        "SPI-M013",
        "A key that is no text",
        _ERROR,
        "Keys of a manifest are text; a list or a mapping cannot be one.",
        "Write a word as the key.",
    ),
    Code(
        "SPI-M014",
        "A merge key",
        _ERROR,
        "`<<` merges mappings in YAML 1.1 only; YAML 1.2 has no merge keys.",
        "Write the keys out.",
    ),
    Code(
        "SPI-M015",
        "An unknown tag",
        _ERROR,
        "A manifest holds text, numbers, booleans, null, lists and mappings; other tags would make objects.",
        "Remove the tag.",
    ),
    Code(
        "SPI-M016",
        "A directive",
        _ERROR,
        "A manifest is YAML 1.2 without directives; `%YAML 1.2` says so and is allowed, nothing else is.",
        "Remove the line.",
    ),
    Code(
        "SPI-M017",
        "Not a mapping",
        _ERROR,
        "The document is a list or a single value. A manifest is a mapping with keys like `model` and `inputs`.",
        "Begin with `model:`.",
    ),
    Code(
        "SPI-M018",
        "Too many values",
        _ERROR,
        "A manifest has at most 100,000 values.",
        "Move data into files of the project and name them.",
    ),
    Code(
        "SPI-M019",
        "An alias without an anchor",
        _ERROR,
        "`*NAME` stands for the value that `&NAME` marks earlier in the document, and there is none.",
        "Mark the value with `&NAME`, or quote the text where a `*` is meant.",
    ),
)

SPELLINGS: tuple[Code, ...] = (
    Code(
        "SPI-M100",
        "No version of the format",
        _WARNING,
        "A manifest without `spi_version` is read as version 0, the looser documents before it, and migrated to 1.",
        _FIX,
    ),
    Code(
        "SPI-M101", "Another name of a type", _WARNING, "`int`, `str`, `list` and the like are read as the types.", _FIX
    ),
    Code(
        "SPI-M102",
        "Another spelling of a word",
        _WARNING,
        "Words of a fixed list are read in any case, and written as the reference has them.",
        _FIX,
    ),
    Code(
        "SPI-M103",
        "Another spelling of yes or no",
        _WARNING,
        "`Yes`, `No`, `on`, `off` and quoted words are read as true and false, and written so.",
        _FIX,
    ),
    Code(
        "SPI-M104",
        "An absolute mount path",
        _WARNING,
        "A mount path below `execution.base_work_dir` is read as relative to it, and written so.",
        _FIX,
    ),
    Code(
        "SPI-M105",
        "One value where a list is meant",
        _WARNING,
        "A single value is read as a list of one.",
        _FIX,
    ),
    Code(
        "SPI-M106",
        "A list where one value is meant",
        _WARNING,
        "A list of one is read as its value.",
        _FIX,
    ),
    Code(
        "SPI-M107",
        "Another name of a colour space",
        _WARNING,
        "Rec. 709 and Rec. 2020 are read as BT.709 and BT.2020.",
        _FIX,
    ),
    Code(
        "SPI-M108",
        "Another name of a media type",
        _WARNING,
        "Old and informal names of media types, such as image/jpg, are read as the registered ones.",
        _FIX,
    ),
    Code(
        "SPI-M109",
        "An entry point as text or list",
        _WARNING,
        "A bare string or list is read as the entry point's `command`.",
        _FIX,
    ),
    Code(
        "SPI-M110",
        "A scorecard in the catalog",
        _WARNING,
        "`catalog.scorecard` is read as `scorecard` of the top level.",
        _FIX,
    ),
    Code(
        "SPI-M111",
        "Weights in percent",
        _WARNING,
        "Weights of metrics that sum to 100 are read as fractions of 1.",
        _FIX,
    ),
    Code(
        "SPI-M112",
        "A key in camelCase",
        _WARNING,
        "In `operations`, `governance` and `pipeline`, keys of ModelSpec are read and written in snake_case.",
        _FIX,
    ),
    Code(
        "SPI-M113",
        "Text that YAML 1.1 reads as something else",
        _WARNING,
        "Many tools still read YAML 1.1, where plain `yes` is a boolean, `16:9` a number and `2025-04-23` a date. "
        "Quoted, it is the same text for all.",
        _FIX,
    ),
    Code(
        "SPI-M114",
        "A key that YAML 1.1 reads as something else",
        _WARNING,
        "Many tools still read YAML 1.1, where a plain key `on` is a boolean and `1` a number. "
        "Quoted, it is the same key for all.",
        _FIX,
    ),
)

TEXT_CODES: tuple[Code, ...] = READING + SPELLINGS
"""All codes of the text side, for `nova_spi.manifest.codes`."""
