"""What plain text means: YAML 1.2's core schema, and where YAML 1.1 reads something else.

Sources: YAML 1.2.2, chapter 10.3.2 (core schema); the type repository of YAML 1.1 as PyYAML's ``safe_load`` applies it,
because that is how other tools read a manifest.
"""

import re

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_STARTS = frozenset("~nNtTfF.+-0123456789")

_MAX_DIGITS = 4000
"""Python converts at most 4,300 digits to an integer; a longer number stays text and fails as whatever is wanted."""

_WORDS_1_1 = frozenset(
    case(word) for word in ("yes", "no", "true", "false", "on", "off") for case in (str.lower, str.title, str.upper)
)
_STARTS_1_1 = frozenset("yYnNtTfFoO~<=-+0123456789.")
_KINDS_1_1 = (
    ("an octal number", re.compile(r"[-+]?0[0-7_]+")),
    ("a binary number", re.compile(r"[-+]?0b[0-1_]+")),
    ("a hexadecimal number", re.compile(r"[-+]?0x[0-9a-fA-F_]+")),
    ("an integer", re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")),
    (
        "a number in base 60",
        re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*"),
    ),
    (
        "a float",
        re.compile(
            r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?"
            r"|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
    ),
    ("a date", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    (
        "a date",
        re.compile(
            r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
            r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?"
        ),
    ),
)
_SPECIAL_1_1 = {"<<": "a merge key", "=": "a default value"}


def resolve_core(text: str) -> bool | int | float | str | None:
    """Reads plain text as YAML 1.2's core schema does.

    Args:
        text: The text of a plain scalar.

    Returns:
        None, a boolean, an integer, a float (infinities and NaN included), or the text itself.
    """
    if text in _NULL:
        return None
    if text[0] not in _STARTS:
        return text
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    return _number(text)


def _number(text: str) -> int | float | str:
    if len(text) > _MAX_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "").lower())
    return text


def differs_in_yaml_1_1(text: str) -> str | None:
    """Says what YAML 1.1 makes of a plain scalar that is meant as a string.

    Args:
        text: The text of a plain scalar.

    Returns:
        What it is there, with its article (``"a boolean"``), or None where YAML 1.1 reads the string as well.
    """
    if text in _NULL:
        return "null"
    if text[0] not in _STARTS_1_1:
        return None
    if text in _WORDS_1_1:
        return "a boolean"
    if text in _SPECIAL_1_1:
        return _SPECIAL_1_1[text]
    return next((kind for kind, pattern in _KINDS_1_1 if pattern.fullmatch(text)), None)


def needs_quotes(text: str) -> bool:
    """True where some reader, of YAML 1.1 or 1.2, would take the plain text for something other than a string."""
    return (
        text in _ONE_LETTER
        or differs_in_yaml_1_1(text) is not None
        or resolve_core(text) != text
        or _NEARLY_A_NUMBER.fullmatch(text) is not None
    )


_ONE_LETTER = frozenset("yYnN")
"""Booleans by the letter of YAML 1.1, though PyYAML reads them as strings."""

_NEARLY_A_NUMBER = re.compile(
    r"[-+]?[.0-9_][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]*)?|[-+]?0[box][0-9a-fA-F_]+", re.IGNORECASE
)
"""What ruamel.yaml and others take for numbers beyond the core schema, underscores above all."""
