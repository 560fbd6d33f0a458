"""The platform that an image is for: ``linux/amd64``, ``linux/arm64/v8``."""

import platform as machine
import re
from dataclasses import dataclass

from nova_spi.artifacts.documents import Fields
from nova_spi.errors import UsageError

_PART = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i686": "386"}
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


@dataclass(frozen=True, slots=True)
class Platform:
    """Where an image runs.

    Attributes:
        os: As Go names it: ``linux``.
        architecture: As Go names it: ``amd64``, ``arm64``.
        variant: Of the architecture, ``v8``; empty where it has none or the usual one is meant.
    """

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """Reads ``linux/arm64`` or ``linux/arm/v7``.

        Raises:
            UsageError: It is no platform.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
            raise UsageError(f"{text[:80]!r} is no platform.", mend="Write it like linux/amd64.")
        return cls(*parts)

    @classmethod
    def here(cls) -> "Platform":
        """Linux on this machine's architecture."""
        name = machine.machine().lower()
        return cls("linux", _MACHINES.get(name, name))

    @classmethod
    def read(cls, fields: Fields) -> "Platform":
        """Reads the object ``platform`` of a descriptor, or the same fields of an image's config."""
        return cls(fields.text("os", 64), fields.text("architecture", 64), fields.text("variant", 64))

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def fits(self, wanted: "Platform") -> bool:
        """Whether what is for this platform runs where ``wanted`` is asked for; the usual variant may be left out."""
        return (self.os, self.architecture, self._variant) == (wanted.os, wanted.architecture, wanted._variant)

    @property
    def _variant(self) -> str:
        return self.variant or _DEFAULT_VARIANTS.get(self.architecture, "")

    def to_dict(self) -> dict[str, str]:
        """The object ``platform``."""
        found = {"architecture": self.architecture, "os": self.os}
        return found | ({"variant": self.variant} if self.variant else {})
