"""The documented codes of single values (``SPI-M2nn``): keys, types, and what one field must look like."""

from nova_spi.manifest.codes.code import Code
from nova_spi.manifest.diagnostics import Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING


def _malformed(code: str, title: str, explanation: str, mend: str) -> Code:
    return Code(code, title, _ERROR, explanation, mend)


SHAPES: tuple[Code, ...] = (
    Code(
        "SPI-M200",
        "A key is missing",
        _ERROR,
        "The object cannot be understood without this key.",
        "Add the key.",
    ),
    Code(
        "SPI-M201",
        "An unknown key",
        _ERROR,
        "The reference has no such key here. A misspelled key would otherwise be passed over without a word.",
        "Correct the spelling, remove the key, or begin its name with `x-` if it is your own.",
    ),
    Code(
        "SPI-M202",
        "An unknown fact",
        _WARNING,
        "Facts of a medium (`domain_specific`, `output_specifications`) may go beyond the reference, but nobody looks "
        "for a misspelled one.",
        "Correct the spelling, or begin the name with `x-` if it is your own.",
    ),
    Code(
        "SPI-M203",
        "A value of the wrong type",
        _ERROR,
        'The key takes another kind of value. Nothing is converted silently: the text `"5"` is not the number 5.',
        "Write the kind of value that the message names.",
    ),
    Code(
        "SPI-M204",
        "A key without a value",
        _ERROR,
        "Nothing, `~` or `null` stands under the key.",
        "Write a value, or remove the key. The text null needs quotation marks.",
    ),
    Code(
        "SPI-M205",
        "Not one of the words",
        _ERROR,
        "The key takes one word of a fixed list.",
        "Take one of the words that the message lists.",
    ),
    Code(
        "SPI-M206",
        "A number out of range",
        _ERROR,
        "The number is below or above what makes sense here.",
        "Correct it.",
    ),
    Code(
        "SPI-M207",
        "Too few entries, or too long",
        _ERROR,
        "A list that must not be empty is, or a text is longer than is allowed.",
        "Add what is missing, or shorten the text.",
    ),
    Code(
        "SPI-M208",
        "No finite number",
        _ERROR,
        "Infinity and not-a-number have no place in JSON, so no value of a manifest can be one.",
        "Write a finite number, or leave the bound out.",
    ),
    Code(
        "SPI-M209",
        "A version of the format that is not known",
        _ERROR,
        "The manifest says that it is written in a later version of the format. A newer nova-spi reads it.",
        "pip install --upgrade nova-spi",
    ),
)

FORMS: tuple[Code, ...] = (
    _malformed(
        "SPI-M210",
        "Not a model name",
        "The name becomes a repository's: lower-case letters and digits, joined by single `.`, `_` or `-`, at most 63.",
        "Write lower case, with `-` between words.",
    ),
    _malformed(
        "SPI-M211",
        "Not a version",
        "A version is semver 2.0.0. It becomes a tag, so `+build` has no place in it.",
        "Write MAJOR.MINOR.PATCH.",
    ),
    _malformed(
        "SPI-M212",
        "Not a parameter name",
        "A parameter's name becomes a Python argument and an environment variable.",
        "Begin with a letter; then letters, digits and `_`, at most 63.",
    ),
    _malformed(
        "SPI-M213",
        "Not a command name",
        "A command's name stands on command lines and in addresses.",
        "Begin with a lower-case letter; then lower-case letters, digits, `_` and `-`.",
    ),
    _malformed(
        "SPI-M214",
        "Not a variable name",
        "Environment variables and secrets are named with letters, digits and `_`.",
        "Begin with a letter or `_`.",
    ),
    _malformed(
        "SPI-M215",
        "Not a name",
        "Names of assets, volumes and test cases become folders.",
        "Leave out `/` and `\\`, and do not begin with a dot or a space.",
    ),
    _malformed("SPI-M216", "Not a command line", "A command has at least a program.", "Write `[python, run.py]`."),
    _malformed("SPI-M217", "An empty text", "The key needs at least one character.", "Write it, or remove the key."),
    _malformed(
        "SPI-M220",
        "Not an address",
        "Addresses are URIs: http or https, for weights also s3, gs, hf and oci.",
        "Write the whole address with its scheme.",
    ),
    _malformed(
        "SPI-M221",
        "Not an asset's address",
        "Assets come by `https://`, `file:`, `s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `hf://OWNER/NAME[@REV][/FILE]` or "
        "`oci://HOST/REPO[:TAG or @DIGEST][#FILE]`.",
        "Write one of these; a folder ends in `/`.",
    ),
    _malformed("SPI-M222", "Not an e-mail address", "An e-mail address has a name, `@` and a host.", "Correct it."),
    _malformed(
        "SPI-M223",
        "Not a relative path",
        "Files of a model stand below `execution.base_work_dir`; what lies elsewhere is not the model's.",
        "Write the path relative to base_work_dir, without `..`.",
    ),
    _malformed("SPI-M224", "Not an absolute path", "This path begins at the root, `/`.", "Begin with `/`."),
    _malformed("SPI-M225", "Not a path", "A path has `/` between folders and no `..`.", "Correct it."),
    _malformed(
        "SPI-M226",
        "Not an amount",
        "Amounts of memory and disk are written as Kubernetes does: a number and Ki, Mi, Gi, Ti, or k, M, G, T.",
        "Write 24Gi instead of 24GB.",
    ),
    _malformed(
        "SPI-M227", "Not a resolution", "A resolution is WIDTHxHEIGHT, or a height.", "Write 1024x768 or 1080p."
    ),
    _malformed("SPI-M228", "Not an aspect ratio", "An aspect ratio is WIDTH:HEIGHT.", 'Write `"16:9"`.'),
    _malformed(
        "SPI-M229", "Not a media type", "A media type is type/subtype, or type/*.", "Write image/png or image/*."
    ),
    _malformed("SPI-M230", "Not a language code", "Languages are named by BCP 47.", "Write en, de-AT or zh-Hant."),
    _malformed("SPI-M231", "Not a digest", "A SHA-256 digest has 64 hexadecimal digits.", "Take it from `sha256sum`."),
    _malformed("SPI-M232", "Not a Python version", "The model's Python is 3.N or 3.N.P.", 'Write `"3.11"`.'),
    _malformed("SPI-M233", "Not a CUDA version", "A CUDA version is N.N or N.N.N.", 'Write `"12.4"`.'),
    _malformed(
        "SPI-M234",
        "Not a package name",
        "System packages are given to the image's package manager, so only names and versions are allowed.",
        "Write NAME or NAME=VERSION.",
    ),
    _malformed(
        "SPI-M235",
        "Not an image reference",
        "An image is HOST/REPOSITORY:TAG@sha256:DIGEST, where all but the repository may be left out.",
        "Correct it.",
    ),
    _malformed("SPI-M236", "Not a module", "A module is named as Python imports it.", "Write `package.module`."),
    _malformed(
        "SPI-M237",
        "Not a function or class",
        "A callable is a module and a name in it, with `:` between.",
        "Write `package.module:name`.",
    ),
    _malformed(
        "SPI-M240",
        "Not an SPDX licence",
        "Licences are SPDX expressions, so that tools can tell what may go together.",
        "Take an identifier of spdx.org/licenses, or LicenseRef-NAME for your own.",
    ),
    _malformed("SPI-M241", "Not a time", "Times are RFC 3339, with offset.", "Write 2025-04-23T10:00:00Z."),
)

SHAPE_CODES: tuple[Code, ...] = SHAPES + FORMS
"""All codes of single values, for `nova_spi.manifest.codes`."""
