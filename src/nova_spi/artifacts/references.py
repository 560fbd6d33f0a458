"""References: ``registry.example.org/team/model:1.0`` taken apart, by the distribution specification's grammar.

A name without a host is Docker Hub's, as everywhere: ``python:3.12-slim`` is ``docker.io/library/python:3.12-slim``.
"""

import ipaddress
import re
from dataclasses import dataclass

from nova_spi.artifacts.digests import Digest
from nova_spi.errors import ArtifactInvalid, UsageError

HUB = "docker.io"
HUB_ADDRESS = "registry-1.docker.io"
"""Where Docker Hub's registry answers; the name in references is another."""

MAX_NAME = 255
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Reference:
    """Which manifest of which repository.

    Attributes:
        host: With its port, ``registry.example.org:5000``.
        repository: ``team/model``.
        tag: Empty where there is a digest and nobody named one.
        digest: Where it is pinned.
    """

    host: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Reads a reference; without tag and digest the tag is ``latest``.

        Raises:
            UsageError: It is none; the message says which part is wrong.
        """
        rest, at, pinned = text.partition("@")
        if at and not pinned:
            raise _wrong(text, "the digest is missing")
        try:
            digest = Digest.parse(pinned) if at else None
        except ArtifactInvalid as error:
            raise _wrong(text, "what follows @ is no digest") from error
        name, tag = rest, ""
        if ":" in rest.rpartition("/")[2]:
            name, _, tag = rest.rpartition(":")
            if not TAG.fullmatch(tag):
                raise _wrong(text, f"{tag[:140]!r} is no tag")
        host, repository = _split(name)
        if not _HOST.fullmatch(host):
            raise _wrong(text, f"{host[:120]!r} is no host")
        if not _REPOSITORY.fullmatch(repository) or len(host) + len(repository) > MAX_NAME:
            raise _wrong(text, f"{repository[:120]!r} is no repository (lower case letters, digits, . _ - and /)")
        return cls(host, repository, tag or ("" if digest else "latest"), digest)

    @property
    def address(self) -> str:
        """The host that answers, with its port."""
        return HUB_ADDRESS if self.host == HUB else self.host

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest where there is one, else the tag."""
        return str(self.digest) if self.digest else self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        if first in ("index.docker.io", HUB_ADDRESS):
            first = HUB
        return first, rest if first != HUB or "/" in rest else f"library/{rest}"
    return HUB, name if slash else f"library/{name}"


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(
        f"{text[:200]!r} is no reference: {why}.", mend="Write HOST/REPOSITORY:TAG.", code="usage.reference"
    )


def is_loopback(host: str) -> bool:
    """Whether a host, with or without its port, is this machine, and nobody can listen on the way."""
    name = host[1 : host.index("]")] if host.startswith("[") and "]" in host else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
