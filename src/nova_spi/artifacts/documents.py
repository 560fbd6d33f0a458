"""JSON that came from elsewhere: read strictly and within bounds, one field at a time.

Duplicate keys, numbers that JSON does not have, lone surrogates and deep nesting are refused, since two readers may
take such a document for two different things. Unknown fields are left alone: a digest covers the bytes, and the bytes
are what is kept.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from nova_spi.errors import ArtifactInvalid

MAX_BYTES = 4 * 1024 * 1024
"""Of a manifest or an index; the distribution specification asks registries to take this much."""

MAX_CONFIG_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 32
MAX_ITEMS = 10_000
MAX_NUMBER = 1 << 53


def load_object(data: bytes, what: str, *, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        data: UTF-8.
        what: What it is, for messages.
        limit: More bytes are refused.

    Raises:
        ArtifactInvalid: It is not one JSON object, or passes a bound.
    """
    if len(data) > limit:
        raise ArtifactInvalid(f"{what} is larger than {limit} bytes.")
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise ArtifactInvalid(f"{what} is nested too deep.") from error
    except ValueError as error:
        raise ArtifactInvalid(f"{what} is not valid JSON.", why=f"{error}.") from error
    if not isinstance(found, dict):
        raise ArtifactInvalid(f"{what} is no JSON object.")
    _bounded(found, what)
    return found


def dump_object(value: Mapping[str, Any]) -> bytes:
    """The one way in which we write JSON that gets a digest: keys sorted, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _bounded(found: Any, what: str) -> None:
    waiting = [(found, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ArtifactInvalid(f"{what} is nested too deep.")
        if isinstance(value, str):
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise ArtifactInvalid(f"{what} holds half a character.")
        elif isinstance(value, dict):
            waiting.extend((each, depth + 1) for pair in value.items() for each in pair)
        elif isinstance(value, list):
            waiting.extend((each, depth + 1) for each in value)


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object, and where it stands.

    Each method answers with the field's value, or with nothing where it is absent or null, and raises
    `ArtifactInvalid` where it is of another type.

    Attributes:
        values: The object.
        where: Its place, for messages: ``the manifest's layers[2]``.
    """

    values: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, value: Any, where: str) -> "Fields":
        """The fields of ``value``, which must be an object."""
        if not isinstance(value, dict):
            raise ArtifactInvalid(f"{where} is no JSON object.")
        return cls(value, where)

    def text(self, name: str, longest: int = 4096) -> str:
        """A string; empty where there is none."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > longest:
            self.wrong(name, f"a string of at most {longest} characters")
        return value

    def whole(self, name: str) -> int | None:
        """A whole number from 0."""
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is not int or not 0 <= value <= MAX_NUMBER:
            self.wrong(name, "a whole number from 0")
        return value

    def list(self, name: str) -> "list[Any]":
        """A list; empty where there is none."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            self.wrong(name, f"a list of at most {MAX_ITEMS}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        found = self.list(name)
        if not all(isinstance(each, str) for each in found):
            self.wrong(name, "a list of strings")
        return tuple(found)

    def objects(self, name: str) -> "Iterator[Fields]":
        """A list of objects."""
        for position, value in enumerate(self.list(name)):
            yield Fields.of(value, f"{self.where}'s {name}[{position}]")

    def object(self, name: str) -> "Fields | None":
        """One object."""
        value = self.values.get(name)
        return None if value is None else Fields.of(value, f"{self.where}'s {name}")

    def map(self, name: str) -> dict[str, str]:
        """An object of strings; empty where there is none."""
        found = self.object(name)
        if found is None:
            return {}
        if len(found.values) > MAX_ITEMS or not all(isinstance(value, str) for value in found.values.values()):
            self.wrong(name, "an object of strings")
        return dict(found.values)

    def wrong(self, name: str, wanted: str) -> NoReturn:
        """Raises the error that the field is not what it must be."""
        raise ArtifactInvalid(f"{self.where} is not valid: {name} must be {wanted}.")
