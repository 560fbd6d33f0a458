"""The kinds of text and numbers that manifest keys take: one pattern each, and the words for what does not match.

A pattern here is read three times: by pydantic, by the JSON Schema, and by people in the message. So it stays within
what Rust's regex, ECMA-262 and Python's re understand alike: no look-around, no back-references.
"""

import shlex
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, PlainSerializer, Strict
from pydantic_core import PydanticCustomError

from nova_spi.manifest.models.quantities import QUANTITY

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """How a value that breaks a field's rule is reported.

    Attributes:
        code: The finding's code.
        wanted: What stands there in a good manifest, as in "'X' is not WANTED".
        mend: How to mend it.
    """

    code: str
    wanted: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Short:
    """A scalar may stand for the whole object: ``gpu: 1`` for ``gpu: {count: 1}``."""

    key: str
    kind: type


@dataclass(frozen=True, slots=True)
class SplitText:
    """A string may stand for the list: it is split like a shell does, and never given to one."""


Many = Annotated[tuple[T, ...], Strict(False)]
"""A list. Tuples, because models are frozen; a Python list is taken as well."""


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 1 << 53 else value


Number = Annotated[float, PlainSerializer(_whole, return_type=int | float)]
"""A finite number; 60 is written as 60, not 60.0."""

_GREATEST = (1 << 53) - 1
"""The greatest whole number that every reader of JSON keeps exactly."""

Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Seconds = Annotated[Number, Field(gt=0, le=1_000_000_000)]
"""A time to wait. A machine's clocks overflow at longer ones than these 31 years."""
Pause = Annotated[Number, Field(ge=0, le=1_000_000_000)]
"""A time to wait that may be none."""
Count = Annotated[int, Field(ge=0, le=_GREATEST)]
AtLeastOne = Annotated[int, Field(ge=1, le=_GREATEST)]
Port = Annotated[int, Field(ge=1, le=65535)]
Bytes = Annotated[int, Field(ge=0, le=_GREATEST)]


def split_command(value: Any) -> Any:
    """A command as a list, from a list or from a string split like a shell does."""
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise PydanticCustomError("command_text", "{why}", {"why": str(error).lower()}) from error


_Words = Annotated[str, Field(min_length=1)] | Annotated[tuple[str, ...], Field(min_length=1)]

Argv = Annotated[
    Many[str],
    Field(min_length=1),
    BeforeValidator(split_command, json_schema_input_type=_Words),
    SplitText(),
    Told("SPI-M216", "a command: at least one word", "write the program and its arguments, e.g. [python, run.py]"),
]

_SEMVER_PRE = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMVER = (
    r"^(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)"
    rf"(?:-{_SEMVER_PRE}(?:\.{_SEMVER_PRE})*)?$"
)

ModelName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$", max_length=63),
    Told(
        "SPI-M210",
        "a model name: lower-case letters and digits, joined by single '.', '_' or '-', at most 63 characters",
        "write a name like caption-reader; it becomes the repository's",
    ),
]
Version = Annotated[
    str,
    Field(pattern=SEMVER, max_length=128),
    Told(
        "SPI-M211",
        "a version in semver 2.0.0: MAJOR.MINOR.PATCH, with -PRERELEASE where wanted and without +BUILD",
        "write a version like 1.0.0 or 2.1.0-rc.1; it becomes the tag",
    ),
]
ParameterName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$"),
    Told(
        "SPI-M212",
        "a parameter name: a letter, then letters, digits and '_', at most 63 characters",
        "write a name like max_length",
    ),
]
CommandName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=63),
    Told(
        "SPI-M213",
        "a command name: a lower-case letter, then lower-case letters, digits, '_' and '-'",
        "write a name like detect-faces",
    ),
]
VariableName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=255),
    Told("SPI-M214", "a variable's name: a letter or '_', then letters, digits and '_'", "write a name like HF_TOKEN"),
]
Title = Annotated[
    str,
    Field(pattern=r"^[^./\\\s\x00-\x1f][^/\\\x00-\x1f]*$", max_length=128),
    Told(
        "SPI-M215",
        "a name that can be a folder's: no '/' or '\\', no leading dot or space, at most 128 characters",
        "write a name like printed_signs",
    ),
]
Text = Annotated[
    str, Field(min_length=1), Told("SPI-M217", "a text with at least one character", "write it, or remove the key")
]

WebAddress = Annotated[
    str,
    Field(pattern=r"^[hH][tT][tT][pP][sS]?://[^\s/?#]+[^\s]*$", max_length=2048, json_schema_extra={"format": "uri"}),
    Told("SPI-M220", "a web address", "write it with its scheme: https://HOST/PATH"),
]
WeightsAddress = Annotated[
    str,
    Field(
        pattern=r"^(?:[hH][tT][tT][pP][sS]?|s3|gs|hf|oci)://[^\s/?#]+[^\s]*$",
        max_length=2048,
        json_schema_extra={"format": "uri"},
    ),
    Told("SPI-M220", "an address of weights", "write http(s)://, s3://, gs://, hf:// or oci:// and the place"),
]
_ASSET = "|".join(
    [
        r"https://[^\s/?#@]+/[^\s]*",
        r"file:[^\s\x00-\x1f][^\x00-\x1f]*",
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s]+",
        r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/[^\s]+",
        r"hf://[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(?:@[^\s/@]+)?(?:/[^\s]*)?",
        r"oci://[^\s/?#@]+/[a-z0-9][a-z0-9._/-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[a-f0-9]{64})?(?:#[^\s]+)?",
    ]
)
AssetAddress = Annotated[
    str,
    Field(pattern=f"^(?:{_ASSET})$", max_length=2048),
    Told(
        "SPI-M221",
        "an address of an asset",
        "write https://HOST/PATH, file:PATH, s3://BUCKET/KEY, gs://BUCKET/KEY, hf://OWNER/NAME[@REV][/FILE] "
        "or oci://HOST/REPO[:TAG or @DIGEST][#FILE]",
    ),
]
Email = Annotated[
    str,
    Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254, json_schema_extra={"format": "email"}),
    Told("SPI-M222", "an e-mail address", "write NAME@HOST"),
]

_SEGMENT = r"(?:\.|(?:[^/\\\x00-\x1f.]|\.[^/\\\x00-\x1f.]|\.\.[^/\\\x00-\x1f])[^/\\\x00-\x1f]*)"
RelativePath = Annotated[
    str,
    Field(pattern=rf"^{_SEGMENT}(?:/{_SEGMENT})*/?$", max_length=1024),
    Told(
        "SPI-M223",
        "a relative path",
        "write it relative to execution.base_work_dir, with '/' between folders and without '..'",
    ),
]
AbsolutePath = Annotated[
    str,
    Field(pattern=rf"^(?:/{_SEGMENT})+/?$", max_length=1024),
    Told("SPI-M224", "an absolute path", "begin with '/', and leave out '..'"),
]
AnyPath = Annotated[
    str,
    Field(pattern=rf"^/?{_SEGMENT}(?:/{_SEGMENT})*/?$", max_length=1024),
    Told("SPI-M225", "a path", "write '/' between folders, and leave out '..'"),
]

Quantity = Annotated[
    str,
    Field(pattern=QUANTITY),
    Told("SPI-M226", "an amount", "write a number and Ki, Mi, Gi, Ti (or k, M, G, T), as in 24Gi"),
]
Resolution = Annotated[
    str,
    Field(pattern=r"^(?:[1-9][0-9]{0,5}x[1-9][0-9]{0,5}|[1-9][0-9]{0,5}p)$"),
    Told("SPI-M227", "a resolution", "write WIDTHxHEIGHT in pixels as in 1024x768, or the height as in 1080p"),
]
AspectRatio = Annotated[
    str,
    Field(pattern=r"^[0-9]{0,5}[1-9][0-9]{0,5}(?:\.[0-9]{1,5})?:[0-9]{0,5}[1-9][0-9]{0,5}(?:\.[0-9]{1,5})?$"),
    Told("SPI-M228", "an aspect ratio", "write WIDTH:HEIGHT, as in 16:9"),
]
MediaType = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/(?:\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126})$"),
    Told("SPI-M229", "a media type", "write type/subtype as in image/png, or all of a kind as in image/*"),
]
LanguageCode = Annotated[
    str,
    Field(
        pattern=r"^(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{5,8})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
        r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*"
        r"(?:-x(?:-[A-Za-z0-9]{1,8})+)?$"
    ),
    Told("SPI-M230", "a language code (BCP 47)", "write en, de-AT or zh-Hant"),
]
Sha256 = Annotated[
    str,
    Field(pattern=r"^[a-f0-9]{64}$"),
    Told("SPI-M231", "a SHA-256 digest: 64 lower-case hexadecimal digits", "take it from sha256sum FILE"),
]
PythonVersion = Annotated[
    str,
    Field(pattern=r"^3\.[0-9]{1,2}(?:\.[0-9]{1,3})?$"),
    Told("SPI-M232", "a version of Python", 'write "3.11", in quotation marks'),
]
CudaVersion = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{1,3})?$"),
    Told("SPI-M233", "a version of CUDA", 'write "12.4", in quotation marks'),
]
PackageName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9+.-]*(?::[a-z0-9]+)?(?:=[A-Za-z0-9.+:~-]+)?$", max_length=200),
    Told("SPI-M234", "the name of a system package", "write NAME or NAME=VERSION, as in libsndfile1"),
]
ImageReference = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:/[a-z0-9][a-z0-9._-]*)*"
        r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[a-f0-9]{64})?$",
        max_length=512,
    ),
    Told("SPI-M235", "an image reference", "write HOST/REPOSITORY:TAG@sha256:DIGEST"),
]
ModulePath = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$", max_length=255),
    Told("SPI-M236", "the name of a Python module", 'write "package.module", without .py'),
]
CallablePath = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$",
        max_length=255,
    ),
    Told("SPI-M237", "the place of a Python function or class", 'write "package.module:name"'),
]
