"""What one examination saw."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examination saw.

    Attributes:
        name: What was looked at.
        state: ok; missing (an optional part is not there, or not whole); problem (must be mended).
        detail: What was seen.
        mend: The command or change that mends it.
    """

    name: str
    state: State
    detail: str
    mend: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        found = {"name": self.name, "state": self.state, "detail": self.detail}
        return found | {"mend": self.mend} if self.mend else found
