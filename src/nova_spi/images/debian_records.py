"""What apt says of packages: its records (deb822, see deb-control(5)) and the list of what it would fetch."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from nova_spi.errors import BuildFailed

MAX_TEXT = 64 * 1024 * 1024
"""Of what apt says, in characters: all records of a distribution are not more."""

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,126}")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]{0,254}")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_HEX = re.compile(r"[0-9a-f]{64}")
_FIELD = re.compile(r"([!-9;-~]{1,100}):[ \t]*(.*)")
_PRINTED = re.compile(r"'[^']*' ([^ /]+)\.deb [0-9]+ .*|'[^']*' ([^ /]+)\.deb [0-9]+")
_PINNED = re.compile(r"([^= ]+)=([^ ]+) ([^ ]+) sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One package, exactly.

    Attributes:
        name: As in ``libssl3``.
        version: With its epoch, ``1:2.0-3``.
        architecture: As Debian names it: ``amd64``, ``all``.
        sha256: Of the .deb file, in hexadecimal.
    """

    name: str
    version: str
    architecture: str
    sha256: str

    def __post_init__(self) -> None:
        parts = ((_NAME, self.name), (_VERSION, self.version), (_ARCHITECTURE, self.architecture), (_HEX, self.sha256))
        for pattern, text in parts:
            if not pattern.fullmatch(text):
                raise ValueError(f"{text[:80]!r} is no part of a package's name")

    @classmethod
    def parse(cls, text: str) -> "Package":
        """Reads ``NAME=VERSION ARCHITECTURE sha256:HEX``, as it stands in the lock.

        Raises:
            ValueError: It is none.
        """
        found = _PINNED.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:80]!r} is not NAME=VERSION ARCHITECTURE sha256:HEX")
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"{self.name}={self.version} {self.architecture} sha256:{self.sha256}"


def records(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of some control data: each a mapping of field names, in lower case, to values.

    Continued lines are joined by newlines. What is no field is passed over, as apt itself does.

    Raises:
        BuildFailed: There is too much.
    """
    if len(text) > MAX_TEXT:
        raise BuildFailed(f"apt said more than {MAX_TEXT} characters.", code="build.packages")
    found: dict[str, str] = {}
    last = ""
    for line in (*text.split("\n"), ""):
        if not line.strip():
            if found:
                yield found
            found, last = {}, ""
        elif line[0] in " \t":
            if last:
                found[last] += f"\n{line.strip()}"
        elif field := _FIELD.fullmatch(line):
            last = field[1].lower()
            found[last] = field[2].strip()
        else:
            last = ""


def package(record: Mapping[str, str]) -> Package | None:
    """The package of a record; None where the record does not say all, or says it wrongly."""
    try:
        return Package(record["package"], record["version"], record["architecture"], record["sha256"].lower())
    except (KeyError, ValueError):
        return None


def to_fetch(text: str) -> tuple[str, ...]:
    """What ``apt-get install --print-uris`` would fetch, as ``NAME:ARCHITECTURE=VERSION``, sorted.

    Raises:
        BuildFailed: It says something that is not known.
    """
    found = set()
    for line in text.splitlines():
        if not line.startswith("'"):
            continue
        printed = _PRINTED.fullmatch(line)
        parts = unquote(printed[1] or printed[2]).split("_") if printed else []
        valid = len(parts) == 3 and all(  # name, version, architecture
            pattern.fullmatch(part) for pattern, part in zip((_NAME, _VERSION, _ARCHITECTURE), parts, strict=True)
        )
        if not valid:
            raise BuildFailed(f"apt names a package in a way that is not known: {line[:200]}", code="build.packages")
        name, version, architecture = parts
        found.add(f"{name}:{architecture}={version}")
    return tuple(sorted(found))
