"""``WWW-Authenticate``: how a registry says what it wants (RFC 9110, section 11.6.1)."""

import re
from typing import NamedTuple

MAX_LENGTH = 8192
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110's name of a word, no secret
_PARAMETER = re.compile(rf'\s*,?\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"\s*,?\s*({_TOKEN})(?=[\s,]|$)(?!\s*=)")


class Challenge(NamedTuple):
    """One way to be let in.

    Attributes:
        scheme: ``bearer`` or ``basic``, in lower case.
        parameters: By their names in lower case: realm, service, scope.
    """

    scheme: str
    parameters: dict[str, str]


def read_challenges(header: str) -> list[Challenge]:
    """The challenges of a header; what cannot be read ends the list."""
    header = header[:MAX_LENGTH]
    found: list[Challenge] = []
    position = 0
    while scheme := _SCHEME.match(header, position):
        parameters: dict[str, str] = {}
        position = scheme.end()
        while parameter := _PARAMETER.match(header, position):
            name, quoted, plain = parameter.groups()
            parameters[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            position = parameter.end()
        found.append(Challenge(scheme[1].lower(), parameters))
    return found
