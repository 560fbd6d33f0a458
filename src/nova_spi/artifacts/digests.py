"""Digests: the name of a content, ``sha256:`` and its hexadecimal (image-spec, descriptor.md)."""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nova_spi.errors import ArtifactInvalid

if TYPE_CHECKING:
    from hashlib import _Hash

_LENGTHS = {"sha256": 64, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of some bytes.

    Attributes:
        algorithm: ``sha256`` or ``sha512``, the two that the specification registers.
        hex: Lower case.
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Reads ``sha256:...``.

        Raises:
            ArtifactInvalid: It is no digest, or of an algorithm that is not registered.
        """
        algorithm, _, digits = text.partition(":")
        if _LENGTHS.get(algorithm) != len(digits) or not _HEX.fullmatch(digits):
            raise ArtifactInvalid(f"{text[:160]!r} is no digest.", why="A digest is sha256: and 64 hexadecimal digits.")
        return cls(algorithm, digits)

    @classmethod
    def of(cls, data: bytes) -> "Digest":
        """The SHA-256 of ``data``."""
        return cls("sha256", hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    def hasher(self) -> "_Hash":
        """A new hash of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    def matches(self, data: bytes) -> bool:
        """Whether these are the bytes that it names."""
        return hashlib.new(self.algorithm, data).hexdigest() == self.hex
